// SPDX-License-Identifier: Apache-2.0
// From an upstream's peers to its slot tables: which backend id stands in which slot. Pure
// functions; the balancer calls them when an upstream's configuration or the state of a peer has
// changed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "control/config/model.h"

namespace weir::publish {

// One server line (or one address of it), as balancing sees it. nginx calls it a peer.
struct Peer {
    std::uint16_t backend = 0;  // id; two peers of one upstream may share it
    std::string name;           // "10.0.0.7:80": what Maglev permutes by
    unsigned weight = 1;
    bool backup = false;
    bool usable = false;  // may take new flows now

    bool operator==(const Peer&) const = default;
};

struct SlotTables {
    std::vector<std::uint16_t> slots;  // the hashing method's own table; empty for round robin
    std::vector<std::uint16_t> turns;  // the round-robin sequence; empty when no peer is usable
};

// How many of either there are while every one of them is usable.
struct SlotCounts {
    std::uint64_t slots = 0;
    std::uint64_t turns = 0;
};
SlotCounts slot_counts(config::Method method, const std::vector<unsigned>& weights);

// Backups serve only when no other peer is usable (nginx's rule).
SlotTables slot_tables(config::Method method, const std::vector<Peer>& peers);

}  // namespace weir::publish
