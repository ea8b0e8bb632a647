// SPDX-License-Identifier: Apache-2.0
// libFuzzer's entry over the packet program: an input is a list of choices (scenario.h), the
// coverage that guides it is the host build's, and the loaded XDP program must agree. The rows come
// from $WEIR_FUZZ_ROWS, a finding goes to $WEIR_FUZZ_SAVE besides libFuzzer's own artifact. Needs
// root.
#include <cstdio>
#include <cstdlib>
#include <stdexcept>

#include "control/replay/runner.h"
#include "tests/fuzz/scenario.h"

namespace {

using namespace weir::fuzz;

std::string named(const char* variable, const char* otherwise) {
    const char* value = std::getenv(variable);
    return value ? value : otherwise;
}

// Made once, at the first input, and never ended: libFuzzer exits by itself.
struct World {
    World() {
        auto made = weir::replay::make_xdp_runner();
        if (!made) throw std::runtime_error(made.error());
        xdp = *std::move(made);
    }
    std::vector<Case> rows = read_cases(named("WEIR_FUZZ_ROWS", "rows.json"));
    std::unique_ptr<weir::replay::Runner> host = weir::replay::make_host_runner();
    std::unique_ptr<weir::replay::Runner> xdp;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static World world;
    static Twins twins(*world.host, *world.xdp, "xdp");
    static Scenario scenario(twins, world.rows);
    Choices choices(std::span<const std::uint8_t>(data, size));
    const auto difference = scenario.play(choices);
    if (!difference) return 0;
    const std::string file = named("WEIR_FUZZ_SAVE", "finding.json");
    write_case(shrunk(twins, scenario.so_far()), file);
    std::fprintf(stderr, "%s\nthe case is in %s; weir-fuzz --replay runs it again\n",
                 difference->c_str(), file.c_str());
    std::abort();
}
