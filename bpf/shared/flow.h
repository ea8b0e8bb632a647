/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The flow table: fixed arrays, no list, no collector. `now` is the caller's clock in ticks
 * (clock.h).
 *
 *   flows[number]      one cache line each; a flow keeps its number as long as it lives
 *   flow_refs[bucket]  16 references: find a flow by either tuple of it (reference.h)
 *
 * A flow may stand anywhere, so its place is never the reason to refuse it. Each worker has a hand
 * that goes around the table: a new flow takes the next dead place there. What lies ahead of the
 * hand is what it has not seen for longest, so the next place is near, and often dead; and it is
 * known early, so that a batch's places can be asked for before they are needed. After a few groups
 * of live flows the hand jumps, and each jump goes where it has not been for longest (golden
 * ratio), so that neither a block of flows that stay nor another CPU's hand keeps it busy. A flow
 * whose `expires` has passed is dead. While it lies there its references do too; whoever takes the
 * place takes them away first.
 *
 * When the first few groups hold live flows only, a new flow may take the place of one that is not
 * established (a half-open handshake, a closed one in TIME_WAIT): a SYN flood competes with itself
 * and never evicts an established flow. The hand gives each handshake the time of one round. When
 * many new flows in a row have found no dead place, the table is full for the rest of the tick: the
 * next ones take the first place that yields, of few groups; and when many have been refused, look
 * at no more than one.
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

/* Groups that a new flow looks into. At 95 % load two of three are full: one claim in 100 million
 * finds no place. Where the free places lie side by side, 60 jumps meet them if they are 2.2 % of
 * the table. */
#define WEIR_CLAIM_TRIES 64u
#define WEIR_CLAIM_PATIENCE 4u /* first, one after the other, for a dead place */

/* When so many in a row have found no dead place in this very tick, the table is full indeed, and
 * the next ones shall not cost the time of those that have a flow. */
#define WEIR_CLAIM_FAILURES 64u
#define WEIR_CLAIM_FULL_TRIES \
    8u /* until one yields; when so many in a row have been refused: one */

#define WEIR_GOLDEN 0x9e3779b9u /* 2^32 / golden ratio: multiples of it are spread evenly */

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

/* Set in what weir_flow_claim_near says of a live flow that yields. */
#define WEIR_CLAIM_YIELDS 0x80000000u

/* Claims the first dead place from `first` to the end of its group, and returns it. If there is
 * none: the flow that yields and has the least time left, with WEIR_CLAIM_YIELDS; or else
 * WEIR_NO_FLOW. */
WEIR_SUBPROGRAM __u32 weir_flow_claim_near(struct weir_env* env, __u32 first, __u32 now) {
    __u32 best = WEIR_NO_FLOW;
    __u32 best_expires = 0;

    if (!env) return WEIR_NO_FLOW;
    for (__u32 i = first % WEIR_FLOWS_PER_BUCKET; i < WEIR_FLOWS_PER_BUCKET; i++, first++) {
        struct weir_flow* flow = weir_env_flow(env, first);
        if (!flow) return WEIR_NO_FLOW;
        const __u32 expires = flow->expires;
        if (!weir_flow_live(flow, now)) {
            if (!weir_flow_claimed(expires, now) &&
                weir_env_swap(&flow->expires, expires, now - WEIR_CLAIMED_AGO))
                return first;
        } else if (weir_flow_yields(flow) &&
                   (best == WEIR_NO_FLOW || weir_later(best_expires, expires))) {
            best = first | WEIR_CLAIM_YIELDS;
            best_expires = expires;
        }
    }
    return best;
}

/* Claims the place of a flow that weir_flow_claim_near has named. 0: it yields no more. */
WEIR_SUBPROGRAM int weir_flow_evict(struct weir_env* env, __u32 number, __u32 now) {
    if (!env) return 0;
    struct weir_flow* flow = weir_env_flow(env, number);
    if (!flow) return 0;
    const __u32 expires = flow->expires;
    return weir_flow_live(flow, now) && weir_flow_yields(flow) &&
           weir_env_swap(&flow->expires, expires, now - WEIR_CLAIMED_AGO);
}

WEIR_INLINE __u32 weir_flow_places(struct weir_env* env) {
    return weir_env_control(env)->flow_buckets * WEIR_FLOWS_PER_BUCKET;
}

