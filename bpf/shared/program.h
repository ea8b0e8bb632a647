/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The packet program: what happens to a packet, in stages. XDP runs them one after the other for
 * one packet, DPDK each over a whole batch; the semantics are all here.
 *
 *   weir_parse    frame -> tuple                         packet.h
 *   weir_unwrap   what weir_is_wrapped: the error inside   peers.h
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
#include "icmp_words.h"
#include "martian.h"
#include "parse.h"
#include "peers.h"
#include "quic.h"
#include "reference.h"
#include "rewrite.h"
#include "service.h"
#include "source.h"
#include "tcp.h"
#include "toward.h"
#include "translate.h"
#include "verdict.h"
#include "vlan.h"

/* Completes a parsed packet's tuple and hashes it; anything but NONE is what becomes of it. */
WEIR_INLINE enum weir_reason weir_hash_packet(struct weir_env* env, struct weir_packet* packet,
                                              __u32 now) {
    const enum weir_reason reason = weir_fragment_ports(env, packet, now);

    packet->hash = weir_hash_tuple(weir_env_control(env)->seed, &packet->tuple);
    return reason;
}

/* The worker that owns the flow of a packet, of `workers`: a reply's (it is for no service) by the
 * port it came back to, which its worker chose so, or the client has; a client's by its hash, or by
 * its port. Where there are no flows, it stays where it is. */
WEIR_INLINE __u32 weir_owner(struct weir_env* env, const struct weir_service* service,
                             const struct weir_tuple* tuple, __u64 hash, __u32 workers) {
    if (workers <= 1) return 0;
    if (!service) return weir_be16_to(tuple->dport) % workers;
    if (service->flags & WEIR_SERVICE_STATELESS) return weir_env_worker(env);
    if (service->flags & WEIR_SERVICE_BY_PORT) return weir_be16_to(tuple->sport) % workers;
    return (__u32)(hash >> 40) % workers;
}

/* Claims a place for a new flow to backend `id` and writes its record, but for its source. */
WEIR_SELDOM enum weir_reason weir_flow_begin(struct weir_env* env, struct weir_packet* packet,
                                             const struct weir_service* service, __u32 id,
                                             __u32 now) {
    if (!env || !packet || !service) return WEIR_REASON_BAD_TABLES;
    if (id == WEIR_NO_BACKEND) return WEIR_REASON_NO_BACKEND;
    const struct weir_backend* backend = weir_env_backend(env, id);
    enum weir_reason reason = weir_backend_check(backend);
    if (!backend || reason != WEIR_REASON_NONE) return reason;
    if (weir_ttl_ends(packet, backend)) return WEIR_REASON_TTL;
    if (backend->mode < WEIR_MODE_DSR && weir_fragment_stays(packet, &backend->addr))
        return WEIR_REASON_FRAGMENT;
    reason = weir_check_source(env, &packet->tuple);
    if (reason != WEIR_REASON_NONE) return reason;

    packet->flow = weir_flow_claim(env, now);
    if (packet->flow == WEIR_NO_FLOW) return WEIR_REASON_FLOW_TABLE_FULL;
    struct weir_flow* flow = weir_env_flow(env, packet->flow);
    if (!flow) return WEIR_REASON_BAD_TABLES;

    weir_flow_unlink(env, packet->flow);
    flow->client = packet->tuple.src;
    flow->service = packet->tuple.dst;
    flow->client_port = packet->tuple.sport;
    flow->service_port = packet->tuple.dport;
    flow->backend_id = (__u16)id;
    flow->state = WEIR_FLOW_OPENING;
    flow->sent_by_client = 0;
    flow->sent_by_backend = 0;
    flow->idle = service->idle;
    flow->connect = service->connect;
    flow->service_id = (__u16)service->id;
    flow->protocol = (__u8)packet->tuple.protocol;
    /* Live before it is linked, or another CPU would take its references for stale ones. */
    weir_env_publish(&flow->expires, now + weir_span_ticks(service->connect));
    return WEIR_REASON_NONE;
}

