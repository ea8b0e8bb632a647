// SPDX-License-Identifier: Apache-2.0
// nginx's ip_hash as a table: the hash of a client's address picks a slot, a slot names a peer.
// Called when tables are built; the hash itself is the packet program's. Peers that are down must
// be given too: they keep their slots, so that the clients of the others stay where they are.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace weir {

// nginx's hash is always below this, so slots from here on could never be reached.
inline constexpr std::size_t ip_hash_range = 6271;

// Each index of `weights` as many times as its weight says, in order: slot `hash % size` is nginx's
// choice. Cut at ip_hash_range, which changes no choice.
std::vector<std::uint32_t> ip_hash_slots(std::span<const unsigned> weights);

}  // namespace weir
