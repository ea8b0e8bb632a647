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

constexpr std::uint64_t now = 1'000'000'000'000;
constexpr std::uint64_t flows = 1024;
constexpr unsigned batches = 64;

}  // namespace

// Callgrind collects while this is on the stack; flows have been set up before.
[[gnu::noinline]] void measured(Lane& lane) {
    lane.run(lane.capacity(), now);
}

}  // namespace weir::bench

// --only MODE/FAMILY/CASE, where a case is hit, not_service or new_flow.
int main(int argc, char** argv) {
    using namespace weir::bench;
    const Options options = parse_options(argc, argv);
    std::istringstream words(options.only);
    std::string mode;
    std::string family;
    std::string name;
    std::getline(std::getline(std::getline(words, mode, '/'), family, '/'), name);
    const Size size = size_for(4 * flows, options);
    const weir::tables::Segment tables = make_tables(size.geometry, options);
    Scene scene({mode, family, flows, WEIR_PROTO_TCP, 0}, tables.view());
    scene.establish(0, flows, now);
    Lane lane(tables.view());
    Random random;
    std::uint64_t fresh = flows;
    for (unsigned batch = 0; batch < batches; batch++) {
        for (unsigned i = 0; i < lane.capacity(); i++) {
            const std::uint64_t flow = random.below(flows);
            unsigned length = 0;
            if (name == "not_service")
                length = scene.write_stranger(lane.frame(i), flow);
            else if (name == "new_flow")
                length = scene.write_client(lane.frame(i), fresh++, WEIR_TCP_SYN);
            else if (scene.replies_pass() && i % 2)
                length = scene.write_reply(lane.frame(i), flow, WEIR_TCP_ACK);
            else
                length = scene.write_client(lane.frame(i), flow, WEIR_TCP_ACK);
            lane.set_length(i, length);
        }
        measured(lane);
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
