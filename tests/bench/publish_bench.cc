// SPDX-License-Identifier: Apache-2.0
// What control takes: Maglev's tables built, and one backend of one service among many taken out or
// put back, until every worker has been seen past it, while the workers forward traffic of which no
// packet may be lost. The configuration goes through the balancer, as at run time; workers run on
// all CPUs but the first.
#include <pthread.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "bpf/shared/verdict.h"
#include "control/balancing/maglev.h"
#include "control/publish/balancer.h"
#include "tests/bench/frame.h"
#include "tests/bench/lane.h"
#include "tests/bench/record.h"
#include "tests/bench/tables.h"

namespace weir::bench {
namespace {

using Clock = std::chrono::steady_clock;
using boost::asio::ip::make_address_v4;

double milliseconds(Clock::duration duration) {
    return std::chrono::duration<double, std::milli>(duration).count();
}

Record control_record(const std::string& name) {
    Record record;
    record.name = name;
    record.engine = "control";
    return record;
}

void build_maglev(std::size_t slots, const Options& options) {
    std::vector<std::string> names;
    for (unsigned i = 0; i < 1000; i++) names.push_back("10.0.0." + std::to_string(i) + ":80");
    std::vector<MaglevBackend> backends;
    for (const std::string& name : names) backends.push_back({name, 1});
    Samples samples;
    for (unsigned repeat = 0; repeat < (options.quick ? 2u : 15u); repeat++) {
        const auto from = Clock::now();
        const auto table = maglev_table(backends, slots);
        samples.add(milliseconds(Clock::now() - from));
        if (table.size() != slots) std::exit(1);
    }
    Record record = control_record("maglev_" + std::to_string(slots));
    record.also = {{"backends", 1000}, {"ms", samples.median()}, {"ms_min", samples.minimum()}};
    print(record);
}

constexpr std::uint32_t service_address = 0xc6120001;  // 198.18.0.1
constexpr std::uint32_t first_backend = 0x0a000001;
constexpr unsigned most_backends = 65000;  // an id has 16 bits

config::Model model_of(unsigned services, unsigned backends) {
    config::Model model;
    std::uint32_t address = first_backend;
    for (unsigned s = 0; s < services; s++) {
        config::Upstream upstream;
        upstream.name = "u" + std::to_string(s);
        for (unsigned b = 0; b < backends; b++) {
            config::Server server;
            server.addresses = {make_address_v4(address++)};
            server.name = server.addresses[0].to_string();
            upstream.servers.push_back(server);
        }
        model.upstreams.push_back(upstream);
        config::Service service;
        service.address = make_address_v4(service_address);
        service.port = static_cast<std::uint16_t>(1000 + s);
        service.upstream = s;
        model.services.push_back(service);
    }
    return model;
}

publish::Route route_to(const publish::IpAddress&, std::uint16_t) {
    publish::Route route;
    route.known = true;
    route.port = 1;
    route.next_hop = {{2, 0, 0, 0, 0, 4}};
    route.source = make_address_v4(service_address);
    return route;
}

// A worker on one flow table of its own: the packet program's stages, burst after burst, of packets
// that go on.
class Forwarder {
  public:
    Forwarder(const tables::View& view, unsigned index, unsigned cpu, unsigned services)
        : services_(services),
          stats_(view.workers[index]),
          lane_(view, index),
          control_(*view.control) {
        thread_ = std::thread([this, cpu] {
            cpu_set_t set;
            CPU_ZERO(&set);
            CPU_SET(cpu, &set);
            pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
            while (!stop_.load(std::memory_order_relaxed)) burst();
        });
    }
    ~Forwarder() { stop(); }
    void stop() {
        stop_ = true;
        if (thread_.joinable()) thread_.join();
    }
    std::uint64_t sent() const { return sent_; }
    std::uint64_t lost() const { return lost_; }

