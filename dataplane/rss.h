// SPDX-License-Identifier: Apache-2.0
// Receive-side scaling as weir sets it up in a NIC: Toeplitz over addresses and ports with a key of
// weir's own, and which worker gets which hash. device.cc loads it; a worker asks it where a
// client's packet belongs, and which source ports bring a backend's replies to itself. A port
// without it gets the same answer computed, so that a flow has one worker wherever its packets come
// in.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "bpf/shared/types.h"

namespace weir {

class Rss {
  public:
    static constexpr std::size_t key_bytes = 52;  // the longest a NIC takes; 40 are used
    // Entries of the redirection table, which NICs have in multiples of this and repeat.
    static constexpr unsigned buckets = 64;

    using Key = std::array<std::uint8_t, key_bytes>;

    Rss(const Key& key, unsigned workers);

    // From the tables' seed: a restarted dataplane must find each flow with the worker it was with,
    // and a stranger must not be able to aim at one worker.
    static Key key_from(std::uint64_t seed);

    std::span<const std::uint8_t> key() const { return key_; }

    // As a NIC computes it of a packet with this tuple.
    std::uint32_t hash(const weir_tuple& tuple) const;

    unsigned worker_of(std::uint32_t hash) const { return hash % buckets % workers_; }

    // The same of the tuple. `known` is of one with the same addresses and source port, or 0:
    // Toeplitz is linear, so that another destination port changes the hash by what it has alone.
    unsigned worker_of(const weir_tuple& tuple, __u64& known) const;

  private:
    Key key_;
    alignas(4) Key converted_;  // as rte_softrss_be() wants it
    unsigned workers_;
    // What each value of a destination port's upper and lower byte adds to the hash, by family.
    std::array<std::array<std::array<std::uint32_t, 256>, 2>, 2> of_port_;
};

}  // namespace weir
