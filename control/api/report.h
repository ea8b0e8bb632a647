// SPDX-License-Identifier: Apache-2.0
// The reports that weirctl shows, as JSON: pure functions over the shared tables and what control
// knows about them. The API's handler calls answer(); tests call the single reports. Counters are
// read while workers write them, so a row is as consistent as its own numbers, not across rows.
// They must never write the tables.
#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "control/api/text.h"
#include "control/publish/directory.h"
#include "control/publish/traffic.h"
#include "dataplane/tables/view.h"

namespace weir::api {

// Everything a report is made from. The view may be empty (nothing published yet).
struct Sources {
    const tables::View& view;
    const publish::Directory& directory;
    std::uint64_t now = 0;  // CLOCK_MONOTONIC, nanoseconds
    std::vector<publish::PortTraffic> ports = {};
    std::vector<publish::WorkerPlace> places = {};  // of DPDK's workers; XDP's worker is the CPU
};

inline constexpr std::size_t default_flow_limit = 1000;
inline constexpr std::size_t most_flow_rows = 100000;

struct Filters {
    std::optional<EndpointFilter> service;
    std::optional<EndpointFilter> backend;
    std::optional<EndpointFilter> client;
    std::size_t limit = default_flow_limit;
    bool all = false;
    std::chrono::milliseconds scan_budget{200};
};

nlohmann::json services(const Sources&, const Filters&);
nlohmann::json backends(const Sources&, const Filters&);
nlohmann::json flows(const Sources&, const Filters&);
nlohmann::json stats(const Sources&, const Filters&);
nlohmann::json workers(const Sources&, const Filters&);
nlohmann::json ports(const Sources&, const Filters&);

// The answer to one request: {"show": "backends", "service": "10.0.0.1:80", ...}. An unknown report
// or filter is answered with {"error": "..."}. Every other answer also has engine, engine_reason
// and generation.
nlohmann::json answer(const Sources&, const nlohmann::json& request);

std::uint64_t monotonic_now();

}  // namespace weir::api