/* Gives the flow that has just begun a source, and makes it findable from both sides; or else gives
 * its place back. */
WEIR_SELDOM enum weir_reason weir_flow_open(struct weir_env* env, struct weir_packet* packet,
                                            __u32 now) {
    if (!env || !packet) return WEIR_REASON_BAD_TABLES;
    struct weir_flow* flow = weir_env_flow(env, packet->flow);
    if (!flow) return WEIR_REASON_BAD_TABLES;
    const struct weir_backend* backend = weir_env_backend(env, flow->backend_id);
    if (!backend) return WEIR_REASON_BAD_TABLES;

    enum weir_reason reason =
        weir_source_choose(env, flow, packet->flow, backend, packet->hash, now);
    if (reason == WEIR_REASON_NONE && !weir_flow_link(env, packet->flow, packet->hash, now))
        reason = WEIR_REASON_FLOW_TABLE_FULL;
    if (reason != WEIR_REASON_NONE) {
        flow->expires = now;
        return reason;
    }
    struct weir_counters* counters = weir_env_counters(env, flow->backend_id);
    if (counters) counters->flows++;
    return WEIR_REASON_FLOW_NEW;
}

/* RFC 9293 section 3.6.1: a SYN may reopen a closed connection; it is a new flow. A backend that
 * has sent neither SYN nor RST has not been reached: it was in TIME_WAIT from before weir's own
 * start, answered with an ACK, and the client's RST has just ended that (RFC 9293 section
 * 3.10.7.3); this SYN is the same attempt. */
WEIR_INLINE int weir_flow_reopens(const struct weir_flow* flow) {
    return flow->state == WEIR_FLOW_CLOSED &&
           (weir_flow_is_one_way(flow) ||
            (flow->sent_by_backend & (WEIR_SENT_SYN | WEIR_SENT_RST)));
}

/* Whether a packet that opens moves its flow away from this backend: of UDP each does; a SYN only
 * while nobody has answered one, or when the backend's flows end anyway. */
WEIR_INLINE int weir_flow_moves(const struct weir_flow* flow, const struct weir_backend* backend,
                                int tcp) {
    if (!backend || !(backend->flags & (WEIR_BACKEND_DOWN | WEIR_BACKEND_RESET))) return 0;
    if (!tcp || (backend->flags & WEIR_BACKEND_RESET)) return 1;
    return flow->state == WEIR_FLOW_OPENING && flow->sent_by_backend == 0;
}

/* Leaves the client's tuple to a new flow. The old one goes on resting, nameless, so that nobody
 * else gets its source port while its backend may still speak to it; without one it is gone. */
WEIR_INLINE void weir_flow_retire(struct weir_env* env, const struct weir_packet* packet,
                                  struct weir_flow* flow, __u32 now) {
    weir_flow_unname(env, packet->flow, packet->hash);
    flow->client_port.raw = 0;
    flow->state = WEIR_FLOW_RESTING;
    if (weir_flow_is_one_way(flow)) flow->expires = now;
}

/* Starts a flow where there is none. */
WEIR_INLINE int weir_opens(const struct weir_packet* packet) {
    return packet->tuple.protocol != WEIR_PROTO_TCP || weir_tcp_opens(packet->tcp_flags);
}

