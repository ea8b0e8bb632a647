/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * References: the flow table's second way in, from a backend's packet to its flow.
 *
 *   reference = tag << flow_bits | flow number       0: empty
 *
 * One word, so that it is there or not there, on whatever CPU. The tag is what the number leaves of
 * 32 bits: a filter only, the flow itself proves. A reference lies in one of two buckets that
 * follow from the reply's hash. Whoever takes a flow's place takes its reference away first, so a
 * used place has one reference; there is room for twice as many. One that was left behind (the
 * flow's backend had a new meaning by then) is recognized when its place is wanted.
 */
#ifndef WEIR_REFERENCE_H
#define WEIR_REFERENCE_H

#include "flow.h"

/* The port of a backend for what was addressed to `port`: a range keeps its ports where the backend
 * names none. */
WEIR_INLINE struct weir_be16 weir_port_at(const struct weir_backend* backend,
                                          struct weir_be16 port) {
    return backend->port.raw != 0 ? backend->port : port;
}

/* The reply that this flow's backend sends; protocol 0 when there is none, or that cannot be told
 * any more. */
WEIR_INLINE struct weir_tuple weir_reply_of(struct weir_env* env, const struct weir_flow* flow) {
    struct weir_tuple reply = {};
    const struct weir_backend* backend = weir_env_backend(env, flow->backend_id);

    if (!backend || weir_flow_is_one_way(flow)) return reply;
    reply.src = backend->addr;
    reply.sport = weir_port_at(backend, flow->service_port);
    reply.dst = flow->client;
    reply.dport = flow->snat_port;
    if (flow->source != WEIR_SOURCE_CLIENT) {
        const struct weir_source* source = weir_env_source(env, flow->source);
        if (!source) return reply;
        reply.dst = source->addr;
    }
    reply.protocol = flow->protocol;
    return reply;
}

/* A backend's packet is of this flow: it equals weir_reply_of, without the stack that one takes. */
WEIR_INLINE int weir_flow_is_reply(struct weir_env* env, const struct weir_flow* flow,
                                   const struct weir_tuple* tuple) {
    if (flow->snat_port.raw != tuple->dport.raw || flow->protocol != tuple->protocol) return 0;
    const struct weir_backend* backend = weir_env_backend(env, flow->backend_id);
    if (!backend || weir_flow_is_one_way(flow)) return 0;
    if (weir_port_at(backend, flow->service_port).raw != tuple->sport.raw ||
        !weir_addr_equal(&backend->addr, &tuple->src))
        return 0;
    if (flow->source == WEIR_SOURCE_CLIENT) return weir_addr_equal(&flow->client, &tuple->dst);
    const struct weir_source* source = weir_env_source(env, flow->source);
    return source && weir_addr_equal(&source->addr, &tuple->dst);
}

/* Where a reference for a reply with this hash may lie, and what it begins with. */
struct weir_ref_place {
    __u32 bucket[2];
    __u32 tag; /* shifted into place, never 0 */
};

WEIR_INLINE struct weir_ref_place weir_ref_place_of(struct weir_env* env, __u64 reply_hash) {
    const struct weir_control* control = weir_env_control(env);
    struct weir_ref_place place;
    const __u32 tag = (__u32)(reply_hash >> 32) >> (control->flow_bits & 31);

    place.bucket[0] = weir_first_bucket(reply_hash, control->ref_buckets);
    place.bucket[1] =
        weir_second_bucket(place.bucket[0], (__u32)(reply_hash >> 40), control->ref_buckets);
    place.tag = (tag ? tag : 1u) << (control->flow_bits & 31);
    return place;
}

WEIR_INLINE __u32 weir_ref_number(struct weir_env* env, __u32 ref) {
    return ref & ((1u << (weir_env_control(env)->flow_bits & 31)) - 1);
}

/* The first place from `from` on with this tag, or WEIR_REFS_PER_BUCKET. */
WEIR_INLINE __u32 weir_ref_next(struct weir_env* env, const struct weir_flow_refs* refs, __u32 tag,
                                __u32 from) {
    const __u32 bits = weir_env_control(env)->flow_bits & 31;
    return weir_match(refs->ref, WEIR_REFS_PER_BUCKET, bits, tag >> bits, from);
}

/* The live flow that a backend's tuple belongs to, or WEIR_NO_FLOW. */
WEIR_SUBPROGRAM __u32 weir_flow_find_reply(struct weir_env* env, const struct weir_tuple* tuple,
                                           __u64 hash, __u32 now) {
    if (!env || !tuple) return WEIR_NO_FLOW;
    const struct weir_ref_place place = weir_ref_place_of(env, hash);

    for (int choice = 0; choice < 2; choice++) {
        const struct weir_flow_refs* refs = weir_env_flow_refs(env, place.bucket[choice]);
        if (!refs) return WEIR_NO_FLOW;
        for (__u32 i = weir_ref_next(env, refs, place.tag, 0); i < WEIR_REFS_PER_BUCKET;
             i = weir_ref_next(env, refs, place.tag, i + 1)) {
            const __u32 number = refs->ref[i] - place.tag;
            const struct weir_flow* flow = weir_env_flow(env, number);
            if (flow && weir_flow_live(flow, now) && weir_flow_is_reply(env, flow, tuple))
                return number;
        }
    }
    return WEIR_NO_FLOW;
}

/* A reference that finds nothing: its flow is dead, or has another reply by now. */
WEIR_INLINE int weir_ref_is_stale(struct weir_env* env, __u32 ref, __u32 bucket, __u32 now) {
    const struct weir_flow* flow = weir_env_flow(env, weir_ref_number(env, ref));

    if (!flow || !weir_flow_live(flow, now)) return 1;
    const struct weir_tuple reply = weir_reply_of(env, flow);
    if (reply.protocol == 0) return 1;
    const struct weir_ref_place place =
        weir_ref_place_of(env, weir_hash_tuple(weir_env_control(env)->seed, &reply));
    return ref - place.tag != weir_ref_number(env, ref) ||
           (bucket != place.bucket[0] && bucket != place.bucket[1]);
}

/* Puts the reference in place of one that is `empty` (or, with empty 0, stale). 0: there is none.
 */
WEIR_INLINE int weir_ref_put(struct weir_env* env, __u32 bucket, __u32 ref, int empty, __u32 now) {
    struct weir_flow_refs* refs = weir_env_flow_refs(env, bucket);

    if (!refs) return 0;
    for (__u32 i = 0; i < WEIR_REFS_PER_BUCKET; i++) {
        const __u32 old = refs->ref[i];
        if (empty ? old != 0 : !weir_ref_is_stale(env, old, bucket, now)) continue;
        if (weir_env_swap(&refs->ref[i], old, ref)) return 1;
    }
    return 0;
}

/* Makes the flow findable by its reply's hash. 0: no room. */
WEIR_SUBPROGRAM int weir_flow_link(struct weir_env* env, __u32 number, __u64 reply_hash,
                                   __u32 now) {
    if (!env) return 0;
    const struct weir_ref_place place = weir_ref_place_of(env, reply_hash);
    const __u32 ref = place.tag | number;

    return weir_ref_put(env, place.bucket[0], ref, 1, now) ||
           weir_ref_put(env, place.bucket[1], ref, 1, now) ||
           weir_ref_put(env, place.bucket[0], ref, 0, now) ||
           weir_ref_put(env, place.bucket[1], ref, 0, now);
}

/* Takes the reference away that the flow has, before its record is written anew. */
WEIR_SUBPROGRAM int weir_flow_unlink(struct weir_env* env, __u32 number) {
    if (!env) return 0;
    const struct weir_flow* flow = weir_env_flow(env, number);
    if (!flow || flow->protocol == 0) return 0;
    const struct weir_tuple reply = weir_reply_of(env, flow);
    if (reply.protocol == 0) return 0;
    const struct weir_ref_place place =
        weir_ref_place_of(env, weir_hash_tuple(weir_env_control(env)->seed, &reply));

    for (int choice = 0; choice < 2; choice++) {
        struct weir_flow_refs* refs = weir_env_flow_refs(env, place.bucket[choice]);
        if (!refs) return 0;
        for (__u32 i = 0; i < WEIR_REFS_PER_BUCKET; i++)
            if (refs->ref[i] == (place.tag | number) &&
                weir_env_swap(&refs->ref[i], place.tag | number, 0))
                return 1;
    }
    return 0;
}

#endif
