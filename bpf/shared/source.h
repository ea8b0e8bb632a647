/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The source address and port of a new flow toward its backend, by the backend's mode: one of
 * weir's own (nat), the client's (transparent), or none that matters because no reply comes this
 * way. weir_flow_open calls it for a flow whose record is filled in but for these.
 */
#ifndef WEIR_SOURCE_H
#define WEIR_SOURCE_H

#include "reference.h"
#include "service.h"
#include "tcp.h"

#define WEIR_SNAT_TRIES 64u
#define WEIR_SNAT_FREE_TRIES 48u  /* of them: only ports that rest on no flow at all */
#define WEIR_SNAT_TAKEN_TRIES 24u /* of these: only ports whose replies come in at this worker */

/* A worker's source ports toward a backend: `count` of them, `first` and every `step`th after it.
 */
struct weir_snat_ports {
    __u32 first;
    __u32 count;
    __u32 step;
};

/* Those with port % workers == worker. */
WEIR_INLINE struct weir_snat_ports weir_snat_ports_of(struct weir_env* env,
                                                      const struct weir_backend* backend) {
    const __u32 low = backend->snat_low, high = backend->snat_high;
    const __u32 workers = weir_env_workers(env);
    struct weir_snat_ports ports = {low, 0, 1};

    if (workers > 1) { /* or there is nothing to divide */
        ports.first += (weir_env_worker(env) + workers - low % workers) % workers;
        ports.step = workers;
        if (ports.first <= high) ports.count = (high - ports.first) / workers + 1;
    } else if (low <= high) {
        ports.count = high - low + 1;
    }
    return ports;
}

/* The port that a flow with this hash tries as number `i`. Where it starts and how far it goes at a
 * time, a quarter to a half of the way around, come from the hash, so that used ports do not
 * cluster. */
WEIR_INLINE struct weir_be16 weir_snat_port(const struct weir_snat_ports* ports, __u64 hash,
                                            __u32 i) {
    const __u32 by = 0x40000000u + ((__u32)(hash >> 32) >> 2);
    const __u32 at = (__u32)(hash >> 16) + i * by;

    return weir_be16_from((__u16)(ports->first + weir_scale(at, ports->count) * ports->step));
}

/* What a backend sends to this port of weir's, in a flow to `service_port`. */
WEIR_INLINE struct weir_tuple weir_snat_reply(const struct weir_backend* backend,
                                              struct weir_be16 service_port, __u32 protocol,
                                              struct weir_be16 port) {
    const struct weir_tuple reply = {backend->addr, backend->snat,
                                     weir_port_at(backend, service_port), port, protocol};
    return reply;
}

/* A flow that gives up its port where there is no other: a handshake, or UDP whose client has asked
 * once, and may have been answered. */
WEIR_INLINE int weir_snat_yields(const struct weir_flow* flow) {
    if (flow->state == WEIR_FLOW_OPENING) return 1;
    return flow->state == WEIR_FLOW_ESTABLISHED && flow->protocol == WEIR_PROTO_UDP &&
           !(flow->sent_by_client & WEIR_SENT_ACK);
}

/*
 * Finds a source port toward flow->backend from flow->snat whose replies are nobody else's (neither
 * another flow's nor, where the source address is one that clients use too, a service's), and makes
 * the flow findable by it. First of all one is looked for whose replies a NIC spreads to this
 * worker, so that they need not be handed over to it. When none of those that are tried is free or
 * has rested, one that yields and has the least time left gives up its own, as it would its place
 * (flow.h): a SYN flood, or UDP that asks once, competes with itself. 0: there was none.
 */
WEIR_INLINE int weir_snat(struct weir_env* env, struct weir_flow* flow, __u32 number,
                          const struct weir_backend* backend, __u64 hash, __u32 now) {
    const struct weir_snat_ports ports = weir_snat_ports_of(env, backend);
    struct weir_tuple reply =
        weir_snat_reply(backend, flow->service_port, flow->protocol, flow->snat_port);
    struct weir_be16 yields_port = {0};
    __u32 yields = WEIR_NO_FLOW, yields_expires = 0;
    __u64 spread = 0;

    if (ports.count == 0) return 0;
    for (__u32 i = 0; i < WEIR_SNAT_TRIES; i++) {
        reply.dport = weir_snat_port(&ports, hash, i);
        if (i < WEIR_SNAT_TAKEN_TRIES && !weir_env_takes(env, &reply, &spread)) continue;
        if (weir_is_service(env, &reply)) continue;
        const __u64 reply_hash = weir_hash_tuple(weir_env_control(env)->seed, &reply);
        const __u32 holder = weir_flow_find_reply(env, &reply, reply_hash, now);
        if (holder != WEIR_NO_FLOW) {
            struct weir_flow* other = weir_env_flow(env, holder);
            if (i < WEIR_SNAT_FREE_TRIES || !other) continue;
            if (weir_snat_yields(other) &&
                (yields == WEIR_NO_FLOW || weir_later(yields_expires, other->expires))) {
                yields = holder;
                yields_expires = other->expires;
                yields_port = reply.dport;
            }
            if (other->state < WEIR_FLOW_CLOSED ||
                weir_later(other->expires, now + WEIR_CLOSED_TICKS - WEIR_CLOSED_REST_TICKS))
                continue;
            other->expires = now;
        }
        flow->snat_port = reply.dport;
        if (weir_flow_link(env, number, reply_hash, now)) return 1;
    }
    if (yields == WEIR_NO_FLOW) return 0;
    struct weir_flow* other = weir_env_flow(env, yields);
    if (!other || !weir_snat_yields(other)) return 0;
    other->expires = now;
    reply.dport = flow->snat_port = yields_port;
    return weir_flow_link(env, number, weir_hash_tuple(weir_env_control(env)->seed, &reply), now);
}

/*
 * The client's own address and port. Two services with one backend may see one client port at once;
 * the backend could not tell these connections apart, so the second waits until the first is
 * closed. 0: it is not.
 */
WEIR_INLINE int weir_source_client(struct weir_env* env, struct weir_flow* flow, __u32 number,
                                   __u32 now) {
    flow->source = WEIR_SOURCE_CLIENT;
    flow->snat_port = flow->client_port;
    const struct weir_tuple reply = weir_reply_of(env, flow);
    const __u64 reply_hash = weir_hash_tuple(weir_env_control(env)->seed, &reply);
    const __u32 holder = weir_flow_find_reply(env, &reply, reply_hash, now);
    if (holder != WEIR_NO_FLOW) {
        struct weir_flow* other = weir_env_flow(env, holder);
        if (!other || other->state < WEIR_FLOW_CLOSED) return 0;
        other->expires = now;
    }
    return weir_flow_link(env, number, reply_hash, now);
}

/* NONE: the flow has its source, and is found by its backend's replies. */
WEIR_INLINE enum weir_reason weir_source_choose(struct weir_env* env, struct weir_flow* flow,
                                                __u32 number, const struct weir_backend* backend,
                                                __u64 hash, __u32 now) {
    if (backend->mode >= WEIR_MODE_DSR) {
        flow->source = WEIR_SOURCE_NONE;
        return WEIR_REASON_NONE;
    }
    if (backend->mode == WEIR_MODE_TRANSPARENT)
        return weir_source_client(env, flow, number, now) ? WEIR_REASON_NONE
                                                          : WEIR_REASON_CLIENT_PORT_TAKEN;
    flow->source = backend->source;
    return weir_snat(env, flow, number, backend, hash, now) ? WEIR_REASON_NONE
                                                            : WEIR_REASON_NO_SNAT_PORT;
}

#endif
