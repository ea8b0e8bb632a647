/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The flow table: fixed arrays, no list, no collector. Time is the caller's clock in nanoseconds.
 *
 *   flow_tags[bucket]  8 x 32-bit tags            one half cache line tells which of
 *   flows[bucket * 8]  8 x weir_flow              these 8 flows can be the one
 *   flow_refs[bucket]  8 x (tag, flow number)     finds a flow by its reply tuple
 *
 * A client's packet is found by its tuple in one of two buckets (hash bits, and those displaced by
 * the tag); a backend's packet is found through flow_refs, likewise in one of two buckets, and
 * proven against the flow itself. A flow whose `expires` has passed is as good as free: the next
 * insert takes its place. A reference whose flow is expired or has another tag is free too, so
 * nothing ever needs to be removed.
 *
 * When both buckets hold live flows only, a new flow may take the place of one that is not
 * established (a half-open handshake, a closed one in TIME_WAIT): a SYN flood competes with itself
 * and never evicts an established flow.
 *
 * XDP runs on several CPUs over one table: a place is claimed by compare-and-swap of its tag with
 * WEIR_TAG_BUSY, which nobody finds, takes, or waits for; the real tag is stored once all is written.
 * With DPDK the tables are a worker's own.
 */
#ifndef WEIR_FLOW_H
#define WEIR_FLOW_H

#include "env.h"
#include "hash.h"
#include "tables.h"

#define WEIR_NO_FLOW 0xffffffffu

#define WEIR_TAG_BUSY 2u /* being written; a real tag is odd */

WEIR_INLINE __u32 weir_flow_tag(__u64 hash) {
    return (__u32)(hash >> 32) | 1u;
} /* 0 is empty */

WEIR_INLINE __u32 weir_first_bucket(__u64 hash, __u32 buckets) {
    return (__u32)hash & (buckets - 1);
}

/* The other bucket. An involution for a given tag, so the first is the second's second. */
WEIR_INLINE __u32 weir_second_bucket(__u32 bucket, __u32 tag, __u32 buckets) {
    return (bucket ^ ((tag >> 1) * 0x5bd1e995u | 1u)) & (buckets - 1);
}

WEIR_INLINE int weir_flow_live(const struct weir_flow* flow, __u64 now) {
    return flow->tuple.protocol != 0 && flow->expires > now;
}

/* A live flow that may give way to a new one when there is no other room. */
WEIR_INLINE int weir_flow_yields(const struct weir_flow* flow) {
    return flow->state != WEIR_FLOW_ESTABLISHED;
}

/* A backend's packet is of this flow: (backend -> snat address and port). */
WEIR_INLINE int weir_flow_is_reply(const struct weir_flow* flow, const struct weir_tuple* tuple) {
    return flow->backend_port.raw == tuple->sport.raw && flow->snat_port.raw == tuple->dport.raw &&
           flow->tuple.protocol == tuple->protocol &&
           weir_addr_equal(&flow->backend, &tuple->src) &&
           weir_addr_equal(&flow->snat, &tuple->dst);
}

/* The live flow that a client's tuple belongs to, or WEIR_NO_FLOW. */
WEIR_SUBPROGRAM __u32 weir_flow_find(struct weir_env* env, const struct weir_tuple* tuple,
                                     __u64 hash, __u64 now) {
    if (!env || !tuple) return WEIR_NO_FLOW;
    const __u32 buckets = weir_env_control(env)->flow_buckets;
    const __u32 tag = weir_flow_tag(hash);
    __u32 bucket = weir_first_bucket(hash, buckets);

    for (int choice = 0; choice < 2; choice++) {
        const struct weir_flow_tags* tags = weir_env_flow_tags(env, bucket);
        if (!tags) return WEIR_NO_FLOW;
        for (__u32 i = 0; i < WEIR_FLOWS_PER_BUCKET; i++) {
            if (tags->tag[i] != tag) continue;
            const __u32 number = bucket * WEIR_FLOWS_PER_BUCKET + i;
            const struct weir_flow* flow = weir_env_flow(env, number);
            if (flow && weir_flow_live(flow, now) && weir_tuple_equal(&flow->tuple, tuple))
                return number;
        }
        bucket = weir_second_bucket(bucket, tag, buckets);
    }
    return WEIR_NO_FLOW;
}

/* The live flow that a backend's tuple belongs to, or WEIR_NO_FLOW. */
WEIR_SUBPROGRAM __u32 weir_flow_find_reply(struct weir_env* env, const struct weir_tuple* tuple,
                                           __u64 hash, __u64 now) {
    if (!env || !tuple) return WEIR_NO_FLOW;
    const __u32 buckets = weir_env_control(env)->ref_buckets;
    const __u32 tag = weir_flow_tag(hash);
    __u32 bucket = weir_first_bucket(hash, buckets);

    for (int choice = 0; choice < 2; choice++) {
        const struct weir_flow_refs* refs = weir_env_flow_refs(env, bucket);
        if (!refs) return WEIR_NO_FLOW;
        for (__u32 i = 0; i < WEIR_FLOWS_PER_BUCKET; i++) {
            if (refs->tag[i] != tag) continue;
            const __u32 number = refs->flow[i];
            const struct weir_flow* flow = weir_env_flow(env, number);
            if (flow && weir_flow_live(flow, now) && weir_flow_is_reply(flow, tuple)) return number;
        }
        bucket = weir_second_bucket(bucket, tag, buckets);
    }
    return WEIR_NO_FLOW;
}

