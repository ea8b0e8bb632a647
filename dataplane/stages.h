// SPDX-License-Identifier: Apache-2.0
// The packet program over a batch: each stage is a short loop over its packets, so that their
// cache misses overlap. What happens to a packet is decided in bpf/shared/ only; a stage brings
// memory near and keeps the books. Most packets go the express way (aim, find, finish) and are done
// then; what it leaves goes through the whole program (parse to decide). A packet is done once it
// has a reason, and is sent in the order of arrival.
#pragma once

#include <rte_mbuf.h>
#include <rte_ring.h>

#include <array>
#include <bit>
#include <cstdint>
#include <span>

#include "bpf/shared/express_parse.h"
#include "bpf/shared/packet.h"
#include "dataplane/env.h"
#include "dataplane/output.h"
#include "dataplane/rss.h"

namespace weir {

inline constexpr unsigned batch_capacity = 32;

// Packets of a batch: bit i is the one that came as number i.
using Bits = std::uint32_t;
static_assert(batch_capacity == 32);

struct Batch {
    unsigned count = 0;
    std::array<rte_mbuf*, batch_capacity> frame;  // null: another worker has it now
    std::array<std::uint8_t, batch_capacity>
        port;  // where it arrived; index into weir_control.ports
    std::array<weir_reason, batch_capacity> reason;
    std::array<std::uint8_t, batch_capacity> out_port;  // where a forwarded one leaves; likewise

    Bits left = 0;  // no reason yet

    // On the express way: what each is (of IPv4 and of IPv6), and the rest of it.
    std::array<Bits, 2> clients{};
    std::array<Bits, 2> replies{};
    Bits stateless = 0;
    std::array<weir_express, batch_capacity> express;

    // On the way through the whole program: the service that each is addressed to, or null; and
    // which have one.
    std::array<const weir_service*, batch_capacity> service;
    Bits to_service = 0;
    Bits elsewhere = 0;  // decided: by the worker that has their flow
    std::array<weir_packet, batch_capacity> packet;

    // All that has just been put into `frame` and `port`.
    void begin() { left = count == batch_capacity ? ~Bits{0} : (Bits{1} << count) - 1; }
    void done(unsigned i, weir_reason why) {
        reason[i] = why;
        left &= ~(Bits{1} << i);
    }
};

// Calls what(i) for each packet of `bits`, in the order of arrival.
template <typename What>
void each(Bits bits, What what) {
    for (; bits != 0; bits &= bits - 1) what(static_cast<unsigned>(std::countr_zero(bits)));
}

// Where packets go, by index into weir_control.ports.
struct Outputs {
    std::array<Output, WEIR_PORT_CAPACITY> port;
    std::array<Output, WEIR_PORT_CAPACITY> host;  // the TAP that stands for the port in the host

    void flush(weir_worker& stats);
};

namespace stage {

// Whose packets a worker takes. With `rss` a packet belongs where a NIC's hash puts it, which is
// mostly here already; without, and with several workers, where the packet program says.
struct Share {
    const Rss* rss = nullptr;
    bool all = true;  // it has been handed over, or there is one worker only
};

// The express way. Reads the headers, and asks for the buckets that find() will look into.
void aim(weir_env& env, Batch& batch, const Share& share);

// Asks for the flows that the buckets offer, and for slots' backends.
void find(weir_env& env, Batch& batch);

// Decides and rewrites what can go on; the rest stays in batch.left.
void finish(weir_env& env, Batch& batch, std::uint64_t now);

// The whole program, for what is left. Headers must be in a frame's first segment; its whole length
// counts.
void parse(Batch& batch);

// Hashes. Fragments leave the ports of their datagram here, or get them.
void hash(weir_env& env, Batch& batch, std::uint64_t now);

// Packets whose flow is another worker's go to that worker's ring and leave the batch.
// `rings[worker]`. The value has a bit for each worker that got some.
std::uint64_t hand_over(weir_env& env, Batch& batch, const Rss* rss,
                        std::span<rte_ring* const> rings, weir_worker& stats);

// Asks for the cache lines that decide() will read: each packet's bucket, then the flow it offers.
void prefetch(weir_env& env, Batch& batch, std::uint64_t now);

// Decides and rewrites, one packet after the other (a new flow may take the place of one that an
// earlier packet is of), clients' first.
void decide(weir_env& env, Batch& batch, std::uint64_t now);

// Replies to what has become a service since go to the ring of their flow's worker. That one hands
// nothing on: it knows them, or is asked for no other.
std::uint64_t hand_on(weir_env& env, Batch& batch, std::span<rte_ring* const> rings,
                      weir_worker& stats);

// Every packet of the batch leaves here: to a port, to the host, or to be freed and counted.
void send(Batch& batch, Outputs& outputs, weir_worker& stats);

}  // namespace stage
}  // namespace weir
