/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * References: the ways into the flow table, by a client's tuple and by the reply's.
 *
 *   reference = tag << flow_bits | flow number       0: empty
 *
 * One word, so that it is there or not there, on whatever CPU. The tag is what the number leaves of
 * 32 bits: a filter only, the flow itself proves. A reference lies in one of two buckets that
 * follow from the tuple's hash: in the first while that has a few empty places, so that most are
 * found there, then in the emptier one.
 *
 * Whoever takes a flow's place takes its references away first, so a used place has two at most,
 * and there is room for three: with buckets of 16 and two choices, two thirds of the room are
 * filled without a refusal (tests/dataplane/flow_load_test.cc). One that was left behind (the
 * flow's backend had a new meaning by then) is recognized when its place is wanted.
 */
#ifndef WEIR_REFERENCE_H
#define WEIR_REFERENCE_H

#include "flow.h"
#include "match.h"

#define WEIR_FEW_EMPTY 3u /* places of a bucket */

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

/* The client's packets of this flow; protocol 0 when they are a new flow's by now. */
WEIR_INLINE struct weir_tuple weir_client_of(const struct weir_flow* flow) {
    struct weir_tuple tuple = {};

    if (flow->state == WEIR_FLOW_RESTING) return tuple;
    tuple.src = flow->client;
    tuple.dst = flow->service;
    tuple.sport = flow->client_port;
    tuple.dport = flow->service_port;
    tuple.protocol = flow->protocol;
    return tuple;
}

/* A client's packet is of this flow. */
WEIR_INLINE int weir_flow_is(const struct weir_flow* flow, const struct weir_tuple* tuple) {
    return flow->client_port.raw == tuple->sport.raw &&
           flow->service_port.raw == tuple->dport.raw && flow->protocol == tuple->protocol &&
           weir_addr_equal(&flow->client, &tuple->src) &&
           weir_addr_equal(&flow->service, &tuple->dst);
}

WEIR_INLINE __u32 weir_first_bucket(__u64 hash, __u32 buckets) {
    return weir_scale((__u32)hash, buckets);
}

WEIR_INLINE __u32 weir_second_bucket(__u64 hash, __u32 buckets) {
    return weir_scale((__u32)(hash >> 16) * 0x9e3779b1u, buckets);
}

/* Where a reference for a tuple with this hash may lie: its first choice, and its second. */
WEIR_INLINE __u32 weir_ref_bucket(struct weir_env* env, __u64 hash, int choice) {
    const __u32 buckets = weir_env_control(env)->ref_buckets;
    return choice ? weir_second_bucket(hash, buckets) : weir_first_bucket(hash, buckets);
}

/* What it begins with; the number follows in as many bits. */
WEIR_INLINE __u32 weir_ref_tag(__u64 hash, __u32 bits) {
    const __u32 tag = (__u32)(hash >> 32) >> bits;
    return tag ? tag : 1; /* or flow 0 had a reference that is empty */
}

WEIR_INLINE __u32 weir_ref_bits(struct weir_env* env) {
    return weir_env_control(env)->flow_bits & 31;
}

WEIR_INLINE __u32 weir_ref_to(struct weir_env* env, __u32 number, __u64 hash) {
    const __u32 bits = weir_ref_bits(env);
    return weir_ref_tag(hash, bits) << bits | number;
}

WEIR_INLINE __u32 weir_ref_number(struct weir_env* env, __u32 ref) {
    return ref & ((1u << weir_ref_bits(env)) - 1);
}

/* The live flow that a tuple belongs to, a client's or (`reply`) a backend's, or WEIR_NO_FLOW. */
WEIR_INLINE __u32 weir_ref_find(struct weir_env* env, const struct weir_tuple* tuple, __u64 hash,
                                __u32 now, int reply) {
    const __u32 bits = weir_ref_bits(env);
    const __u32 tag = weir_ref_tag(hash, bits);

    for (int choice = 0; choice < 2; choice++) {
        const struct weir_flow_refs* refs =
            weir_env_flow_refs(env, weir_ref_bucket(env, hash, choice));
        if (!refs) return WEIR_NO_FLOW;
        for (__u32 i = weir_match(refs->ref, bits, tag, 0); i < WEIR_REFS_PER_BUCKET;
             i = weir_match(refs->ref, bits, tag, i + 1)) {
            const __u32 number = refs->ref[i] - (tag << bits);
            const struct weir_flow* flow = weir_env_flow(env, number);
            if (!flow || !weir_flow_live(flow, now)) continue;
            if (reply ? weir_flow_is_reply(env, flow, tuple) : weir_flow_is(flow, tuple))
                return number;
        }
    }
    return WEIR_NO_FLOW;
}

WEIR_SUBPROGRAM __u32 weir_flow_find(struct weir_env* env, const struct weir_tuple* tuple,
                                     __u64 hash, __u32 now) {
    return env && tuple ? weir_ref_find(env, tuple, hash, now, 0) : WEIR_NO_FLOW;
}

WEIR_SUBPROGRAM __u32 weir_flow_find_reply(struct weir_env* env, const struct weir_tuple* tuple,
                                           __u64 hash, __u32 now) {
    return env && tuple ? weir_ref_find(env, tuple, hash, now, 1) : WEIR_NO_FLOW;
}

/* An address of a record (which is 8-aligned) stands for IPv4. */
WEIR_INLINE int weir_record_is_v4(const struct weir_addr* addr) {
    const weir_dword* half = (const weir_dword*)(const void*)addr;

    return (half[0] | ((half[1] ^ WEIR_DWORD(WEIR_V4_MAPPED, 0)) & WEIR_DWORD(0xffffffffu, 0))) ==
           0;
}

/* weir_hash_tuple, of a tuple that lies in records. */
WEIR_INLINE __u64 weir_hash_records(__u64 seed, const struct weir_addr* src,
                                    const struct weir_addr* dst, struct weir_be16 sport,
                                    struct weir_be16 dport, __u32 protocol) {
    const __u64 hash = weir_record_is_v4(src) && weir_record_is_v4(dst)
                           ? weir_hash_v4(seed, src->word[3].raw, dst->word[3].raw)
                           : weir_hash_addr(weir_hash_addr(seed, src), dst);

    return weir_hash_ports(hash, (__u32)sport.raw << 16 | dport.raw, protocol);
}

/* The hash of weir_client_of or (`reply`) weir_reply_of this flow; 0 when it has none. */
WEIR_INLINE __u64 weir_hash_of(struct weir_env* env, const struct weir_flow* flow, int reply) {
    const __u64 seed = weir_env_control(env)->seed;

    if (!reply) {
        if (flow->protocol == 0 || flow->state == WEIR_FLOW_RESTING) return 0;
        return weir_hash_records(seed, &flow->client, &flow->service, flow->client_port,
                                 flow->service_port, flow->protocol);
    }
    if (flow->protocol == 0 || weir_flow_is_one_way(flow)) return 0;
    const struct weir_backend* backend = weir_env_backend(env, flow->backend_id);
    const struct weir_addr* dst = &flow->client;
    if (!backend) return 0;
    if (flow->source != WEIR_SOURCE_CLIENT) {
        const struct weir_source* source = weir_env_source(env, flow->source);
        if (!source) return 0;
        dst = &source->addr;
    }
    return weir_hash_records(seed, &backend->addr, dst, weir_port_at(backend, flow->service_port),
                             flow->snat_port, flow->protocol);
}

WEIR_SUBPROGRAM __u64 weir_flow_hash(struct weir_env* env, __u32 number, int reply) {
    if (!env) return 0;
    const struct weir_flow* flow = weir_env_flow(env, number);
    return flow ? weir_hash_of(env, flow, reply) : 0;
}

/* The reference in this bucket is one that a tuple with this hash finds. */
WEIR_INLINE int weir_ref_is(struct weir_env* env, __u32 ref, __u32 bucket, __u64 hash) {
    return ref == weir_ref_to(env, weir_ref_number(env, ref), hash) &&
           (bucket == weir_ref_bucket(env, hash, 0) || bucket == weir_ref_bucket(env, hash, 1));
}

/* A reference that finds nothing: its flow is dead, or has other tuples by now. */
WEIR_INLINE int weir_ref_is_stale(struct weir_env* env, __u32 ref, __u32 bucket, __u32 now) {
    const __u32 number = weir_ref_number(env, ref);
    const struct weir_flow* flow = weir_env_flow(env, number);

    if (!flow || !weir_flow_live(flow, now)) return 1;
    for (int reply = 0; reply < 2; reply++) {
        const __u64 hash = weir_flow_hash(env, number, reply);
        if (hash != 0 && weir_ref_is(env, ref, bucket, hash)) return 0;
    }
    return 1;
}

/* Takes stale references out of both buckets of this hash. */
WEIR_SELDOM int weir_refs_tidy(struct weir_env* env, __u64 hash, __u32 now) {
    if (!env) return 0;
    for (int choice = 0; choice < 2; choice++) {
        const __u32 bucket = weir_ref_bucket(env, hash, choice);
        struct weir_flow_refs* refs = weir_env_flow_refs(env, bucket);
        if (!refs) return 0;
        for (__u32 i = 0; i < WEIR_REFS_PER_BUCKET; i++) {
            const __u32 ref = refs->ref[i];
            if (ref != 0 && weir_ref_is_stale(env, ref, bucket, now))
                weir_env_swap(&refs->ref[i], ref, 0);
        }
    }
    return 1;
}

/* How many places of a bucket are empty. */
WEIR_SUBPROGRAM __u32 weir_refs_empty(struct weir_env* env, __u32 bucket) {
    if (!env) return 0;
    const struct weir_flow_refs* refs = weir_env_flow_refs(env, bucket);
    return refs ? weir_match_count(refs->ref, 0) : 0;
}

/* Puts a reference to the flow where a tuple with this hash finds it. 0: neither bucket has so many
 * empty places. */
WEIR_SUBPROGRAM int weir_ref_put(struct weir_env* env, __u32 number, __u64 hash, __u32 least) {
    if (!env) return 0;
    __u32 bucket = weir_ref_bucket(env, hash, 0);
    __u32 empty = weir_refs_empty(env, bucket);
    if (empty < WEIR_FEW_EMPTY) {
        const __u32 second = weir_ref_bucket(env, hash, 1);
        const __u32 in_second = weir_refs_empty(env, second);
        if (in_second > empty) {
            bucket = second;
            empty = in_second;
        }
    }
    struct weir_flow_refs* refs = weir_env_flow_refs(env, bucket);

    if (!refs || empty < least) return 0;
    for (__u32 i = weir_match(refs->ref, 0, 0, 0); i < WEIR_REFS_PER_BUCKET;
         i = weir_match(refs->ref, 0, 0, i + 1))
        if (weir_env_swap(&refs->ref[i], 0, weir_ref_to(env, number, hash))) return 1;
    return 0;
}

/* Makes the flow findable by a tuple with this hash. 0: no room. Both buckets are tidied before
 * they are full, or what is stale in them would hide which one is the emptier. */
WEIR_INLINE int weir_flow_link(struct weir_env* env, __u32 number, __u64 hash, __u32 now) {
    if (weir_ref_put(env, number, hash, 2)) return 1;
    weir_refs_tidy(env, hash, now);
    return weir_ref_put(env, number, hash, 1);
}

/* Takes the reference to this flow away that a tuple with this hash has found. */
WEIR_INLINE void weir_ref_take(struct weir_env* env, __u64 hash, __u32 number) {
    const __u32 ref = weir_ref_to(env, number, hash);

    for (int choice = 0; choice < 2; choice++) {
        struct weir_flow_refs* refs = weir_env_flow_refs(env, weir_ref_bucket(env, hash, choice));
        if (!refs) return;
        const __u32 i = weir_match(refs->ref, 0, ref, 0);
        /* i < 16 already; the mask tells the verifier */
        if (i < WEIR_REFS_PER_BUCKET &&
            weir_env_swap(&refs->ref[i & (WEIR_REFS_PER_BUCKET - 1)], ref, 0))
            return;
    }
}

/* A flow that its client's packets, of this hash, shall find no more. */
WEIR_SELDOM int weir_flow_unname(struct weir_env* env, __u32 number, __u64 hash) {
    if (!env) return 0;
    weir_ref_take(env, hash, number);
    return 1;
}

/* Takes the references away that the flow has, before its record is written anew. */
WEIR_SUBPROGRAM int weir_flow_unlink(struct weir_env* env, __u32 number) {
    if (!env) return 0;
    for (int reply = 0; reply < 2; reply++) {
        const __u64 hash = weir_flow_hash(env, number, reply);
        if (hash != 0) weir_ref_take(env, hash, number);
    }
    return 1;
}

#endif
