// SPDX-License-Identifier: Apache-2.0
// What the map weir_steer shall hold, and making it hold that. Used by steer.cc only.
#pragma once

#include <cstring>
#include <map>
#include <span>

#include "bpf/shared/tables.h"
#include "bpf/steer/steer.h"
#include "dataplane/tables/result.h"

namespace weir::steer {

struct KeyOrder {
    bool operator()(const weir_steer_key& a, const weir_steer_key& b) const {
        return std::memcmp(&a, &b, sizeof(a)) < 0;
    }
};
using Entries = std::map<weir_steer_key, weir_steer_ports, KeyOrder>;

// Of the VLANs only those of `port` (an index among `ports`).
Entries entries_of(std::span<const weir_service> services, std::span<const weir_backend> backends,
                   std::span<const weir_port> ports, unsigned port);

// Adds first, then removes.
Status replace_entries(int map, const Entries& entries);

}  // namespace weir::steer
