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
#include "env.h"
#include "flow.h"
#include "packet.h"

/* Whether the backend's record can take a packet; NONE: it can. */
WEIR_INLINE enum weir_reason weir_backend_check(const struct weir_backend* backend) {
    if (!backend || !(backend->flags & WEIR_BACKEND_USED)) return WEIR_REASON_BAD_TABLES;
    if (!(backend->flags & WEIR_BACKEND_REACHABLE)) return WEIR_REASON_NO_NEXT_HOP;
    return WEIR_REASON_NONE;
}

/* Sends the packet to this backend, and counts it. */
WEIR_INLINE void weir_toward(struct weir_env* env, struct weir_packet* packet,
                             const struct weir_backend* backend, __u32 id) {
    struct weir_counters* counters = weir_env_counters(env, id);

    packet->backend = (__u16)id;
    packet->mode = backend->mode;
    packet->next_hop = backend->next_hop;
    packet->out_port = backend->out_port;
    if (counters) {
        counters->packets_in++;
        counters->bytes_in += packet->length;
    }
}

/* How many bytes of IP a packet gains on its way to the backend: by tunnel headers, and where the
 * families differ by the longer header (RFC 7915 section 1.4). */
WEIR_INLINE __s32 weir_overhead(const struct weir_packet* packet,
                                const struct weir_backend* backend) {
    const int to_v4 = weir_addr_is_v4(&backend->addr);
    const __s32 header = to_v4 ? 20 : 40;

    if (backend->mode == WEIR_MODE_GUE) return header + (__s32)sizeof(struct weir_udp);
    if (backend->mode == WEIR_MODE_IPIP) return header;
    if (backend->mode == WEIR_MODE_DSR || (packet->family == 4) == to_v4) return 0;
    return to_v4 ? -20 : 20;
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

    reason =
        weir_answer_too_big(env, packet, from, backend->mtu, weir_overhead(packet, backend), now);
    if (reason != WEIR_REASON_NONE) return reason;
    packet->from_client = 1;
    packet->flow = WEIR_NO_FLOW;
    weir_toward(env, packet, backend, id);
    return WEIR_REASON_STATELESS;
}

#endif
