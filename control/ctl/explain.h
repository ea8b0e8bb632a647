// SPDX-License-Identifier: Apache-2.0
// `weirctl explain`: asks the running balancer, or a configuration file's tables in this process,
// where a packet would go, and prints the steps. The answer is made by control/api/explain.h.
#pragma once

#include "control/ctl/options.h"

namespace weir::ctl {

// The exit code. `line.words` is "explain", the client and the service.
int explain(const CommandLine& line);

}  // namespace weir::ctl