/* A packet from a client to a service; packet->flow is its flow, if there is one. */
WEIR_INLINE enum weir_reason weir_decide_client(struct weir_env* env, struct weir_packet* packet,
                                                const struct weir_service* service, void* data,
                                                void* end, __u32 now) {
    const int tcp = packet->tuple.protocol == WEIR_PROTO_TCP;
    const int opens = weir_opens(packet);
    const int draining = (service->flags & WEIR_SERVICE_DRAINING) != 0;
    const struct weir_mac* from = &packet->next_hop; /* until weir_toward */
    const struct weir_backend* backend = 0;
    enum weir_reason reason = WEIR_REASON_FLOW_HIT;
    struct weir_flow* flow = 0;
    __u32 id = WEIR_NO_BACKEND;

    packet->from_client = 1;
    if (packet->flow != WEIR_NO_FLOW) flow = weir_env_flow(env, packet->flow);
    if (flow) {
        backend = weir_env_backend(env, flow->backend_id);
        if (opens && tcp && weir_flow_reopens(flow)) {
            weir_flow_retire(env, packet, flow, now);
            flow = 0;
        } else if (opens && !draining && weir_flow_moves(flow, backend, tcp)) {
            id = weir_pick(env, service, &packet->tuple);
            if (id != WEIR_NO_BACKEND && id != flow->backend_id) {
                weir_flow_retire(env, packet, flow, now);
                flow = 0;
            }
        }
    }
    /* RFC 9000 section 9: a connection that its client goes on with from another address. */
    if (flow && packet->named != WEIR_NO_BACKEND && packet->named != flow->backend_id) {
        weir_flow_retire(env, packet, flow, now);
        flow = 0;
    }
    if (!flow) {
        if (!opens && (service->flags & WEIR_SERVICE_RESET_UNKNOWN))
            return weir_answer_reset(env, packet, from, now, WEIR_REASON_NO_FLOW);
        if (!opens) return WEIR_REASON_NO_FLOW;
        if (draining) return WEIR_REASON_SERVICE_DRAINING;
        if (packet->named != WEIR_NO_BACKEND) id = packet->named;
        if (id == WEIR_NO_BACKEND) id = weir_pick(env, service, &packet->tuple);
        reason = weir_flow_begin(env, packet, service, id, now);
        if (reason == WEIR_REASON_NONE) reason = weir_flow_open(env, packet, now);
        if (reason != WEIR_REASON_FLOW_NEW) return reason;
        flow = weir_env_flow(env, packet->flow);
        if (!flow) return WEIR_REASON_BAD_TABLES;
        backend = weir_env_backend(env, id);
    }
    if (backend && (backend->flags & WEIR_BACKEND_RESET)) {
        /* The reset that the client gets speaks for the backend. */
        weir_flow_step(flow, packet->tuple.protocol, 0, WEIR_TCP_RST, now);
        return weir_answer_reset(env, packet, from, now, WEIR_REASON_BACKEND_RESET);
    }
    enum weir_reason check = weir_backend_check(backend);
    if (!backend || check != WEIR_REASON_NONE) return check;
    if (weir_flow_is_one_way(flow) != (backend->mode >= WEIR_MODE_DSR))
        return WEIR_REASON_BAD_TABLES; /* an id's mode has changed under its flows */

    if (weir_ttl_ends(packet, backend)) return WEIR_REASON_TTL;
    if (backend->mode < WEIR_MODE_DSR) {
        if (weir_fragment_stays(packet, &backend->addr)) return WEIR_REASON_FRAGMENT;
        if (!weir_translatable(packet, &backend->addr, data, end))
            return WEIR_REASON_UDP_NO_CHECKSUM;
    }
    if (!weir_mac_equal(&flow->client_mac, from)) flow->client_mac = *from;
    if (flow->in_port != packet->in_port) flow->in_port = packet->in_port;
    weir_flow_step(flow, packet->tuple.protocol, 1, packet->tcp_flags, now);
    check = weir_toward_or_answer(env, packet, backend, flow->backend_id, from, now);
    return check == WEIR_REASON_NONE ? reason : check;
}

/* An ICMP error to a service, or from a peer, about no flow that is known here: another balancer
 * may know it. */
WEIR_INLINE enum weir_reason weir_to_peer(struct weir_env* env, struct weir_packet* packet,
                                          __u32 now) {
    const __u32 next = weir_peer_next(env, packet);
    if (next == WEIR_NO_PEER) return WEIR_REASON_ICMP;
    if (next == WEIR_LAST_PEER) return WEIR_REASON_ICMP_NO_PEER;
    const __u32 id = next & 0xffffu;
    const struct weir_backend* backend = weir_env_backend(env, id);
    enum weir_reason reason = weir_backend_check(backend);
    if (!backend || reason != WEIR_REASON_NONE) return reason;
    if (backend->mode != WEIR_MODE_GUE) return WEIR_REASON_BAD_TABLES;
    if (packet->peer == WEIR_NO_BACKEND && !weir_answer_allowed(env, now))
        return WEIR_REASON_ANSWER_LIMITED;
    reason = weir_toward(env, packet, backend, id);
    if (reason != WEIR_REASON_NONE) return reason;
    packet->kind = WEIR_KIND_TO_PEER;
    packet->peer = next >> 16;
    return WEIR_REASON_ICMP_TO_PEER;
}

