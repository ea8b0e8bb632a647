// SPDX-License-Identifier: Apache-2.0
// weir-replay: `weirctl replay` with DPDK, which weirctl itself does not link. weirctl runs it,
// with its own arguments, for --engine dpdk.
#include <iostream>

#include "control/ctl/replay.h"

int main(int argc, char** argv) {
    using namespace weir;
    const auto line = ctl::parse_command_line(argc, argv);
    if (!line) return ctl::complain(line.error());
    if (line->words.empty() || line->words[0] != "replay")
        return ctl::complain("weir-replay is run by weirctl replay --engine dpdk");
    return ctl::replay(*line, [](const std::string& engine) {
        return engine == "dpdk" ? replay::make_dpdk_runner() : ctl::make_runner(engine);
    });
}
