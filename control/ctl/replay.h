// SPDX-License-Identifier: Apache-2.0
// `weirctl replay`: reads the configuration and the capture, runs them, prints a line a packet and
// writes the packets that came of it. Called by weirctl, and by weir-replay, which has DPDK too.
#pragma once

#include <functional>
#include <string>

#include "control/ctl/options.h"
#include "control/replay/runner.h"

namespace weir::ctl {

// From an engine's name to its runner.
using MakeRunner = std::function<Result<std::unique_ptr<replay::Runner>>(const std::string&)>;

// The exit code. `line.words` is "replay" and the capture.
int replay(const CommandLine& line, const MakeRunner& make_runner);

// host and xdp; any other name is an error.
Result<std::unique_ptr<replay::Runner>> make_runner(const std::string& engine);

}  // namespace weir::ctl