  private:
    void burst() {
        // release, as worker.cc does: what was read of older generations was read before
        __atomic_store_n(&stats_.generation,
                         __atomic_load_n(&control_.generation, __ATOMIC_ACQUIRE), __ATOMIC_RELEASE);
        weir_tuple tuple{};
        tuple.dst = weir_addr_v4(weir_be32_from(service_address));
        tuple.protocol = WEIR_PROTO_TCP;
        for (unsigned i = 0; i < lane_.capacity(); i++) {
            const std::uint64_t flow = next_++ % 30'000;  // the first time round, they are new
            tuple.src = weir_addr_v4(weir_be32_from(0x0b000000 + static_cast<std::uint32_t>(flow)));
            tuple.sport = weir_be16_from(4000);
            tuple.dport = weir_be16_from(static_cast<std::uint16_t>(1000 + flow % services_));
            const Macs macs{{{2, 0, 0, 0, 0, 3}}, {{2, 0, 0, 0, 0, 1}}};
            lane_.set_length(i, write_frame(lane_.frame(i), macs, tuple, WEIR_TCP_SYN));
        }
        lane_.run(lane_.capacity(), 1'000'000'000);
        for (unsigned i = 0; i < lane_.capacity(); i++)
            lost_ += weir_verdict_of(lane_.reason(i)) != WEIR_VERDICT_FORWARD;
        sent_ += lane_.capacity();
    }

    unsigned services_;
    weir_worker& stats_;
    Lane lane_;
    const weir_control& control_;
    std::uint64_t next_ = 0;
    std::uint64_t sent_ = 0;
    std::uint64_t lost_ = 0;
    std::atomic<bool> stop_ = false;
    std::thread thread_;
};

// Returns the seconds that the first configuration took.
double change_one_backend(unsigned services, const Options& options, const std::string& note) {
    const unsigned backends = std::min(100u, most_backends / services);
    const unsigned cpus = std::max(1u, std::thread::hardware_concurrency());
    const unsigned workers = std::max(1u, cpus - 1);

    auto geometry = tables::Geometry::for_flows(workers * 65536, workers, workers);
    geometry.backends = 65535;
    geometry.slot_lines = 1 << 20;
    const tables::Segment segment = make_tables(geometry, options);
    const tables::View view = segment.view();
    view.control->ports[1] = {0, {{2, 0, 0, 0, 0, 1}}, WEIR_PORT_NETWORK, 0};

    std::vector<std::unique_ptr<Forwarder>> forwarders;
    const auto wait_seen = [&](std::uint64_t generation) {
        if (forwarders.empty()) return;
        for (const weir_worker& worker : view.workers)
            while (__atomic_load_n(&worker.generation, __ATOMIC_ACQUIRE) < generation)
                std::this_thread::yield();
    };
    publish::Balancer balancer(view, wait_seen);
    const config::Model model = model_of(services, backends);
    const auto from = Clock::now();
    if (auto done = balancer.configure(model, {}); !done) throw std::runtime_error(done.error());
    if (auto done = balancer.publish(route_to); !done) throw std::runtime_error(done.error());
    const double first_ms = milliseconds(Clock::now() - from);

    for (unsigned i = 0; i < workers; i++)
        forwarders.push_back(std::make_unique<Forwarder>(view, i, i + cpus - workers, services));
    Samples samples;
    for (unsigned change = 0; change < (options.quick ? 4u : 200u); change++) {
        const auto begin = Clock::now();
        balancer.note_health(7, change % 2 != 0, "the benchmark says so");
        if (auto done = balancer.publish(route_to); !done) throw std::runtime_error(done.error());
        wait_seen(balancer.writer().generation());
        samples.add(milliseconds(Clock::now() - begin));
    }
    Record record = control_record("one_backend_changes");
    std::uint64_t sent = 0;
    std::uint64_t lost = 0;
    for (auto& forwarder : forwarders) {
        forwarder->stop();
        sent += forwarder->sent();
        lost += forwarder->lost();
    }
    record.also = {{"services", services},
                   {"backends_each", backends},
                   {"workers", workers},
                   {"ms_p50", samples.median()},
                   {"ms_p99", samples.quantile(0.99)},
                   {"ms_min", samples.minimum()},
                   {"ms_first", first_ms},
                   {"packets", static_cast<double>(sent)},
                   {"packets_lost", static_cast<double>(lost)}};
    record.note = note;
    if (backends < 100) record.note += "an id has 16 bits: 65,000 backends in all";
    print(record);
    return first_ms / 1000;
}

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) {
    using namespace weir::bench;
    const Options options = parse_options(argc, argv);
    build_maglev(65537, options);
    build_maglev(655373, options);
    const unsigned few = options.quick ? 10 : 50;
    const unsigned many = options.quick ? 20 : 1000;
    const double seconds = change_one_backend(few, options, "");
    // Configuring may take time that grows with the square of the backends.
    const double growth = static_cast<double>(many) / few * 65 / 100;
    if (seconds * growth * growth < 30)
        change_one_backend(many, options, "");
    else
        std::cerr << "1,000 services left out: to configure them would take some "
                  << seconds * growth * growth << " s\n";
}
