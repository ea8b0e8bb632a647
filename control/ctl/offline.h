// SPDX-License-Identifier: Apache-2.0
// The options that stand in for a running balancer, read: a configuration file, ports and
// neighbours. Called by replay and by `explain --config`.
#pragma once

#include "control/config/model.h"
#include "control/ctl/options.h"
#include "control/replay/surroundings.h"

namespace weir::ctl {

// --config. Its warnings go to standard error.
Result<config::Model> read_configuration(const CommandLine& line);

// --port, --neighbor and --strict.
Result<replay::Given> given_surroundings(const CommandLine& line);

// Each as "weirctl: note: ..." on standard error.
void print_notes(const std::vector<std::string>& notes);

}  // namespace weir::ctl
