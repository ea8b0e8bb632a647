/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The flow table: fixed arrays, no list, no collector. `now` is the caller's clock in ticks
 * (clock.h).
 *
 *   flow_tags[bucket]  8 x 32-bit tag             half a cache line tells which of these
 *   flows[bucket * 8]  8 x weir_flow              8 flows can be the one: one line each
 *   flow_refs[bucket]  16 x (tag, flow number)    finds a flow by its reply tuple (reference.h)
 *
 * A client's packet is found by its tuple in one of two buckets (hash bits, and those displaced by
 * the tag). A flow whose `expires` has passed is as good as free: the next insert takes its place,
 * and takes its reference away. The first bucket gets the flow while it has a few empty places, so
 * that most flows are found there; then the emptier one.
 *
 * When both buckets hold live flows only, a new flow may take the place of one that is not
 * established (a half-open handshake, a closed one in TIME_WAIT): a SYN flood competes with itself
 * and never evicts an established flow.
 *
 * XDP runs on several CPUs over one table: a place is claimed by compare-and-swap of its tag with
 * WEIR_TAG_BUSY, which nobody finds, takes, or waits for; the real tag is stored once all is
 * written. With DPDK the tables are a worker's own.
 */
#ifndef WEIR_FLOW_H
#define WEIR_FLOW_H

#include "clock.h"
#include "env.h"
#include "hash.h"
#include "match.h"
#include "tables.h"

#define WEIR_NO_FLOW 0xffffffffu
#define WEIR_FEW_EMPTY 3u /* places of a bucket */
#define WEIR_TAG_BUSY 2u  /* being written; a real tag is odd */

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

/* A live flow that may give way to a new one when there is no other room. */
WEIR_INLINE int weir_flow_yields(const struct weir_flow* flow) {
    return flow->state != WEIR_FLOW_ESTABLISHED;
}

/* A client's packet is of this flow. */
WEIR_INLINE int weir_flow_is(const struct weir_flow* flow, const struct weir_tuple* tuple) {
    return flow->client_port.raw == tuple->sport.raw &&
           flow->service_port.raw == tuple->dport.raw && flow->protocol == tuple->protocol &&
           weir_addr_equal(&flow->client, &tuple->src) &&
           weir_addr_equal(&flow->service, &tuple->dst);
}

/* The first place from `from` on with this tag, or WEIR_FLOWS_PER_BUCKET. */
WEIR_INLINE __u32 weir_tag_next(const struct weir_flow_tags* tags, __u32 tag, __u32 from) {
    return weir_match(tags->tag, WEIR_FLOWS_PER_BUCKET, 0, tag, from);
}

/* The live flow that a client's tuple belongs to, or WEIR_NO_FLOW. */
WEIR_SUBPROGRAM __u32 weir_flow_find(struct weir_env* env, const struct weir_tuple* tuple,
                                     __u64 hash, __u32 now) {
    if (!env || !tuple) return WEIR_NO_FLOW;
    const __u32 buckets = weir_env_control(env)->flow_buckets;
    const __u32 tag = weir_flow_tag(hash);
    __u32 bucket = weir_first_bucket(hash, buckets);

    for (int choice = 0; choice < 2; choice++) {
        const struct weir_flow_tags* tags = weir_env_flow_tags(env, bucket);
        if (!tags) return WEIR_NO_FLOW;
        for (__u32 i = weir_tag_next(tags, tag, 0); i < WEIR_FLOWS_PER_BUCKET;
             i = weir_tag_next(tags, tag, i + 1)) {
            const __u32 number = bucket * WEIR_FLOWS_PER_BUCKET + i;
            const struct weir_flow* flow = weir_env_flow(env, number);
            if (flow && weir_flow_live(flow, now) && weir_flow_is(flow, tuple)) return number;
        }
        bucket = weir_second_bucket(bucket, tag, buckets);
    }
    return WEIR_NO_FLOW;
}

/* The best place for a new flow so far: empty or expired (rank 2), yielding (1), none (0). */
struct weir_place {
    __u32 bucket;
    __u32 index;
    __u32 rank;
    __u32 tag; /* what stood there */
    __u32 expires;
};