/* The best place for a new flow in one bucket: empty or expired (rank 2), yielding (1), none (0).
 */
struct weir_place {
    __u32 bucket;
    __u32 index;
    __u32 rank;
    __u32 tag; /* what stood there */
    __u64 expires;
};

WEIR_INLINE void weir_place_search(struct weir_env* env, __u32 bucket, __u64 now,
                                   struct weir_place* best) {
    const struct weir_flow_tags* tags = weir_env_flow_tags(env, bucket);

    if (!tags) return;
    for (__u32 i = 0; i < WEIR_FLOWS_PER_BUCKET; i++) {
        const __u32 tag = tags->tag[i];
        __u32 rank = 2;
        __u64 expires = 0;
        if (best->rank == 2) return;
        if (tag == WEIR_TAG_BUSY) continue;
        if (tag != 0) {
            const struct weir_flow* flow = weir_env_flow(env, bucket * WEIR_FLOWS_PER_BUCKET + i);
            if (!flow) return;
            expires = flow->expires;
            if (weir_flow_live(flow, now)) rank = weir_flow_yields(flow) ? 1 : 0;
        }
        if (rank == 0 || rank < best->rank) continue;
        if (rank == 1 && best->rank == 1 && expires >= best->expires) continue;
        best->bucket = bucket;
        best->index = i;
        best->rank = rank;
        best->tag = tag;
        best->expires = expires;
    }
}

/*
 * Claims a place for a flow with this hash and returns its number; WEIR_NO_FLOW when both buckets
 * are full of established flows (or another CPU was faster). The caller fills the flow in and ends
 * with weir_flow_publish().
 */
WEIR_SUBPROGRAM __u32 weir_flow_claim(struct weir_env* env, __u64 hash, __u64 now) {
    if (!env) return WEIR_NO_FLOW;
    const __u32 buckets = weir_env_control(env)->flow_buckets;
    const __u32 tag = weir_flow_tag(hash);
    const __u32 first = weir_first_bucket(hash, buckets);
    struct weir_place best = {0, 0, 0, 0, 0};

    weir_place_search(env, first, now, &best);
    weir_place_search(env, weir_second_bucket(first, tag, buckets), now, &best);
    if (best.rank == 0) return WEIR_NO_FLOW;

    const __u32 number = best.bucket * WEIR_FLOWS_PER_BUCKET + best.index;
    struct weir_flow* flow = weir_env_flow(env, number);
    struct weir_flow_tags* tags = weir_env_flow_tags(env, best.bucket);
    if (!flow || !tags) return WEIR_NO_FLOW;
    /* best.index < 8 already; the mask tells the verifier */
    if (!weir_env_swap(&tags->tag[best.index & (WEIR_FLOWS_PER_BUCKET - 1)], best.tag,
                       WEIR_TAG_BUSY))
        return WEIR_NO_FLOW;
    flow->tuple.protocol = 0; /* not before the swap: who lost must not touch the winner's flow */
    return number;
}

/* Makes a claimed flow findable by its tag; 0 gives the place back. */
WEIR_INLINE void weir_flow_publish(struct weir_env* env, __u32 number, __u32 tag) {
    struct weir_flow_tags* tags = weir_env_flow_tags(env, number / WEIR_FLOWS_PER_BUCKET);
    if (tags) weir_env_publish(&tags->tag[number % WEIR_FLOWS_PER_BUCKET], tag);
}

/* Makes the flow findable by its reply's hash. 0: no room. */
WEIR_SUBPROGRAM int weir_flow_link(struct weir_env* env, __u32 number, __u64 reply_hash,
                                   __u64 now) {
    if (!env) return 0;
    const __u32 buckets = weir_env_control(env)->ref_buckets;
    const __u32 tag = weir_flow_tag(reply_hash);
    __u32 bucket = weir_first_bucket(reply_hash, buckets);

    for (int choice = 0; choice < 2; choice++) {
        struct weir_flow_refs* refs = weir_env_flow_refs(env, bucket);
        if (!refs) return 0;
        for (__u32 i = 0; i < WEIR_FLOWS_PER_BUCKET; i++) {
            const __u32 old_tag = refs->tag[i];
            if (old_tag == WEIR_TAG_BUSY) continue;
            if (old_tag != 0) {
                const struct weir_flow* holder = weir_env_flow(env, refs->flow[i]);
                if (holder && refs->flow[i] != number && weir_flow_live(holder, now) &&
                    holder->reply_tag == old_tag)
                    continue;
            }
            if (!weir_env_swap(&refs->tag[i], old_tag, WEIR_TAG_BUSY)) continue;
            refs->flow[i] = number;
            weir_env_publish(&refs->tag[i], tag);
            return 1;
        }
        bucket = weir_second_bucket(bucket, tag, buckets);
    }
    return 0;
}

#endif
