/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The packet program: what happens to a packet, in stages. XDP runs them one after the other for
 * one packet, DPDK each over a whole batch; the semantics are all here.
 *
 *   weir_parse    frame -> tuple                         packet.h
 *   weir_hash_packet  a fragment's ports, then the hash  fragment.h
 *   weir_decide   tuple -> flow, next hop, reason        here
 *   (the engine moves the frame's start by packet->room, or drops it as no_room)
 *   weir_rewrite  flow -> headers                        rewrite.h
 */
#ifndef WEIR_PROGRAM_H
#define WEIR_PROGRAM_H

#include "answer.h"
#include "balance.h"
#include "env.h"
#include "flow.h"
#include "fragment.h"
#include "packet.h"
#include "parse.h"
#include "quic.h"
#include "reference.h"
#include "rewrite.h"
#include "tcp.h"
#include "verdict.h"

/* Completes a parsed packet's tuple and hashes it; anything but NONE is what becomes of it. */
WEIR_INLINE enum weir_reason weir_hash_packet(struct weir_env* env, struct weir_packet* packet,
                                              __u32 now) {
    const enum weir_reason reason = weir_fragment_ports(env, packet, now);

    packet->hash = weir_hash_tuple(weir_env_control(env)->seed, &packet->tuple);
    return reason;
}

/* The service with this address, protocol and port, or NULL. */
WEIR_INLINE const struct weir_service* weir_service_find(struct weir_env* env,
                                                         const struct weir_tuple* tuple) {
    const __u32 mask = weir_env_control(env)->service_capacity - 1;
    const __u32 home = (__u32)weir_hash_service(&tuple->dst, tuple->dport, tuple->protocol);

    for (__u32 i = 0; i < WEIR_SERVICE_PROBES; i++) {
        const struct weir_service* service = weir_env_service(env, (home + i) & mask);
        if (!service || !(service->flags & WEIR_SERVICE_USED)) return 0;
        if (service->port.raw == tuple->dport.raw && service->protocol == tuple->protocol &&
            weir_addr_equal(&service->addr, &tuple->dst))
            return service;
    }
    return 0;
}

/* Whether a service has this destination. */
WEIR_SUBPROGRAM int weir_is_service(struct weir_env* env, const struct weir_tuple* tuple) {
    if (!env || !tuple) return 0;
    return weir_service_find(env, tuple) != 0;
}

/* The worker that owns the packet's flow, of `workers`: a reply's by the port it came back to,
 * which its worker chose so; a client's by its hash. */
WEIR_INLINE __u32 weir_owner(struct weir_env* env, const struct weir_packet* packet,
                             __u32 workers) {
    if (workers <= 1) return 0;
    if (weir_service_find(env, &packet->tuple)) return (__u32)(packet->hash >> 40) % workers;
    return weir_be16_to(packet->tuple.dport) % workers;
}

#define WEIR_SNAT_TRIES 48u
#define WEIR_SNAT_FREE_TRIES 32u /* of them: only ports that rest on no flow at all */

/*
 * Finds a source port toward flow->backend from flow->snat whose replies are nobody else's (neither
 * another flow's nor, where the source address is one that clients use too, a service's), and makes
 * the flow findable by it. Ports of this worker are those with port % workers == worker.
 * Where to look first and how far to step come from the hash, so that used ports do not cluster. 0:
 * none was free.
 */
WEIR_INLINE int weir_snat(struct weir_env* env, struct weir_flow* flow, __u32 number,
                          const struct weir_backend* backend, __u32 protocol, __u64 hash,
                          __u32 now) {
    const __u32 workers = weir_env_workers(env);
    const __u32 first = backend->snat_low +
                        (weir_env_worker(env) + workers - backend->snat_low % workers) % workers;
    if (first > backend->snat_high) return 0;
    const __u32 count = (backend->snat_high - first) / workers + 1;
    const __u32 start = (__u32)(hash >> 16) % count;
    const __u32 step = count > 1 ? 1 + (__u32)(hash >> 32) % (count - 1) : 0;
    struct weir_tuple reply;

    reply.src = backend->addr;
    reply.dst = backend->snat;
    reply.sport = backend->port;
    reply.protocol = protocol;
    for (__u32 i = 0; i < WEIR_SNAT_TRIES; i++) {
        reply.dport = weir_be16_from((__u16)(first + (start + i * step) % count * workers));
        if (weir_is_service(env, &reply)) continue;
        const __u64 reply_hash = weir_hash_tuple(weir_env_control(env)->seed, &reply);
        const __u32 holder = weir_flow_find_reply(env, &reply, reply_hash, now);
        if (holder != WEIR_NO_FLOW) {
            struct weir_flow* other = weir_env_flow(env, holder);
            if (i < WEIR_SNAT_FREE_TRIES || !other || other->state < WEIR_FLOW_CLOSED) continue;
            if (weir_later(other->expires, now + WEIR_CLOSED_TICKS - WEIR_CLOSED_REST_TICKS))
                continue;
            other->expires = now;
        }
        flow->snat_port = reply.dport;
        return weir_flow_link(env, number, reply_hash, now);
    }
    return 0;
}

/* Starts a flow: picks a backend, a place in the table and a source port. */
WEIR_SUBPROGRAM enum weir_reason weir_flow_start(struct weir_env* env, struct weir_packet* packet,
                                                 const struct weir_service* service, __u32 now) {
    if (!env || !packet || !service) return WEIR_REASON_BAD_TABLES;
    if (service->flags & WEIR_SERVICE_DRAINING) return WEIR_REASON_SERVICE_DRAINING;
    const __u32 id =
        packet->named != WEIR_NO_BACKEND ? packet->named : weir_pick(env, service, &packet->tuple);
    if (id == WEIR_NO_BACKEND) return WEIR_REASON_NO_BACKEND;
    const struct weir_backend* backend = weir_env_backend(env, id);
    if (!backend || !(backend->flags & WEIR_BACKEND_USED)) return WEIR_REASON_BAD_TABLES;
    if (!(backend->flags & WEIR_BACKEND_REACHABLE)) return WEIR_REASON_NO_NEXT_HOP;

    const __u32 number = weir_flow_claim(env, packet->hash, now);
    if (number == WEIR_NO_FLOW) return WEIR_REASON_FLOW_TABLE_FULL;
    struct weir_flow* flow = weir_env_flow(env, number);
    if (!flow) return WEIR_REASON_BAD_TABLES;

    weir_flow_unlink(env, number);
    flow->client = packet->tuple.src;
    flow->service = packet->tuple.dst;
    flow->client_port = packet->tuple.sport;
    flow->service_port = packet->tuple.dport;
    flow->source = backend->source;
    flow->backend_id = (__u16)id;
    flow->state = WEIR_FLOW_OPENING;
    flow->sent_by_client = 0;
    flow->sent_by_backend = 0;
    flow->idle = service->idle;
    flow->connect = service->connect;
    flow->service_id = (__u16)service->id;
    /* Live before it is linked, or another CPU would take its reference for a stale one. */
    flow->expires = now + weir_span_ticks(service->connect);
    flow->protocol = (__u8)packet->tuple.protocol;
    if (!weir_snat(env, flow, number, backend, packet->tuple.protocol, packet->hash, now)) {
        flow->protocol = 0;
        weir_flow_publish(env, number, 0);
        return WEIR_REASON_NO_SNAT_PORT;
    }

    struct weir_counters* counters = weir_env_counters(env, id);
    if (counters) counters->flows++;
    packet->flow = number;
    weir_flow_publish(env, number, weir_flow_tag(packet->hash));
    return WEIR_REASON_FLOW_NEW;
}

/* A packet from a client to a service; packet->flow is its flow, if there is one. */
WEIR_INLINE enum weir_reason weir_decide_client(struct weir_env* env, struct weir_packet* packet,
                                                const struct weir_service* service,
                                                const struct weir_mac* from, __u32 now) {
    const int tcp = packet->tuple.protocol == WEIR_PROTO_TCP;
    const int opens = !tcp || weir_tcp_opens(packet->tcp_flags);
    enum weir_reason reason = WEIR_REASON_FLOW_HIT;
    struct weir_flow* flow = 0;

    packet->from_client = 1;
    if (packet->flow != WEIR_NO_FLOW) flow = weir_env_flow(env, packet->flow);
    /* RFC 9293 section 3.6.1: a SYN may reopen a closed connection; it is a new flow. The old one
     * goes on resting, nameless, so that nobody else gets its source port while the backend is in
     * TIME_WAIT. A backend that has sent neither SYN nor RST has not been reached: it was in
     * TIME_WAIT from before weir's own start, answered with an ACK, and the client's RST has just
     * ended that (RFC 9293 section 3.10.7.3); this SYN is the same attempt. */
    if (flow && tcp && opens && flow->state == WEIR_FLOW_CLOSED &&
        (flow->sent_by_backend & (WEIR_SENT_SYN | WEIR_SENT_RST))) {
        flow->client_port.raw = 0;
        flow->state = WEIR_FLOW_RESTING;
        flow = 0;
    }
    /* RFC 9000 section 9: a connection that its client goes on with from another address. */
    if (flow && packet->named != WEIR_NO_BACKEND && packet->named != flow->backend_id) {
        flow->expires = now;
        flow = 0;
    }
    if (!flow) {
        if (!opens && (service->flags & WEIR_SERVICE_RESET_UNKNOWN))
            return weir_answer_reset(env, packet, from, now, WEIR_REASON_NO_FLOW);
        if (!opens) return WEIR_REASON_NO_FLOW;
        reason = weir_flow_start(env, packet, service, now);
        if (reason != WEIR_REASON_FLOW_NEW) return reason;
        flow = weir_env_flow(env, packet->flow);
        if (!flow) return WEIR_REASON_BAD_TABLES;
    }
    const struct weir_backend* backend = weir_env_backend(env, flow->backend_id);
    if (!backend || !(backend->flags & WEIR_BACKEND_USED)) return WEIR_REASON_BAD_TABLES;
    if (!(backend->flags & WEIR_BACKEND_REACHABLE)) return WEIR_REASON_NO_NEXT_HOP;

    const enum weir_reason fit = weir_answer_too_big(env, packet, from, backend->mtu, 0, now);
    if (fit != WEIR_REASON_NONE) return fit;
    if (!weir_mac_equal(&flow->client_mac, from)) flow->client_mac = *from;
    if (flow->in_port != packet->in_port) flow->in_port = packet->in_port;
    packet->next_hop = backend->next_hop;
    packet->out_port = backend->out_port;
    weir_flow_step(flow, packet->tuple.protocol, 1, packet->tcp_flags, now);
    struct weir_counters* counters = weir_env_counters(env, flow->backend_id);
    if (counters) {
        counters->packets_in++;
        counters->bytes_in += packet->length;
    }
    return reason;
}

/* An ICMP error; packet->flow is the flow of what it quotes, if there is one. `to_backend`: it came
 * from the client's side. Nothing of the flow changes. */
WEIR_INLINE enum weir_reason weir_decide_error(struct weir_env* env, struct weir_packet* packet,
                                               int to_backend) {
    if (packet->flow == WEIR_NO_FLOW) return WEIR_REASON_ICMP;
    const struct weir_flow* flow = weir_env_flow(env, packet->flow);
    if (!flow) return WEIR_REASON_BAD_TABLES;
    packet->from_client = (__u8)to_backend;
    if (!to_backend) {
        if (flow->state == WEIR_FLOW_RESTING) return WEIR_REASON_ICMP;
        packet->next_hop = flow->client_mac;
        packet->out_port = flow->in_port;
        return WEIR_REASON_ICMP_ERROR;
    }
    const struct weir_backend* backend = weir_env_backend(env, flow->backend_id);
    if (!backend || !(backend->flags & WEIR_BACKEND_USED)) return WEIR_REASON_BAD_TABLES;
    if (!(backend->flags & WEIR_BACKEND_REACHABLE)) return WEIR_REASON_NO_NEXT_HOP;
    packet->next_hop = backend->next_hop;
    packet->out_port = backend->out_port;
    return WEIR_REASON_ICMP_ERROR;
}

/* A packet that is for no service: a backend's reply, or the host's. */
WEIR_INLINE enum weir_reason weir_decide_reply(struct weir_env* env, struct weir_packet* packet,
                                               __u32 now) {
    packet->flow = weir_flow_find_reply(env, &packet->tuple, packet->hash, now);
    if (packet->flow == WEIR_NO_FLOW) return WEIR_REASON_NOT_SERVICE;
    struct weir_flow* flow = weir_env_flow(env, packet->flow);
    if (!flow) return WEIR_REASON_BAD_TABLES;

    if (flow->state == WEIR_FLOW_RESTING) return WEIR_REASON_NO_FLOW;
    packet->next_hop = flow->client_mac;
    packet->out_port = flow->in_port;
    weir_flow_step(flow, packet->tuple.protocol, 0, packet->tcp_flags, now);
    struct weir_counters* counters = weir_env_counters(env, flow->backend_id);
    if (counters) {
        counters->packets_out++;
        counters->bytes_out += packet->length;
    }
    return WEIR_REASON_FLOW_HIT;
}

/* A packet addressed to a service, but of no flow of it, is a reply all the same when the service
 * is younger than the flow that has its port as source port. A SYN never is one.
 * XXX: with several workers the packet has gone to the service's worker by its hash, which need not
 * be the flow's; it is found only there. A second hand-over would lift that. */
WEIR_INLINE int weir_is_reply_after_all(struct weir_env* env, const struct weir_packet* packet,
                                        __u32 now) {
    if (packet->tuple.protocol == WEIR_PROTO_TCP && weir_tcp_opens(packet->tcp_flags)) return 0;
    return weir_flow_find_reply(env, &packet->tuple, packet->hash, now) != WEIR_NO_FLOW;
}

/*
 * Decides on a parsed and hashed packet whose frame is [data, end). With a forward verdict,
 * packet->flow, next_hop, out_port and room are set. `now` is the engine's clock in ticks
 * (clock.h).
 */
WEIR_INLINE enum weir_reason weir_decide(struct weir_env* env, struct weir_packet* packet,
                                         void* data, void* end, __u32 now) {
    const struct weir_control* control = weir_env_control(env);
    const struct weir_port* in = &control->ports[packet->in_port & (WEIR_PORT_CAPACITY - 1)];
    const struct weir_eth* eth = (const struct weir_eth*)weir_at(data, end, 0, sizeof(*eth));
    enum weir_reason reason;

    if (control->generation == 0) return WEIR_REASON_NO_TABLES;
    if (!eth) return WEIR_REASON_TRUNCATED;
    if (!weir_mac_equal(&eth->dst, &in->mac)) return WEIR_REASON_OTHER_MAC;
    const struct weir_service* service = weir_service_find(env, &packet->tuple);
    if (service) {
        packet->flow = weir_flow_find(env, &packet->tuple, packet->hash, now);
        if (packet->flow == WEIR_NO_FLOW && weir_is_reply_after_all(env, packet, now)) service = 0;
    }
    if (service && service->cid_count != 0)
        packet->named = weir_quic_backend(env, packet, service, data, end);
    if (packet->kind == WEIR_KIND_ICMP_ERROR) {
        if (!service) packet->flow = weir_flow_find_reply(env, &packet->tuple, packet->hash, now);
        reason = weir_decide_error(env, packet, service != 0);
    } else if (service) {
        const struct weir_mac from = eth->src;
        reason = weir_decide_client(env, packet, service, &from, now);
    } else {
        reason = weir_decide_reply(env, packet, now);
    }
    if (in->kind == WEIR_PORT_HOST_LINK && weir_verdict_of(reason) == WEIR_VERDICT_TO_HOST)
        return WEIR_REASON_HOST_LINK_STRAY;
    return reason;
}

#endif