/* The bucket's first empty place; returns how many it has. */
WEIR_INLINE __u32 weir_place_empty(struct weir_env* env, __u32 bucket, struct weir_place* place) {
    const struct weir_flow_tags* tags = weir_env_flow_tags(env, bucket);
    __u32 empty = 0;

    if (!tags) return 0;
    for (__u32 i = 0; i < WEIR_FLOWS_PER_BUCKET; i++) {
        if (tags->tag[i] != 0) continue;
        if (empty++ > 0) continue;
        place->bucket = bucket;
        place->index = i;
        place->rank = 2;
        place->tag = 0;
    }
    return empty;
}

WEIR_INLINE void weir_place_taken(struct weir_env* env, __u32 bucket, __u32 now,
                                  struct weir_place* best) {
    const struct weir_flow_tags* tags = weir_env_flow_tags(env, bucket);

    if (!tags) return;
    for (__u32 i = 0; i < WEIR_FLOWS_PER_BUCKET; i++) {
        const __u32 tag = tags->tag[i];
        __u32 rank = 2;
        if (best->rank == 2) return;
        if (tag == 0 || tag == WEIR_TAG_BUSY) continue;
        const struct weir_flow* flow = weir_env_flow(env, bucket * WEIR_FLOWS_PER_BUCKET + i);
        if (!flow) return;
        const __u32 expires = flow->expires;
        if (weir_flow_live(flow, now)) rank = weir_flow_yields(flow) ? 1 : 0;
        if (rank == 0 || rank < best->rank) continue;
        if (rank == 1 && best->rank == 1 && !weir_later(best->expires, expires)) continue;
        best->bucket = bucket;
        best->index = i;
        best->rank = rank;
        best->tag = tag;
        best->expires = expires;
    }
}

/*
 * Claims a place for a flow with this hash and returns its number; WEIR_NO_FLOW when both buckets
 * are full of established flows (or another CPU was faster). What the record says of the flow
 * before is still there. The caller fills it in and ends with weir_flow_publish().
 */
WEIR_SUBPROGRAM __u32 weir_flow_claim(struct weir_env* env, __u64 hash, __u32 now) {
    if (!env) return WEIR_NO_FLOW;
    const __u32 buckets = weir_env_control(env)->flow_buckets;
    const __u32 tag = weir_flow_tag(hash);
    const __u32 first = weir_first_bucket(hash, buckets);
    const __u32 second = weir_second_bucket(first, tag, buckets);
    struct weir_place best = {0, 0, 0, 0, 0};
    struct weir_place other = {0, 0, 0, 0, 0};

    const __u32 empty = weir_place_empty(env, first, &best);
    if (empty < WEIR_FEW_EMPTY && weir_place_empty(env, second, &other) > empty) best = other;
    if (best.rank == 0) {
        weir_place_taken(env, first, now, &best);
        weir_place_taken(env, second, now, &best);
    }
    if (best.rank == 0) return WEIR_NO_FLOW;

    struct weir_flow_tags* tags = weir_env_flow_tags(env, best.bucket);
    if (!tags) return WEIR_NO_FLOW;
    /* best.index < 8 already; the mask tells the verifier */
    if (!weir_env_swap(&tags->tag[best.index & (WEIR_FLOWS_PER_BUCKET - 1)], best.tag,
                       WEIR_TAG_BUSY))
        return WEIR_NO_FLOW;
    return best.bucket * WEIR_FLOWS_PER_BUCKET + best.index;
}

/* Makes a claimed flow findable by its tag; 0 gives the place back. */
WEIR_INLINE void weir_flow_publish(struct weir_env* env, __u32 number, __u32 tag) {
    struct weir_flow_tags* tags = weir_env_flow_tags(env, number / WEIR_FLOWS_PER_BUCKET);
    if (tags) weir_env_publish(&tags->tag[number % WEIR_FLOWS_PER_BUCKET], tag);
}

#endif
