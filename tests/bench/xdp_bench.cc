// SPDX-License-Identifier: Apache-2.0
// The XDP engine's cases. Test runs: the program under the driver, less the driver around an empty
// program, also as multiples of an empty one. Live frames: what the program returns to a counting
// sink over a veth, beside a reflector. All in turns.
#include <linux/bpf.h>

#include <fstream>
#include <numeric>
#include <thread>

#include "tests/bench/options.h"
#include "tests/bench/record.h"
#include "tests/bench/scene.h"
#include "tests/bench/tables.h"
#include "tests/bench/xdp_programs.h"

namespace weir::bench {
namespace {

struct SceneOf {
    const char* mode;
    const char* family;
    std::uint32_t flows;
};

const SceneOf scenes[] = {{"nat", "ipv4", 1},
                          {"nat", "ipv4", 65'536},
                          {"nat", "ipv4", 1'048'576},
                          {"dsr", "ipv4", 1},
                          {"dsr", "ipv4", 65'536},
                          {"dsr", "ipv4", 1'048'576},
                          {"dsr-stateless", "ipv4", 65'536}};
constexpr std::uint32_t strangers = 65'536;
constexpr std::uint32_t new_flows = 65'536;

double megahertz() {
    std::ifstream cpuinfo("/proc/cpuinfo");
    for (std::string line; std::getline(cpuinfo, line);)
        if (line.starts_with("cpu MHz")) return std::stod(line.substr(line.find(':') + 1));
    return unknown;
}

Record record_of(const std::string& name, const SceneOf& of) {
    Record record;
    record.name = name;
    record.engine = "xdp";
    record.mode = of.mode;
    record.family = of.family;
    record.flows = of.flows;
    record.bytes_per_flow = bytes_per_flow(1 << 20);
    return record;
}

// Flows in random order, both directions where replies pass.
void write_hits(XdpPrograms& programs, const Scene& scene) {
    std::vector<std::uint32_t> order;
    for (std::uint32_t flow = 0; flow < scene.plan().flows; flow++)
        if (scene.known(flow)) order.push_back(flow);
    Random random;
    for (std::size_t i = order.size(); i > 1; i--) std::swap(order[i - 1], order[random.below(i)]);
    const auto frames = std::max<std::uint32_t>(2, static_cast<std::uint32_t>(order.size()));
    programs.write(frames, [&](void* at, std::uint32_t i) {
        const std::uint32_t flow = order[i % order.size()];
        return scene.replies_pass() && i % 2 ? scene.write_reply(at, flow, WEIR_TCP_ACK)
                                             : scene.write_client(at, flow, WEIR_TCP_ACK);
    });
}

void measure(
    const XdpPrograms& programs, Record record, unsigned repeats, unsigned expected,
    const Options& options, const std::function<void()>& before = [] {}) {
    Samples weir;
    Samples driver;
    Samples empty;
    for (unsigned turn = 0; turn < (options.quick ? 3u : 15u); turn++) {
        before();
        weir.add(programs.driven_weir(repeats, expected));
        driver.add(programs.driven_adjusting(repeats));
        empty.add(programs.empty(repeats));
    }
    const double net = std::max(weir.median() - driver.median(), 0.01);
    record.ns_per_packet = net;
    record.cycles_per_packet = net * megahertz() / 1000;
    record.ceiling_cycles = empty.median() * megahertz() / 1000;
    record.mpps = 1000 / net;
    record.also = {{"ratio", net / empty.median()},  // multiples of an empty program
                   {"ns_min", weir.minimum() - driver.minimum()},
                   {"driver_ns", driver.median()},
                   {"empty_ns", empty.median()}};
    print(record);
}

void flood(const XdpPrograms& programs, const SceneOf& of, const Options& options) {
    const unsigned frames = options.quick ? 20'000 : 2'000'000;
    Samples weir;
    Samples reflector;
    double lost = 0;
    double reflector_lost = 0;
    for (unsigned turn = 0; turn < (options.quick ? 2u : 5u); turn++) {
        const auto mpps = [&](const XdpPrograms::Flood& flood, double& missing) {
            missing += static_cast<double>(flood.sent) - static_cast<double>(flood.returned);
            return static_cast<double>(flood.returned) / flood.seconds / 1e6;
        };
        weir.add(mpps(programs.flood_weir(frames), lost));
        reflector.add(mpps(programs.flood_reflector(frames), reflector_lost));
    }
    Record record = record_of("end_to_end", of);
    record.mpps = weir.median();
    record.ns_per_packet = 1000 / weir.median();
    record.also = {{"reflector_mpps", reflector.median()},
                   {"of_reflector", weir.median() / reflector.median()},
                   {"mpps_max", weir.quantile(1)},
                   {"lost", lost},
                   {"reflector_lost", reflector_lost}};
    print(record);
}

void play(const SceneOf& of, const Options& options) {
    const std::uint32_t places = std::max<std::uint32_t>(2 * of.flows, 4 * new_flows);
    XdpPrograms programs(places, std::max({of.flows, strangers, new_flows, 2u}));
    Scene scene({of.mode, of.family, of.flows, WEIR_PROTO_TCP, programs.balancer_ifindex()},
                programs.view());
    scene.establish(0, of.flows, monotonic_now());
    write_hits(programs, scene);
    measure(programs, record_of("hit", of), std::max(of.flows, 200'000u), XDP_TX, options);
    if (of.flows != 65'536 || std::string_view(of.mode) != "nat") return;
    flood(programs, of, options);
    programs.write(strangers,
                   [&](void* at, std::uint32_t i) { return scene.write_stranger(at, i); });
    measure(programs, record_of("not_service", of), strangers, XDP_PASS, options);
    programs.write(new_flows, [&](void* at, std::uint32_t i) {
        return scene.write_client(at, i, WEIR_TCP_SYN);
    });
    measure(programs, record_of("new_flow", of), new_flows, XDP_TX, options,
            [&] { programs.forget_flows(); });
}

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) {
    using namespace weir::bench;
    const Options options = parse_options(argc, argv);
    // each in a thread, and so in a network namespace, of its own
    for (const SceneOf& of : scenes) std::thread([&] { play(of, options); }).join();
}
