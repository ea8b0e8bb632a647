// SPDX-License-Identifier: Apache-2.0
// A packet row as tests/packets/ hands it over in JSON: tables (one set for each generation), and
// steps: a packet on a port, time that passes, the next generation. A runner runs it; main.cc
// prints what came of each step.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "control/replay/runner.h"
#include "dataplane/tables/view.h"
#include "dataplane/tables/writer.h"

namespace weir::rows {

using replay::Bytes;

// Any; a row only lets time pass, in whole ticks.
inline constexpr std::uint64_t start_of_time = 1'000'000'000'000;

// "?": there is no such reason.
const char* reason_name(unsigned reason);

Bytes from_hex(const std::string& hex);
std::string to_hex(const Bytes& bytes);

// Small enough to be cleared for each row; `row` may ask for fewer buckets.
tables::Geometry geometry_of(const nlohmann::json& row, unsigned workers = 1);

// Writes geometry and ports into empty tables. `ifindex[i]` is that of port i.
void prepare(const tables::View& view, const nlohmann::json& row,
             const std::vector<std::uint32_t>& ifindexes, unsigned workers = 1);

// Publishes services and backends, with slot tables of their own; throws what the writer says.
void publish(tables::Writer& writer, const nlohmann::json& generation);

}  // namespace weir::rows
