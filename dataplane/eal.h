// SPDX-License-Identifier: Apache-2.0
// DPDK's environment for weir-dataplane: huge pages if there are any, one lcore for each worker and
// one for the main thread. Called once, by main.
#pragma once

#include <string>
#include <vector>

#include "dataplane/numa.h"
#include "dataplane/options.h"
#include "dataplane/tables/result.h"

namespace weir {

struct Environment {
    bool huge_pages = false;
    std::vector<numa::Cpu> cpus;  // of each worker; lcore i + 1 runs worker i
};

// Packet buffers for `ports` ports are taken from what is reserved here.
Result<Environment> start_environment(const DataplaneOptions& options);

}  // namespace weir
