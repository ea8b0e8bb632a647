/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Toward a backend: what every packet from a client needs once its backend is known, whether a flow
 * named it or the slot table; and stateless services, where the table is all there is. program.h
 * calls both. Nothing here touches a flow.
 */
#ifndef WEIR_TOWARD_H
#define WEIR_TOWARD_H

#include "answer.h"
#include "balance.h"
#include "encap.h"
#include "env.h"
#include "flow.h"
#include "packet.h"
#include "translate.h"

/* Whether the backend's record can take a packet; NONE: it can. */
WEIR_INLINE enum weir_reason weir_backend_check(const struct weir_backend* backend) {
    if (!backend || !(backend->flags & WEIR_BACKEND_USED)) return WEIR_REASON_BAD_TABLES;
    if (!(backend->flags & WEIR_BACKEND_REACHABLE)) return WEIR_REASON_NO_NEXT_HOP;
    return WEIR_REASON_NONE;
}

/* TTL or hop limit would be used up: where weir is a router to the packet, not where it stays as it
 * is. */
WEIR_INLINE int weir_ttl_ends(const struct weir_packet* packet,
                              const struct weir_backend* backend) {
    return packet->ttl <= 1 && backend->mode < WEIR_MODE_DSR;
}

/* A fragment that cannot change its family: extension headers that would go count in the offsets of
 * all of them. */
WEIR_INLINE int weir_fragment_stays(const struct weir_packet* packet, const struct weir_addr* to) {
    return weir_is_fragment(packet) && (packet->fragment & WEIR_FRAGMENT_DEEP) &&
           weir_crosses(packet, to);
}

/* By how much the IP packet is longer when it leaves for this backend. */
WEIR_INLINE __s32 weir_change(const struct weir_packet* packet,
                              const struct weir_backend* backend) {
    if (backend->mode >= WEIR_MODE_DSR) return (__s32)weir_overhead(backend);
    return weir_growth(packet, &backend->addr);
}

/* Sends the packet to this backend, and counts it. NONE, or why it cannot go; packet->backend and
 * mode are set even so, for whoever answers in its place. */
WEIR_INLINE enum weir_reason weir_toward(struct weir_env* env, struct weir_packet* packet,
                                         const struct weir_backend* backend, __u32 id) {
    struct weir_counters* counters = weir_env_counters(env, id);
    const __s32 change = weir_change(packet, backend);

    packet->backend = (__u16)id;
    packet->mode = backend->mode;
    const enum weir_reason reason = weir_fits(packet, backend, change);
    if (reason != WEIR_REASON_NONE) return reason;
    packet->next_hop = backend->next_hop;
    packet->out_port = backend->out_port;
    packet->room = (__s16)(change + weir_room(env, packet, &packet->tuple.dst)); /* and tags */
    if (counters) {
        counters->packets_in++;
        counters->bytes_in += packet->length;
    }
    return WEIR_REASON_NONE;
}

/* The same; what does not fit is answered, where it may be (answer.h). `from`: who sent it. */
WEIR_INLINE enum weir_reason weir_toward_or_answer(struct weir_env* env, struct weir_packet* packet,
                                                   const struct weir_backend* backend, __u32 id,
                                                   const struct weir_mac* from, __u32 now) {
    const enum weir_reason reason = weir_toward(env, packet, backend, id);

    if (reason != WEIR_REASON_FRAG_NEEDED && reason != WEIR_REASON_MUST_FRAGMENT) return reason;
    return weir_answer_too_big(env, packet, from,
                               weir_mtu_of(backend, weir_change(packet, backend)), now, reason);
}

/*
 * A packet to a stateless service follows the slot table, SYN or not: every balancer with the same
 * table and every restart send it to the same backend. A draining service goes on like that for as
 * long as control keeps its record, since its connections are known to nobody.
 */
WEIR_INLINE enum weir_reason weir_decide_stateless(struct weir_env* env, struct weir_packet* packet,
                                                   const struct weir_service* service,
                                                   const struct weir_mac* from, __u32 now) {
    if (service->flags & WEIR_SERVICE_PEERS) return WEIR_REASON_PEER_STRAY;
    const __u32 id = weir_pick(env, service, &packet->tuple);
    if (id == WEIR_NO_BACKEND) return WEIR_REASON_NO_BACKEND;
    const struct weir_backend* backend = weir_env_backend(env, id);
    enum weir_reason reason = weir_backend_check(backend);
    if (reason != WEIR_REASON_NONE) return reason;
    /* Replies of the other modes come back here, and only a flow would know them. */
    if (!backend || backend->mode < WEIR_MODE_DSR) return WEIR_REASON_BAD_TABLES;

    packet->from_client = 1;
    packet->flow = WEIR_NO_FLOW;
    reason = weir_toward_or_answer(env, packet, backend, id, from, now);
    return reason == WEIR_REASON_NONE ? WEIR_REASON_STATELESS : reason;
}

#endif