/* Where this worker's hand starts: CPUs that share a table begin far from each other. */
WEIR_INLINE __u32 weir_claim_start(struct weir_env* env) {
    return weir_scale(weir_env_worker(env) * WEIR_GOLDEN, weir_env_control(env)->flow_buckets) *
           WEIR_FLOWS_PER_BUCKET;
}

/* The place at which the next new flow looks first. */
WEIR_INLINE __u32 weir_claim_hand(struct weir_env* env, const struct weir_worker* stats) {
    const __u32 places = weir_flow_places(env);
    const __u32 at = weir_claim_start(env) + stats->claim_hand;

    if (at < places) return at;
    return at - places < places ? at - places : 0;
}

WEIR_INLINE void weir_claim_move_hand(struct weir_env* env, struct weir_worker* stats, __u32 to) {
    const __u32 places = weir_flow_places(env);
    const __u32 start = weir_claim_start(env);

    if (to >= places) to = 0;
    stats->claim_hand = to >= start ? to - start : to + places - start;
}

/* Those that came before in this tick have found no dead place. */
WEIR_INLINE int weir_claim_is_full(const struct weir_worker* stats, __u32 now) {
    return stats->full_tick == now && stats->full_count >= WEIR_CLAIM_FAILURES;
}

/* Nor one that yields: they have been refused. */
WEIR_INLINE int weir_claim_is_vain(const struct weir_worker* stats, __u32 now) {
    return weir_claim_is_full(stats, now) && stats->refused_count >= WEIR_CLAIM_FAILURES;
}

/* How many groups to look into. */
WEIR_INLINE __u32 weir_claim_tries(const struct weir_worker* stats, __u32 now) {
    if (!weir_claim_is_full(stats, now)) return WEIR_CLAIM_TRIES;
    return weir_claim_is_vain(stats, now) ? 1 : WEIR_CLAIM_FULL_TRIES;
}

/*
 * Claims a place for a flow and returns its number; WEIR_NO_FLOW when there is none. The record of
 * the flow before is still there, references and all. The caller takes these away, fills the record
 * in, and gives it a time to live, or gives the place back by letting it expire now.
 */
WEIR_SUBPROGRAM __u32 weir_flow_claim(struct weir_env* env, __u32 now) {
    if (!env) return WEIR_NO_FLOW;
    struct weir_worker* stats = weir_env_stats(env);
    if (!stats) return WEIR_NO_FLOW;
    const __u32 groups = weir_env_control(env)->flow_buckets;
    const __u32 patience = weir_claim_is_full(stats, now) ? 1 : WEIR_CLAIM_PATIENCE;
    const __u32 tries = weir_claim_tries(stats, now);
    __u32 at = weir_claim_hand(env, stats);
    __u32 evicted = WEIR_NO_FLOW;

    for (__u32 i = 1; i <= WEIR_CLAIM_TRIES && i <= tries; i++) {
        const __u32 found = weir_flow_claim_near(env, at, now);
        if (!(found & WEIR_CLAIM_YIELDS)) {
            stats->full_count = stats->refused_count = 0;
            weir_claim_move_hand(env, stats, found + 1);
            return found;
        }
        if (evicted == WEIR_NO_FLOW) evicted = found;
        if (i >= patience && evicted != WEIR_NO_FLOW) {
            evicted &= ~WEIR_CLAIM_YIELDS;
            if (weir_flow_evict(env, evicted, now)) break;
            evicted = WEIR_NO_FLOW;
        }
        at = (at | (WEIR_FLOWS_PER_BUCKET - 1)) + 1;
        if (i >= WEIR_CLAIM_PATIENCE)
            at = weir_scale(stats->claim_jump += WEIR_GOLDEN, groups) * WEIR_FLOWS_PER_BUCKET;
        else if (at >= groups * WEIR_FLOWS_PER_BUCKET)
            at = 0;
    }
    if (stats->full_tick != now) stats->full_count = stats->refused_count = 0;
    stats->full_tick = now;
    stats->full_count++;
    stats->refused_count = evicted == WEIR_NO_FLOW ? stats->refused_count + 1 : 0;
    weir_claim_move_hand(env, stats, evicted == WEIR_NO_FLOW ? at : evicted + 1);
    return evicted;
}

#endif
