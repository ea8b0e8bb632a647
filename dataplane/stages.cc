// SPDX-License-Identifier: Apache-2.0
// The stages of the packet program over a batch. See stages.h; worker.cc says in which order they
// run.
#include "dataplane/stages.h"

#include <rte_ether.h>
#include <rte_prefetch.h>

#include "bpf/shared/program.h"

namespace weir {

void Outputs::flush(weir_worker& stats) {
    for (Output& output : port) output.flush(stats);
    for (Output& output : host) output.flush(stats);
}

namespace stage {
namespace {

char* frame_start(rte_mbuf* frame) {
    return rte_pktmbuf_mtod(frame, char*);
}
char* frame_end(rte_mbuf* frame) {
    return frame_start(frame) + frame->data_len;
}

std::uint32_t owner_of(weir_env& env, const weir_packet& packet, const rte_mbuf& frame,
                       const Rss* rss) {
    // A reply's worker has chosen the port that says so; the client's own port speaks for both
    // sides.
    const weir_service* service = rss ? weir_service_find(&env, &packet.tuple) : nullptr;
    if (!service || (service->flags & (WEIR_SERVICE_STATELESS | WEIR_SERVICE_BY_PORT)) != 0)
        return weir_owner(&env, &packet, env.workers);
    const bool hashed = (frame.ol_flags & RTE_MBUF_F_RX_RSS_HASH) != 0;
    return rss->worker_of(hashed ? frame.hash.rss : rss->hash(packet.tuple));
}

// Moves the frame's start forward or back; false when its buffer has no room there.
bool make_room(rte_mbuf* frame, int room) {
    if (room == 0) return true;
    if (room > 0) return rte_pktmbuf_prepend(frame, static_cast<std::uint16_t>(room)) != nullptr;
    return rte_pktmbuf_adj(frame, static_cast<std::uint16_t>(-room)) != nullptr;
}

// Cuts `bytes` off the end, over as many segments as it takes; the first one stays.
void trim(rte_mbuf* frame, std::uint32_t bytes) {
    std::uint32_t kept = frame->pkt_len - bytes;
    frame->pkt_len = kept;
    rte_mbuf* segment = frame;
    frame->nb_segs = 1;
    while (segment->data_len < kept) {
        kept -= segment->data_len;
        segment = segment->next;
        frame->nb_segs++;
    }
    segment->data_len = static_cast<std::uint16_t>(kept);
    rte_pktmbuf_free(segment->next);
    segment->next = nullptr;
}

}  // namespace

void parse(Batch& batch) {
    for (unsigned i = 0; i < batch.count; i++) rte_prefetch0(frame_start(batch.frame[i]));
    for (unsigned i = 0; i < batch.count; i++) {
        // A tag that the driver took off goes back to where the packet program looks for it.
        if ((batch.frame[i]->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) != 0 &&
            rte_vlan_insert(&batch.frame[i]) != 0) {
            batch.reason[i] = WEIR_REASON_NO_ROOM;
            continue;
        }
        rte_mbuf* frame = batch.frame[i];
        batch.reason[i] = weir_parse(&batch.packet[i], frame_start(frame), frame_end(frame),
                                     frame->pkt_len, batch.port[i]);
    }
}

void hash(weir_env& env, Batch& batch, std::uint64_t now) {
    const std::uint32_t tick = weir_tick(now);
    for (unsigned i = 0; i < batch.count; i++) {
        if (batch.reason[i] != WEIR_REASON_NONE) continue;
        batch.reason[i] = weir_hash_packet(&env, &batch.packet[i], tick);
    }
}

std::uint64_t hand_over(weir_env& env, Batch& batch, const Rss* rss,
                        std::span<rte_ring* const> rings, weir_worker& stats) {
    unsigned kept = 0;
    std::uint64_t receivers = 0;
    for (unsigned i = 0; i < batch.count; i++) {
        const std::uint32_t owner = batch.reason[i] == WEIR_REASON_NONE
                                        ? owner_of(env, batch.packet[i], *batch.frame[i], rss)
                                        : env.worker;
        if (owner != env.worker) {
            batch.frame[i]->hash.usr = batch.port[i];
            if (rte_ring_enqueue(rings[owner], batch.frame[i]) == 0) {
                receivers |= std::uint64_t{1} << owner;
                continue;
            }
            rte_pktmbuf_free(batch.frame[i]);
            stats.reason[WEIR_REASON_HANDOFF_FULL]++;
            continue;
        }
        if (kept != i) {
            batch.frame[kept] = batch.frame[i];
            batch.port[kept] = batch.port[i];
            batch.reason[kept] = batch.reason[i];
            batch.packet[kept] = batch.packet[i];
        }
        kept++;
    }
    batch.count = kept;
    return receivers;
}

void decide(weir_env& env, Batch& batch, std::uint64_t now) {
    const std::uint32_t tick = weir_tick(now);
    for (unsigned at = 0; at < batch.undecided; at++) {
        const unsigned i = batch.order[at];
        rte_mbuf* frame = batch.frame[i];
        batch.reason[i] =
            weir_decide(&env, &batch.packet[i], frame_start(frame), frame_end(frame), tick);
    }
}

void rewrite(weir_env& env, Batch& batch) {
    for (unsigned at = 0; at < batch.undecided; at++) {
        const unsigned i = batch.order[at];
        if (weir_verdict_of(batch.reason[i]) != WEIR_VERDICT_FORWARD) continue;
        rte_mbuf* frame = batch.frame[i];
        if (!make_room(frame, batch.packet[i].room)) {
            batch.reason[i] = WEIR_REASON_NO_ROOM;
            continue;
        }
        if (!weir_rewrite(&env, &batch.packet[i], frame_start(frame), frame_end(frame)))
            batch.reason[i] = WEIR_REASON_TRUNCATED;
        else if (batch.packet[i].trim != 0)
            trim(frame, batch.packet[i].trim);
        const weir_port& out = env.control->ports[batch.packet[i].out_port];
        if (out.tags != 0) batch.packet[i].out_port = out.parent;
    }
}

void send(Batch& batch, Outputs& outputs, weir_worker& stats) {
    for (unsigned i = 0; i < batch.count; i++) {
        rte_mbuf* frame = batch.frame[i];
        weir_reason reason = batch.reason[i];
        const weir_verdict verdict = weir_verdict_of(reason);
        Output* output = nullptr;
        if (verdict == WEIR_VERDICT_FORWARD)
            output = &outputs.port[batch.packet[i].out_port & (WEIR_PORT_CAPACITY - 1)];
        else if (verdict == WEIR_VERDICT_TO_HOST)
            output = &outputs.host[batch.port[i]];

        if (output && output->connected()) {
            output->add(frame, reason, stats);
            continue;
        }
        if (verdict == WEIR_VERDICT_FORWARD) reason = WEIR_REASON_PORT_UNKNOWN;
        stats.reason[reason]++;
        rte_pktmbuf_free(frame);
    }
    batch.count = 0;
}

}  // namespace stage
}  // namespace weir
