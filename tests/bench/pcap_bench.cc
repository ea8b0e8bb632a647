// SPDX-License-Identifier: Apache-2.0
// The same worker on a plain net_pcap port that repeats a file for ever and drops what is sent, so
// that any other DPDK balancer can be put beside it on the same file: writes the file, measures
// weir on it, and the reflector on another port of the same kind in turns. testpmd runs on the file
// afterwards (suites.py).
#include <rte_cycles.h>
#include <rte_dev.h>
#include <rte_ethdev.h>

#include <chrono>
#include <fstream>

#include "tests/bench/lane.h"
#include "tests/bench/record.h"
#include "tests/bench/reflector.h"
#include "tests/bench/scene.h"
#include "tests/bench/software_port.h"
#include "tests/bench/tables.h"

namespace weir::bench {
namespace {

constexpr std::uint64_t now = 1'000'000'000'000;

// A capture in its oldest and simplest form.
class Capture {
  public:
    explicit Capture(const std::string& path) : file_(path, std::ios::binary) {
        const std::array<std::uint32_t, 6> header{0xa1b2c3d4, 4 << 16 | 2, 0, 0, 65535, 1};
        file_.write(reinterpret_cast<const char*>(header.data()), sizeof(header));
    }
    void add(const void* frame, std::uint32_t length) {
        const std::array<std::uint32_t, 4> header{0, 0, length, length};
        file_.write(reinterpret_cast<const char*>(header.data()), sizeof(header));
        file_.write(static_cast<const char*>(frame), length);
    }

  private:
    std::ofstream file_;
};

std::uint16_t open_port(const std::string& name, const std::string& path) {
    const std::string arguments = "rx_pcap=" + path + ",infinite_rx=1";
    std::uint16_t eth = 0;
    if (rte_eal_hotplug_add("vdev", name.c_str(), arguments.c_str()) != 0 ||
        rte_eth_dev_get_port_by_name(name.c_str(), &eth) != 0) {
        std::cerr << "no net_pcap port on " << path << '\n';
        std::exit(1);
    }
    start_port(eth, 512);
    return eth;
}

// UDP of established flows in random order, both directions in equal parts.
void write_flows(const Scene& scene, Capture& capture) {
    std::array<std::uint8_t, largest_frame> frame;
    std::vector<std::uint32_t> order;
    for (std::uint32_t flow = 0; flow < scene.plan().flows; flow++)
        if (scene.known(flow)) order.push_back(flow);
    Random random;
    for (std::size_t i = order.size(); i > 1; i--) std::swap(order[i - 1], order[random.below(i)]);
    for (const std::uint32_t flow : order) {
        const bool reply = scene.replies_pass() && (random.next() >> 63);
        capture.add(frame.data(), reply ? scene.write_reply(frame.data(), flow, 0)
                                        : scene.write_client(frame.data(), flow, 0));
    }
}

void write_strangers(const Scene& scene, Capture& capture) {
    std::array<std::uint8_t, largest_frame> frame;
    for (std::uint32_t i = 0; i < scene.plan().flows; i++)
        capture.add(frame.data(), scene.write_stranger(frame.data(), i));
}

template <class Poll>
double cycles_of(Poll poll) {
    constexpr unsigned polls = 256;
    const std::uint64_t from = rte_rdtsc_precise();
    for (unsigned i = 0; i < polls; i++) poll();
    return static_cast<double>(rte_rdtsc_precise() - from) / (polls * batch_capacity);
}

Record measure(const Options& options, const tables::View& view, const std::string& path,
               unsigned number, weir_reason expected) {
    const std::uint16_t eth = open_port("net_pcap" + std::to_string(number), path);
    WorkerLinks links;
    links.rx = {{eth, 0, network_port, false}};
    links.port[network_port].eth = eth;
    links.host[network_port].eth = eth;
    const Handoff handoff(1);
    Worker worker(view, 0, links, handoff);
    Reflector reflector(eth);
    Samples weir;
    Samples ceiling;
    const auto begin = std::chrono::steady_clock::now();
    while (weir.count() < 16 || std::chrono::steady_clock::now() - begin <
                                    std::chrono::duration<double>(options.seconds())) {
        weir.add(cycles_of([&] { worker.poll(now); }));
        ceiling.add(cycles_of([&] { reflector.poll(); }));
    }
    const weir_worker& stats = view.workers[0];
    if (stats.reason[expected] != stats.rx_packets) {
        std::cerr << path << ": of " << stats.rx_packets << " packets only "
                  << stats.reason[expected] << " were what they should be\n";
        std::exit(1);
    }
    rte_eth_dev_stop(eth);
    rte_eth_dev_close(eth);  // a port holds a buffer for each packet of its file
    Record record;
    const double hz = static_cast<double>(rte_get_tsc_hz());
    record.engine = "dpdk-pcap";
    record.cycles_per_packet = weir.median();
    record.ceiling_cycles = ceiling.median();
    record.ns_per_packet = weir.median() * 1e9 / hz;
    record.mpps = hz / weir.median() / 1e6;
    record.also = {{"app_cycles", weir.median() - ceiling.median()},
                   {"ratio", weir.median() / ceiling.median()},
                   {"cycles_min", weir.minimum()},
                   {"ceiling_min", ceiling.minimum()},
                   {"ceiling_mpps", hz / ceiling.median() / 1e6},
                   {"of_ceiling", ceiling.median() / weir.median()}};
    return record;
}

struct SceneOf {
    const char* mode;
    const char* family;
    std::uint64_t flows;
};

const SceneOf scenes[] = {{"nat", "ipv4", 1024},           {"nat", "ipv4", 32768},
                          {"dsr", "ipv4", 1024},           {"dsr", "ipv4", 32768},
                          {"dsr-stateless", "ipv4", 1024}, {"dsr-stateless", "ipv4", 32768}};

}  // namespace
}  // namespace weir::bench

// --file FOLDER: where the captures go; they stay.
int main(int argc, char** argv) {
    using namespace weir::bench;
    const Options options = parse_options(argc, argv);
    start_dpdk(options, "weir-bench-pcap", 65535);
    unsigned number = 0;
    for (const SceneOf& of : scenes) {
        const bool stateless = std::string_view(of.mode) == "dsr-stateless";
        const weir_reason hit = stateless ? WEIR_REASON_STATELESS : WEIR_REASON_FLOW_HIT;
        for (const bool established : {true, false}) {
            if (!established && std::string_view(of.mode) != "nat") continue;
            const Size size = size_for(2 * of.flows, options);
            const weir::tables::Segment tables = make_tables(size.geometry, options);
            Scene scene({of.mode, of.family, of.flows, WEIR_PROTO_UDP, 0}, tables.view());
            scene.establish(0, of.flows, now);
            const std::string name = std::string(established ? "hit" : "not_service") + "-" +
                                     of.mode + "-" + of.family + "-" + std::to_string(of.flows);
            const std::string path = options.file + "/" + name + ".pcap";
            {
                Capture capture(path);
                established ? write_flows(scene, capture) : write_strangers(scene, capture);
            }
            Record record = measure(options, tables.view(), path, number++,
                                    established ? hit : WEIR_REASON_NOT_SERVICE);
            record.name = established ? "hit" : "not_service";
            record.mode = of.mode;
            record.family = of.family;
            record.flows = of.flows;
            record.note = path;
            print(record);
        }
    }
}