/* An ICMP error; packet->flow is the flow of what it quotes, if there is one. `to_backend`: it came
 * from the client's side. Nothing of the flow changes. */
WEIR_INLINE enum weir_reason weir_decide_error(struct weir_env* env, struct weir_packet* packet,
                                               int to_backend, void* data, void* end, __u32 now) {
    if (packet->flow == WEIR_NO_FLOW)
        return to_backend || packet->peer != WEIR_NO_BACKEND ? weir_to_peer(env, packet, now)
                                                             : WEIR_REASON_ICMP;
    const struct weir_flow* flow = weir_env_flow(env, packet->flow);
    if (!flow) return WEIR_REASON_BAD_TABLES;
    packet->from_client = (__u8)to_backend;
    if (!to_backend) {
        if (flow->state == WEIR_FLOW_RESTING) return WEIR_REASON_ICMP;
        if (packet->ttl <= 1) return WEIR_REASON_TTL;
        if (!weir_error_translatable(packet, &flow->client, data, end))
            return WEIR_REASON_ICMP_UNTRANSLATABLE;
        packet->next_hop = flow->client_mac;
        packet->out_port = flow->in_port;
        packet->room = weir_room(env, packet, &flow->client);
        return WEIR_REASON_ICMP_ERROR;
    }
    const struct weir_backend* backend = weir_env_backend(env, flow->backend_id);
    enum weir_reason check = weir_backend_check(backend);
    if (!backend || check != WEIR_REASON_NONE) return check;
    if (weir_ttl_ends(packet, backend)) return WEIR_REASON_TTL;
    if (backend->mode < WEIR_MODE_DSR &&
        !weir_error_translatable(packet, &backend->addr, data, end))
        return WEIR_REASON_ICMP_UNTRANSLATABLE;
    check = weir_toward(env, packet, backend, flow->backend_id);
    return check == WEIR_REASON_NONE ? WEIR_REASON_ICMP_ERROR : check;
}

/* A packet that is for no service: a backend's reply, or the host's. */
WEIR_INLINE enum weir_reason weir_decide_reply(struct weir_env* env, struct weir_packet* packet,
                                               void* data, void* end, __u32 now) {
    packet->flow = weir_flow_find_reply(env, &packet->tuple, packet->hash, now);
    if (packet->flow == WEIR_NO_FLOW) return WEIR_REASON_NOT_SERVICE;
    struct weir_flow* flow = weir_env_flow(env, packet->flow);
    if (!flow) return WEIR_REASON_BAD_TABLES;

    if (flow->state == WEIR_FLOW_RESTING) return WEIR_REASON_NO_FLOW;
    packet->backend = flow->backend_id;
    if (packet->ttl <= 1) return WEIR_REASON_TTL;
    if (weir_fragment_stays(packet, &flow->client)) return WEIR_REASON_FRAGMENT;
    if (!weir_translatable(packet, &flow->client, data, end)) return WEIR_REASON_UDP_NO_CHECKSUM;
    const __s32 change = weir_growth(packet, &flow->client);
    if (packet->ip_length + change > weir_env_control(env)->reply_mtu) {
        const enum weir_reason reason =
            weir_answer_long_reply(env, packet, flow->in_port, change, now);
        if (reason != WEIR_REASON_NONE) return reason;
    }
    packet->next_hop = flow->client_mac;
    packet->out_port = flow->in_port;
    packet->room = weir_room(env, packet, &flow->client);
    weir_flow_step(flow, packet->tuple.protocol, 0, packet->tcp_flags, now);
    struct weir_counters* counters = weir_env_counters(env, flow->backend_id);
    if (counters) {
        counters->packets_out++;
        counters->bytes_out += packet->length;
    }
    return WEIR_REASON_FLOW_HIT;
}

