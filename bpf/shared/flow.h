/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The flow table: fixed arrays, no list, no collector. `now` is the caller's clock in ticks
 * (clock.h).
 *
 *   flows[number]      one cache line each; a flow keeps its number as long as it lives
 *   flow_refs[bucket]  16 references: find a flow by either tuple of it (reference.h)
 *
 * A flow may stand anywhere, so its place is never the reason to refuse it: a new flow takes the
 * first dead place of up to WEIR_CLAIM_TRIES groups of 8 neighbours that follow from its hash. A
 * flow whose `expires` has passed is dead. While it lies there its references do too; whoever takes
 * the place takes them away first.
 *
 * When the first few groups hold live flows only, a new flow may take the place of one that is not
 * established (a half-open handshake, a closed one in TIME_WAIT): a SYN flood competes with itself
 * and never evicts an established flow.
 *
 * XDP runs on several CPUs over one table: a place is claimed by compare-and-swap of `expires` with
 * an instant so long ago that it means "taken a moment ago", which nobody finds, takes, or waits
 * for. A flow is found only by references, which are made last. With DPDK the tables are a worker's
 * own.
 */
#ifndef WEIR_FLOW_H
#define WEIR_FLOW_H

#include "clock.h"
#include "env.h"
#include "hash.h"
#include "tables.h"

#define WEIR_NO_FLOW 0xffffffffu

/* Groups that a new flow looks into. At 95 % load three of four are full: one claim in 100 million
 * finds no place. */
#define WEIR_CLAIM_TRIES 64u
#define WEIR_CLAIM_PATIENCE 4u /* first for a dead place, then again for one that yields */

/* When so many have found none in this very tick, the table is full indeed, and the next ones shall
 * not cost the time of those that have a flow. */
#define WEIR_CLAIM_FAILURES 64u
#define WEIR_CLAIM_FULL_TRIES 8u

/* In ticks. What a claim leaves behind is recognized for so long, should its CPU have been
 * interrupted; a flow that expired as long ago is 4.5 years old, and waits for a moment. */
#define WEIR_CLAIMED_AGO 0x7fff0000u
#define WEIR_CLAIMED_SPAN 64u

/* The hash's share of `count` places: all of them alike, and no division. */
WEIR_INLINE __u32 weir_scale(__u32 hash, __u32 count) {
    return (__u32)(((__u64)hash * count) >> 32);
}

/* A live flow that may give way to a new one when there is no other room. */
WEIR_INLINE int weir_flow_yields(const struct weir_flow* flow) {
    return flow->state != WEIR_FLOW_ESTABLISHED;
}

/* What `expires` says of a place that somebody is writing. */
WEIR_INLINE int weir_flow_claimed(__u32 expires, __u32 now) {
    return now - expires - (WEIR_CLAIMED_AGO - WEIR_CLAIMED_SPAN) < 2 * WEIR_CLAIMED_SPAN;
}

/* Claims a place among the 8 from `first` on: a dead one, or (`yielding`) that of the flow that
 * yields and has the least time left. WEIR_NO_FLOW: there is none, or another CPU was faster. */
WEIR_SUBPROGRAM __u32 weir_flow_claim_near(struct weir_env* env, __u32 first, int yielding,
                                           __u32 now) {
    __u32 best = WEIR_NO_FLOW;
    __u32 best_expires = 0;

    if (!env) return WEIR_NO_FLOW;
    for (__u32 i = 0; i < WEIR_FLOWS_PER_BUCKET; i++) {
        const __u32 number = first + i;
        struct weir_flow* flow = weir_env_flow(env, number);
        if (!flow) return WEIR_NO_FLOW;
        const __u32 expires = flow->expires;
        if (!weir_flow_live(flow, now)) {
            if (!weir_flow_claimed(expires, now) &&
                weir_env_swap(&flow->expires, expires, now - WEIR_CLAIMED_AGO))
                return number;
        } else if (yielding && weir_flow_yields(flow) &&
                   (best == WEIR_NO_FLOW || weir_later(best_expires, expires))) {
            best = number;
            best_expires = expires;
        }
    }
    struct weir_flow* flow = best != WEIR_NO_FLOW ? weir_env_flow(env, best) : 0;
    if (!flow || !weir_env_swap(&flow->expires, best_expires, now - WEIR_CLAIMED_AGO))
        return WEIR_NO_FLOW;
    return best;
}

/* The first place that a flow with this hash would take. */
WEIR_INLINE __u32 weir_claim_home(struct weir_env* env, __u64 hash) {
    return weir_scale((__u32)(hash >> 16), weir_env_control(env)->flow_buckets) *
           WEIR_FLOWS_PER_BUCKET;
}

/*
 * Claims a place for a flow with this hash and returns its number; WEIR_NO_FLOW when there is none.
 * The record of the flow before is still there, references and all. The caller takes these away,
 * fills the record in, and gives it a time to live, or gives the place back by letting it expire
 * now.
 */
WEIR_SUBPROGRAM __u32 weir_flow_claim(struct weir_env* env, __u64 hash, __u32 now) {
    if (!env) return WEIR_NO_FLOW;
    struct weir_worker* stats = weir_env_stats(env);
    if (!stats) return WEIR_NO_FLOW;
    const __u32 groups = weir_env_control(env)->flow_buckets;
    const int full = stats->full_tick == now && stats->full_count >= WEIR_CLAIM_FAILURES;
    const __u32 tries = full ? WEIR_CLAIM_FULL_TRIES : WEIR_CLAIM_TRIES;
    const __u32 step = (__u32)(hash >> 32) | 1;
    __u32 at = (__u32)(hash >> 16);

    for (__u32 i = 0; i < WEIR_CLAIM_TRIES && i < tries; i++) {
        if (i == WEIR_CLAIM_PATIENCE) at = (__u32)(hash >> 16); /* the same ones again */
        const __u32 first = weir_scale(at, groups) * WEIR_FLOWS_PER_BUCKET;
        const __u32 number = weir_flow_claim_near(env, first, i >= WEIR_CLAIM_PATIENCE, now);
        if (number != WEIR_NO_FLOW) return number;
        at = at * 0x9e3779b1u + step; /* goes through all 2^32, in an order of its own */
    }
    if (stats->full_tick != now) stats->full_count = 0;
    stats->full_tick = now;
    stats->full_count++;
    return WEIR_NO_FLOW;
}

#endif
