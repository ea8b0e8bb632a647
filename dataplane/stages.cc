// SPDX-License-Identifier: Apache-2.0
// The stages of the packet program over a batch. See stages.h; worker.cc says in which order they
// run.
#include "dataplane/stages.h"

#include <rte_ether.h>

#include <utility>

#include "bpf/shared/program.h"
#include "bpf/steer/back.h"
#include "dataplane/owner.h"

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

weir_reason rewrite(weir_env& env, const weir_packet& packet, rte_mbuf* frame, weir_reason reason) {
    if (!make_room(frame, packet.room)) return WEIR_REASON_NO_ROOM;
    if (!weir_rewrite(&env, &packet, frame_start(frame), frame_end(frame)))
        return WEIR_REASON_TRUNCATED;
    if (packet.trim != 0) trim(frame, packet.trim);
    return reason;
}

// Gives packet i to worker `to`; the value has a bit for it, if it got it.
std::uint64_t give(Batch& batch, unsigned i, std::uint32_t to, std::span<rte_ring* const> rings,
                   weir_worker& stats) {
    rte_mbuf* frame = std::exchange(batch.frame[i], nullptr);
    frame->hash.usr = batch.port[i];
    if (rte_ring_enqueue(rings[to], frame) == 0) return std::uint64_t{1} << to;
    rte_pktmbuf_free(frame);
    stats.reason[WEIR_REASON_HANDOFF_FULL]++;
    return 0;
}

}  // namespace

void parse(Batch& batch) {
    each(batch.left, [&](unsigned i) {
        // A tag that the driver took off goes back to where the packet program looks for it.
        if ((batch.frame[i]->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) != 0 &&
            rte_vlan_insert(&batch.frame[i]) != 0)
            return batch.done(i, WEIR_REASON_NO_ROOM);
        rte_mbuf* frame = batch.frame[i];
        const weir_reason reason = weir_parse(&batch.packet[i], frame_start(frame),
                                              frame_end(frame), frame->pkt_len, batch.port[i]);
        if (reason != WEIR_REASON_NONE) batch.done(i, reason);
    });
}

void hash(weir_env& env, Batch& batch, std::uint64_t now) {
    const std::uint32_t tick = weir_tick(now);
    each(batch.left, [&](unsigned i) {
        weir_packet& packet = batch.packet[i];
        weir_reason reason = WEIR_REASON_NONE;
        if (weir_is_wrapped(&packet))
            reason =
                weir_unwrap(&env, &packet, frame_start(batch.frame[i]), frame_end(batch.frame[i]));
        if (reason == WEIR_REASON_NONE) reason = weir_hash_packet(&env, &packet, tick);
        if (reason != WEIR_REASON_NONE) batch.done(i, reason);
    });
}

std::uint64_t hand_over(weir_env& env, Batch& batch, const Rss* rss,
                        std::span<rte_ring* const> rings, weir_worker& stats) {
    std::uint64_t receivers = 0;
    each(batch.left, [&](unsigned i) {
        const weir_packet& packet = batch.packet[i];
        const std::uint32_t owner =
            owner_of(env, weir_service_find(&env, &packet.tuple), packet.tuple, packet.hash,
                     packet.kind == WEIR_KIND_PLAIN ? batch.frame[i] : nullptr, rss);
        if (owner == env.worker) return;
        receivers |= give(batch, i, owner, rings, stats);
        batch.left &= ~(Bits{1} << i);
    });
    return receivers;
}

void decide(weir_env& env, Batch& batch, std::uint64_t now) {
    const std::uint32_t tick = weir_tick(now);
    batch.elsewhere = 0;
    const auto one = [&](unsigned i) {
        rte_mbuf* frame = batch.frame[i];
        weir_packet& packet = batch.packet[i];
        batch.reason[i] = weir_decide_for(&env, &packet, batch.service[i], frame_start(frame),
                                          frame_end(frame), tick);
        if (weir_verdict_of(batch.reason[i]) == WEIR_VERDICT_FORWARD)
            batch.reason[i] = rewrite(env, packet, frame, batch.reason[i]);
        batch.elsewhere |= Bits{batch.reason[i] == WEIR_REASON_NONE} << i;
        const weir_port& out = env.control->ports[packet.out_port & (WEIR_PORT_CAPACITY - 1)];
        batch.out_port[i] = out.tags != 0 ? out.parent : packet.out_port;
    };
    each(batch.left & batch.to_service, one);
    each(batch.left & ~batch.to_service, one);
    batch.left = 0;
}

std::uint64_t hand_on(weir_env& env, Batch& batch, std::span<rte_ring* const> rings,
                      weir_worker& stats) {
    std::uint64_t receivers = 0;
    each(batch.elsewhere, [&](unsigned i) {
        const weir_packet& packet = batch.packet[i];
        const std::uint32_t owner =
            weir_owner(&env, nullptr, &packet.tuple, packet.hash, env.workers);
        receivers |= give(batch, i, owner, rings, stats);
        stats.handed_on++;
    });
    return receivers;
}

void send(Batch& batch, Outputs& outputs, weir_worker& stats) {
    for (unsigned i = 0; i < batch.count; i++) {
        rte_mbuf* frame = batch.frame[i];
        if (!frame) continue;
        weir_reason reason = batch.reason[i];
        const weir_verdict verdict = weir_verdict_of(reason);
        Output* output = nullptr;
        if (verdict == WEIR_VERDICT_FORWARD)
            output = &outputs.port[batch.out_port[i] & (WEIR_PORT_CAPACITY - 1)];
        else if (verdict == WEIR_VERDICT_TO_HOST)
            output = &outputs.host[batch.port[i]];

        if (output && output->connected()) {
            if (output->back() != 0)
                rte_pktmbuf_mtod(frame, weir_eth*)->src = weir_steer_back_mac(output->back());
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
