// SPDX-License-Identifier: Apache-2.0
// The DPDK engine's cases: the real worker on a software port, its ceiling beside it in turns. The
// list of scenes at the end is what there is to measure; a mode or family of the packet program is
// a line more.
#include <rte_cycles.h>

#include <chrono>
#include <string_view>

#include "bpf/shared/tcp.h"
#include "tests/bench/record.h"
#include "tests/bench/scene.h"
#include "tests/bench/tables.h"
#include "tests/bench/worker_loop.h"

namespace weir::bench {
namespace {

constexpr std::uint64_t start_of_time = 1'000'000'000'000;

struct Bench {
    const Options& options;
    Place& place;
    Record record;  // what all cases of a scene have in common
    Scene& scene;
    WorkerLoop loop;
    Random random;
    std::uint64_t now = start_of_time;

    // In turns: a round of weir's, which may consist of several timed steps, and one of the
    // ceiling's.
    void measure(const std::string& name, const std::function<double()>& round,
                 const Round::Write& write) {
        Samples weir;
        Samples ceiling;
        const std::uint64_t dropped = loop.dropped();
        const auto begin = std::chrono::steady_clock::now();
        const auto enough = std::chrono::duration<double>(options.seconds());
        while (weir.count() < 16 || std::chrono::steady_clock::now() - begin < enough) {
            weir.add(round());
            ceiling.add(loop.ceiling(write));
        }
        Record result = record;
        result.name = name;
        const double hz = static_cast<double>(rte_get_tsc_hz());
        result.cycles_per_packet = weir.median();
        result.ceiling_cycles = ceiling.median();
        result.ns_per_packet = weir.median() * 1e9 / hz;
        result.mpps = hz / weir.median() / 1e6;
        result.also["app_cycles"] = weir.median() - ceiling.median();
        result.also["ratio"] = weir.median() / ceiling.median();
        result.also["cycles_min"] = weir.minimum();
        result.also["ceiling_min"] = ceiling.minimum();
        result.also["dropped"] = static_cast<double>(loop.dropped() - dropped);
        result.also["rounds"] = static_cast<double>(weir.count());
        print(result);
    }

    // All flows through their handshakes; fewer when the machine is too slow for so many.
    void set_up() {
        constexpr std::uint64_t step = 1 << 20;
        constexpr auto patience = std::chrono::seconds(60);
        const auto begin = std::chrono::steady_clock::now();
        const std::uint64_t wanted = scene.plan().flows;
        std::uint64_t done = 0;
        std::uint64_t up = 0;
        while (done < wanted && std::chrono::steady_clock::now() - begin < patience) {
            const std::uint64_t to = std::min(done + step, wanted);
            up += scene.establish(done, to, now);
            done = to;
        }
        expect(up > 0, "no flow could be set up");
        record.also["flows_refused"] = static_cast<double>(done - up);
        if (done == wanted) return;
        scene.shrink(done);
        record.flows = done;
        if (!record.note.empty()) record.note += "; ";
        record.note += "no more could be set up within a minute";
    }

