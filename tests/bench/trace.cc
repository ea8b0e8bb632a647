// SPDX-License-Identifier: Apache-2.0
// A fixed trace through the stages as the worker compiles them, for callgrind: without it, nothing
// is counted. suites.py runs it under valgrind with --toggle-collect on the stages, and divides by
// the packets said here.
#include <sstream>

#include "tests/bench/lane.h"
#include "tests/bench/record.h"
#include "tests/bench/scene.h"
#include "tests/bench/tables.h"

namespace weir::bench {
namespace {

constexpr std::uint64_t start_of_time = 1'000'000'000'000;
constexpr std::uint64_t flows = 1024;
constexpr unsigned batches = 64;

}  // namespace

// Callgrind collects while this is on the stack; flows have been set up before.
[[gnu::noinline]] void measured(Lane& lane, std::uint64_t now) {
    lane.run(lane.capacity(), now);
}

namespace {

// How full the table is before the first packet, and what comes then.
struct Trace {
    std::uint64_t room = 4 * flows;
    std::uint64_t established = flows;
    std::uint64_t opened = 0;  // SYNs before those that are measured
    std::uint64_t step = 0;    // ns from batch to batch
};

Trace trace_of(const std::string& name) {
    // 16 seconds a batch, and timeouts of an hour: an hour's SYNs are there at a time, half a
    // table.
    if (name == "new_flow")
        return {.room = 14'400, .established = 0, .opened = 28'800, .step = 16'000'000'000};
    if (name == "syn_flood")
        return {.room = flows - flows / 16, .opened = batches * batch_capacity};
    if (name == "half_open") return {.room = flows, .established = 0, .opened = 2 * flows};
    return {};
}

}  // namespace
}  // namespace weir::bench

// --only MODE/FAMILY/CASE, where a case is hit, not_service, new_flow (in the place of a dead one),
// syn_flood (SYNs to a table that is full of established flows) or half_open (of half-open ones).
int main(int argc, char** argv) {
    using namespace weir::bench;
    const Options options = parse_options(argc, argv);
    std::istringstream words(options.only);
    std::string mode;
    std::string family;
    std::string name;
    std::getline(std::getline(std::getline(words, mode, '/'), family, '/'), name);
    const Trace trace = trace_of(name);
    const Size size = size_for(trace.room, options);
    const weir::tables::Segment tables = make_tables(size.geometry, options);
    Scene scene({mode, family, flows, WEIR_PROTO_TCP, 0}, tables.view());
    std::uint64_t now = start_of_time;
    scene.establish(0, trace.established, now);
    Lane lane(tables.view());
    Random random;
    std::uint64_t fresh = flows;
    const auto write_syns = [&] {
        for (unsigned i = 0; i < lane.capacity(); i++)
            lane.set_length(i, scene.write_client(lane.frame(i), fresh++, WEIR_TCP_SYN));
        now += trace.step;
    };
    while (fresh < flows + trace.opened) {
        write_syns();
        lane.run(lane.capacity(), now);
    }
    for (unsigned batch = 0; batch < batches; batch++) {
        if (name == "new_flow" || name == "syn_flood" || name == "half_open") {
            write_syns();
        } else {
            for (unsigned i = 0; i < lane.capacity(); i++) {
                const std::uint64_t flow = random.below(flows);
                unsigned length = 0;
                if (name == "not_service")
                    length = scene.write_stranger(lane.frame(i), flow);
                else if (scene.replies_pass() && i % 2)
                    length = scene.write_reply(lane.frame(i), flow, WEIR_TCP_ACK);
                else
                    length = scene.write_client(lane.frame(i), flow, WEIR_TCP_ACK);
                lane.set_length(i, length);
            }
        }
        measured(lane, now);
    }
    Record record;
    record.name = name;
    record.mode = mode;
    record.family = family;
    record.engine = "instructions";
    record.flows = flows;
    record.also["packets"] = batches * lane.capacity();
    print(record);
}
