// SPDX-License-Identifier: Apache-2.0
// The packet program over a batch: each stage is a short loop over all its packets, so that their
// cache misses overlap. What happens to a packet is decided in bpf/shared/ only; a stage brings
// memory near and keeps the books. A packet is done once it has a reason; later stages pass over
// it.
#pragma once

#include <rte_mbuf.h>
#include <rte_ring.h>

#include <array>
#include <cstdint>
#include <span>

#include "bpf/shared/packet.h"
#include "dataplane/env.h"
#include "dataplane/output.h"
#include "dataplane/rss.h"

namespace weir {

inline constexpr unsigned batch_capacity = 32;

struct Batch {
    unsigned count = 0;
    std::array<rte_mbuf*, batch_capacity> frame;
    std::array<std::uint8_t, batch_capacity>
        port;  // where it arrived; index into weir_control.ports
    std::array<weir_reason, batch_capacity> reason;
    std::array<weir_packet, batch_capacity> packet;
    // The packets without a reason yet: clients' in the order of arrival, then all others.
    unsigned undecided = 0;
    std::array<std::uint8_t, batch_capacity> order;
};

// Where packets go, by index into weir_control.ports.
struct Outputs {
    std::array<Output, WEIR_PORT_CAPACITY> port;
    std::array<Output, WEIR_PORT_CAPACITY> host;  // the TAP that stands for the port in the host

    void flush(weir_worker& stats);
};

namespace stage {

// Headers must be in a frame's first segment; its whole length counts.
void parse(Batch& batch);

// Hashes. Fragments leave the ports of their datagram here, or get them.
void hash(weir_env& env, Batch& batch, std::uint64_t now);

// Asks for the cache lines that decide() will read: each packet's bucket, then the flow it offers.
// Sets the order in which decide() and rewrite() take the packets: clients' first.
void prefetch(weir_env& env, Batch& batch);

// Packets whose flow is another worker's go to that worker's ring and leave the batch. With `rss` a
// client's packet belongs where a NIC's hash puts it, which is mostly here already.
// `rings[worker]`. The value has a bit for each worker that got some.
std::uint64_t hand_over(weir_env& env, Batch& batch, const Rss* rss,
                        std::span<rte_ring* const> rings, weir_worker& stats);

void decide(weir_env& env, Batch& batch, std::uint64_t now);

void rewrite(weir_env& env, Batch& batch);

// Every packet of the batch leaves here: to a port, to the host, or to be freed and counted.
void send(Batch& batch, Outputs& outputs, weir_worker& stats);

}  // namespace stage
}  // namespace weir
