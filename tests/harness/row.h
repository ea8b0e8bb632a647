// SPDX-License-Identifier: Apache-2.0
// A packet row as tests/packets/ hands it over in JSON: tables (one set for each generation), and
// steps: a packet on a port, time that passes, the next generation. The engines run it; main.cc
// prints what came of each step.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "dataplane/tables/view.h"
#include "dataplane/tables/writer.h"

namespace weir::rows {

using Bytes = std::vector<std::uint8_t>;

Bytes from_hex(const std::string& hex);
std::string to_hex(const Bytes& bytes);

// Small enough to be cleared for each row; `row` may ask for fewer buckets.
tables::Geometry geometry_of(const nlohmann::json& row);

// Empties every table and writes geometry and ports. `ifindex[i]` is that of port i.
void prepare(const tables::View& view, const nlohmann::json& row,
             const std::vector<std::uint32_t>& ifindexes);

// Publishes services and backends, with slot tables of their own; throws what the writer says.
void publish(tables::Writer& writer, const nlohmann::json& generation);

// Lets time pass: every flow expires so much sooner.
void age(const tables::View& view, std::uint64_t milliseconds);

}  // namespace weir::rows
