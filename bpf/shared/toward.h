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

/* Whether the backend's record can take a packet; NONE: it can. */
WEIR_INLINE enum weir_reason weir_backend_check(const struct weir_backend* backend) {
    if (!backend || !(backend->flags & WEIR_BACKEND_USED)) return WEIR_REASON_BAD_TABLES;
    if (!(backend->flags & WEIR_BACKEND_REACHABLE)) return WEIR_REASON_NO_NEXT_HOP;
    return WEIR_REASON_NONE;
}

/* Sends the packet to this backend, and counts it. NONE, or why it cannot go; packet->backend and
 * mode are set even so, for whoever answers in its place. */
WEIR_INLINE enum weir_reason weir_toward(struct weir_env* env, struct weir_packet* packet,
                                         const struct weir_backend* backend, __u32 id) {
    struct weir_counters* counters = weir_env_counters(env, id);
    const __s32 overhead = (__s32)weir_overhead(backend);

    packet->backend = (__u16)id;
    packet->mode = backend->mode;
    const enum weir_reason reason = weir_fits(packet, backend, overhead);
    if (reason != WEIR_REASON_NONE) return reason;
    packet->room = (__s16)overhead;
    packet->next_hop = backend->next_hop;
    packet->out_port = backend->out_port;
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

    if (reason != WEIR_REASON_FRAG_NEEDED) return reason;
    return weir_answer_too_big(env, packet, from,
                               weir_mtu_of(backend, (__s32)weir_overhead(backend)), now);
}

/*
 * A packet to a stateless service follows the slot table, SYN or not: every balancer with the same
 * table and every restart send it to the same backend. A draining service goes on like that for as
 * long as control keeps its record, since its connections are known to nobody.
 */
WEIR_INLINE enum weir_reason weir_decide_stateless(struct weir_env* env, struct weir_packet* packet,
                                                   const struct weir_service* service,
                                                   const struct weir_mac* from, __u32 now) {
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