    void expect(bool right, const std::string& what) const {
        if (right) return;
        std::cerr << record.mode << ", " << record.flows << " flows: " << what << '\n';
        std::exit(1);
    }
};

// Established flows in uniformly random order; both directions where replies pass.
unsigned write_established(Bench& b, void* at) {
    std::uint64_t flow = b.random.below(b.scene.plan().flows);
    while (!b.scene.known(flow)) flow = b.random.below(b.scene.plan().flows);
    if (b.scene.replies_pass() && (b.random.next() >> 63))
        return b.scene.write_reply(at, flow, WEIR_TCP_ACK);
    return b.scene.write_client(at, flow, WEIR_TCP_ACK);
}

void hit(Bench& b) {
    const auto write = [&](void* at, unsigned) { return write_established(b, at); };
    const bool stateless = b.record.mode == "dsr-stateless";
    const weir_reason wanted = stateless ? WEIR_REASON_STATELESS : WEIR_REASON_FLOW_HIT;
    const auto before = b.loop.packets(wanted);
    const auto others = b.loop.packets(WEIR_REASON_NO_FLOW);
    b.measure(
        "hit", [&] { return b.loop.weir(write, b.now); }, write);
    b.expect(b.loop.packets(wanted) > before, "no packet hit its flow");
    b.expect(b.loop.packets(WEIR_REASON_NO_FLOW) == others, "flows were missed");
    b.expect(b.loop.dropped() == 0, "packets were dropped");
}

// Where the cycles of a hit go, stage by stage.
void budget(Bench& b) {
    std::array<Samples, StagedWorker::stages.size()> samples;
    const auto write = [&](void* at, unsigned) { return write_established(b, at); };
    for (unsigned round = 0; round < (b.options.quick ? 16 : 400); round++) {
        const auto cycles = b.loop.staged(write, b.now);
        for (std::size_t i = 0; i < cycles.size(); i++) samples[i].add(cycles[i]);
    }
    Record result = b.record;
    result.name = "budget";
    result.cycles_per_packet = 0;
    for (std::size_t i = 0; i < samples.size(); i++) {
        result.also[StagedWorker::stages[i]] = samples[i].median();
        result.cycles_per_packet += samples[i].median();
    }
    print(result);
}

void not_service(Bench& b) {
    const auto write = [&](void* at, unsigned) {
        return b.scene.write_stranger(at, b.random.below(1 << 20));
    };
    b.measure(
        "not_service", [&] { return b.loop.weir(write, b.now); }, write);
}

// A client that floods, while the established flows go on: every second packet is a SYN nobody
// completes.
void syn_flood(Bench& b) {
    std::uint64_t flood = b.scene.plan().flows;
    const auto write = [&](void* at, unsigned i) {
        if (i % 2) return b.scene.write_client(at, flood++, WEIR_TCP_SYN);
        return write_established(b, at);
    };
    const auto missed = b.loop.packets(WEIR_REASON_NO_FLOW);
    b.measure(
        "syn_flood", [&] { return b.loop.weir(write, b.now); }, write);
    b.expect(b.loop.packets(WEIR_REASON_NO_FLOW) == missed, "the flood has cost established flows");
}

constexpr std::uint64_t syn_timeout = 3'600'000'000'000;  // scene.cc: timeout_ms
constexpr std::uint64_t closed_rest = std::uint64_t{WEIR_CLOSED_TICKS} << WEIR_TICK_SHIFT;

// How far time goes on with each round, so that as many flows as the plan says are there at a time.
std::uint64_t step_of(const Bench& b, std::uint64_t life) {
    return life / std::max<std::uint64_t>(b.scene.plan().flows / round_packets, 1);
}

// SYNs with insert.
void new_flow(Bench& b) {
    std::uint64_t flow = 0;
    const auto write = [&](void* at, unsigned) {
        return b.scene.write_client(at, flow++, WEIR_TCP_SYN);
    };
    const auto round = [&] {
        b.now += step_of(b, syn_timeout);
        return b.loop.weir(write, b.now);
    };
    while (flow < b.scene.plan().flows) round();
    b.measure("new_flow", round, write);
}

// SYN, SYN-ACK, ACK, data, FIN, FIN, ACK: a round is 1,024 connections, one step after the other.
void connection(Bench& b) {
    struct Step {
        bool from_client;
        std::uint8_t flags;
    };
    static constexpr Step with_replies[] = {{true, WEIR_TCP_SYN},
                                            {false, WEIR_TCP_SYN | WEIR_TCP_ACK},
                                            {true, WEIR_TCP_ACK},
                                            {true, WEIR_TCP_ACK},
                                            {false, WEIR_TCP_FIN | WEIR_TCP_ACK},
                                            {true, WEIR_TCP_FIN | WEIR_TCP_ACK},
                                            {false, WEIR_TCP_ACK}};
    std::uint64_t base = 0;
    unsigned steps = 0;
    const auto round = [&] {
        double cycles = 0;
        steps = 0;
        for (const Step& step : with_replies) {
            if (!step.from_client && !b.scene.replies_pass()) continue;
            steps++;
            cycles += b.loop.weir(
                [&](void* at, unsigned i) {
                    return step.from_client ? b.scene.write_client(at, base + i, step.flags)
                                            : b.scene.write_reply(at, base + i, step.flags);
                },
                b.now);
            if (step.flags == WEIR_TCP_SYN)
                for (unsigned i = 0; i < round_packets; i++)
                    b.scene.learn(base + i, b.loop.frame(i));
        }
        base += round_packets;
        b.now += step_of(b, closed_rest);
        return cycles / steps;
    };
    const auto any = [&](void* at, unsigned i) {
        return b.scene.write_client(at, i, WEIR_TCP_ACK);
    };
    while (base < b.scene.plan().flows) round();
    b.expect(b.loop.dropped() == 0, "packets were dropped");
    b.record.also["packets_per_connection"] = steps;
    b.measure("connection", round, any);
    b.expect(b.loop.dropped() == 0, "packets were dropped");
}

struct SceneOf {
    const char* mode;
    const char* family;
    std::uint64_t flows;
    bool established;  // all of them, before the first case
    std::vector<void (*)(Bench&)> cases;
};

const SceneOf scenes[] = {
    {"dsr-stateless", "ipv4", 1'000, true, {hit, budget}},
    {"dsr-stateless", "ipv4", 1'000'000, true, {hit}},
    {"dsr-stateless", "ipv6", 1'000'000, true, {hit}},
    {"dsr", "ipv4", 1'000, true, {hit, budget}},
    {"dsr", "ipv4", 1'000'000, true, {hit, budget}},
    {"dsr", "ipv4", 10'000'000, true, {hit}},
    {"dsr", "ipv4", 100'000'000, true, {hit}},
    {"dsr", "ipv6", 1'000'000, true, {hit}},
    {"dsr", "ipv4", 1'000'000, false, {new_flow}},
    {"nat", "ipv4", 1'000, true, {hit, budget, not_service}},
    {"nat", "ipv4", 1'000'000, true, {hit, budget, not_service, syn_flood}},
    {"nat", "ipv4", 10'000'000, true, {hit, budget}},
    {"nat", "ipv4", 100'000'000, true, {hit, budget}},
    {"nat", "ipv6", 1'000'000, true, {hit, budget, not_service}},
    {"nat", "ipv4", 1'000'000, false, {new_flow}},
    {"nat", "ipv4", 1'000'000, false, {connection}},
};

// For --only: MODE/FAMILY/FLOWS/
std::string name_of(const SceneOf& of) {
    return std::string(of.mode) + '/' + of.family + '/' + std::to_string(of.flows) + '/';
}

void play(const SceneOf& of, const Options& options, Place& place) {
    const std::uint64_t flows =
        options.quick ? std::min<std::uint64_t>(of.flows, 10'000) : of.flows;
    // Room for what comes and goes beside the flows of the scene.
    Size size = size_for(of.established ? flows : 2 * flows, options);
    if (!of.established) size.flows = std::min(size.flows, flows);
    const tables::Segment tables = make_tables(size.geometry, options);
    Scene scene({of.mode, of.family, size.flows, WEIR_PROTO_TCP, 0}, tables.view());
    Record record;
    record.engine = "dpdk";
    record.mode = of.mode;
    record.family = of.family;
    record.flows = size.flows;
    record.bytes_per_flow = bytes_per_flow(size.flows);
    record.note = size.note;
    if (!tables.huge_pages())
        record.note += record.note.empty() ? "no huge pages" : "; no huge pages";
    Bench bench{options, place, record, scene, WorkerLoop(place, tables.view()), {}};
    if (of.established) bench.set_up();
    for (const auto measure : of.cases) measure(bench);
}

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) {
    using namespace weir::bench;
    const Options options = parse_options(argc, argv);
    start_dpdk(options, "weir-bench");
    Place place;
    for (const SceneOf& of : scenes)
        if (name_of(of).find(options.only) != std::string::npos) play(of, options, place);
}
