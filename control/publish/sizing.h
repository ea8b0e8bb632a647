// SPDX-License-Identifier: Apache-2.0
// How large the shared tables must be for a configuration, and whether tables that are there are
// large enough. The engines ask before they make or take over tables, the balancer at each reload,
// main for -t. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "control/config/model.h"
#include "dataplane/tables/result.h"
#include "dataplane/tables/view.h"

namespace weir::publish {

// The numbers of 16 bits that flows and backends have for each other bound these.
inline constexpr std::uint32_t most_backends = 65535;
inline constexpr std::uint32_t most_upstreams = 65536;
inline constexpr std::uint32_t most_services = 65536;

struct Needs {
    std::uint32_t backends = 0;
    std::uint32_t upstreams = 0;
    std::uint32_t sources = 0;
    std::uint64_t slot_lines = 0;         // of all slot tables, while every backend is well
    std::vector<std::uint32_t> services;  // the home of each (writer.h)
};

// `wildcard`: as in Balancer::configure().
Needs needs_of(const config::Model& model, const std::vector<config::IpAddress>& wildcard);

// At least what `geometry` has, else about twice the need, so that a reload finds room.
void make_room(tables::Geometry& geometry, const Needs& needs);

// Why tables of this size cannot hold it, as a sentence; empty: they can, if old slots leave room
// for the new ones, which only the writer knows.
std::string shortage(const tables::Geometry& geometry, const Needs& needs);

// Tables of an earlier run will do: with its slots, too, which are there until the first publish().
bool holds(const tables::Geometry& geometry, const Needs& needs);

// Every service has a place near its home.
bool have_places(const std::vector<std::uint32_t>& homes, std::uint32_t capacity);

// Refuses what no tables could hold.
Status check_limits(const config::Model& model);

}  // namespace weir::publish