/* A packet addressed to a service, but of no flow of it, is a reply all the same when the service
 * is younger than the flow that has its port as source port. A SYN never is one. */
WEIR_INLINE int weir_may_be_reply(const struct weir_packet* packet) {
    return packet->tuple.protocol != WEIR_PROTO_TCP || !weir_tcp_opens(packet->tcp_flags);
}

WEIR_INLINE int weir_is_reply_after_all(struct weir_env* env, const struct weir_packet* packet,
                                        __u32 now) {
    return weir_may_be_reply(packet) &&
           weir_flow_find_reply(env, &packet->tuple, packet->hash, now) != WEIR_NO_FLOW;
}

/*
 * Decides on a parsed and hashed packet whose frame is [data, end), and which is addressed to
 * `service`, or NULL: to none. With a forward verdict, packet->flow, next_hop, out_port and room
 * are set. NONE: another worker must decide, whom weir_owner names of a reply. `now` is the
 * engine's clock in ticks (clock.h).
 */
WEIR_INLINE enum weir_reason weir_decide_for(struct weir_env* env, struct weir_packet* packet,
                                             const struct weir_service* service, void* data,
                                             void* end, __u32 now) {
    const struct weir_control* control = weir_env_control(env);
    const struct weir_eth* eth = (const struct weir_eth*)weir_at(data, end, 0, sizeof(*eth));
    enum weir_reason reason;

    if (control->generation == 0) return WEIR_REASON_NO_TABLES;
    if (!eth) return WEIR_REASON_TRUNCATED;
    if (packet->tags && !weir_enter_vlan(env, packet, data, end)) return WEIR_REASON_VLAN;
    const struct weir_port* in = &control->ports[packet->in_port & (WEIR_PORT_CAPACITY - 1)];
    if (!weir_mac_equal(&eth->dst, &in->mac)) return WEIR_REASON_OTHER_MAC;
    packet->next_hop = eth->src; /* until it is decided: an answer goes back there */
    if (service && (service->flags & WEIR_SERVICE_STATELESS))
        return weir_decide_stateless(env, packet, service, &packet->next_hop, now);
    if (service) {
        packet->flow = weir_flow_find(env, &packet->tuple, packet->hash, now);
        if (packet->flow == WEIR_NO_FLOW) {
            if (weir_is_reply_after_all(env, packet, now))
                service = 0;
            else if (weir_may_be_reply(packet) &&
                     weir_env_elsewhere(env, &packet->tuple, packet->hash, now))
                return WEIR_REASON_NONE;
        }
    }
    if (service && service->cid_count != 0 && packet->kind == WEIR_KIND_PLAIN)
        packet->named = weir_quic_backend(env, packet, service, data, end);
    if (packet->kind == WEIR_KIND_ICMP_ERROR) {
        if (!service) packet->flow = weir_flow_find_reply(env, &packet->tuple, packet->hash, now);
        reason = weir_decide_error(env, packet, service != 0, data, end, now);
    } else if (service) {
        reason = weir_decide_client(env, packet, service, data, end, now);
    } else {
        reason = weir_decide_reply(env, packet, data, end, now);
    }
    if (reason == WEIR_REASON_TTL) return weir_answer_time_exceeded(env, packet, now);
    if (in->kind == WEIR_PORT_HOST_LINK && weir_verdict_of(reason) == WEIR_VERDICT_TO_HOST)
        return WEIR_REASON_HOST_LINK_STRAY;
    return reason;
}

/* The same for an engine that has not asked for the service before. */
WEIR_INLINE enum weir_reason weir_decide(struct weir_env* env, struct weir_packet* packet,
                                         void* data, void* end, __u32 now) {
    return weir_decide_for(env, packet, weir_service_find(env, &packet->tuple), data, end, now);
}

#endif
