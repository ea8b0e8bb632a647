// SPDX-License-Identifier: Apache-2.0
// A pass over the flow table while the workers write it. Called by the reports on control's only
// thread, so a pass takes a bounded time: what it could not read in that time it says. It must
// never write the tables.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>

#include "dataplane/tables/view.h"

namespace weir::api {

struct ScanResult {
    std::uint64_t entries = 0;  // in the table
    std::uint64_t read = 0;     // of them; less than entries when the time was up
    bool complete() const { return read == entries; }
};

// Calls `visit` with a copy of each flow that is live at `now` (CLOCK_MONOTONIC, nanoseconds).
ScanResult scan_flows(const tables::View& view, std::uint64_t now, std::chrono::milliseconds budget,
                      const std::function<void(const weir_flow&)>& visit);

}  // namespace weir::api
