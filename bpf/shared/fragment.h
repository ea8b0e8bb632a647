/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Fragments. Only a datagram's first one has ports; it leaves them here, under what all fragments
 * of a datagram have in common (RFC 791 section 3.2: source, destination, protocol, id; RFC 8200
 * section 4.5: the same without protocol, which is left here too), and later ones borrow them. From
 * then on a fragment is a packet like any other: the same tuple, hence the same flow, slot and
 * worker, in every mode. A later one is never read for ports.
 *
 *   fragments[bucket * 4]  4 x weir_fragment       one cache line each
 *
 * One table for all workers, on both engines: whichever worker receives a first fragment writes it
 * down before it hands the packet on, so that later ones find it wherever they arrive. A place is
 * claimed by compare-and-swap of its tag (flow.h); a reader looks at the tag again when it has read
 * the ports. An expired place is free; of four live ones the oldest gives way. A later fragment
 * that comes before its first finds nothing: it is not held, and counted as `fragment`.
 */
#ifndef WEIR_FRAGMENT_H
#define WEIR_FRAGMENT_H

#include "clock.h"
#include "env.h"
#include "flow.h"
#include "packet.h"

/* How long after a first fragment the rest may come. RFC 791 has receivers wait for 15 s. */
#define WEIR_FRAGMENT_TICKS WEIR_TICKS_OF_MS(15000)

#define WEIR_TAG_BUSY 2u /* being written; a real tag is odd, 0 is empty */

WEIR_INLINE __u32 weir_fragment_tag(__u64 hash) {
    return (__u32)(hash >> 32) | 1u;
}

WEIR_INLINE __u64 weir_fragment_hash(struct weir_env* env, const struct weir_packet* packet) {
    __u64 hash = weir_hash_addr(weir_env_control(env)->seed, &packet->tuple.src);
    hash = weir_hash_addr(hash, &packet->tuple.dst);
    hash = weir_hash_mix(hash, ((__u64)weir_fragment_protocol(packet) << 32) | packet->fragment_id);
    return hash ^ (hash >> 32);
}

WEIR_INLINE int weir_fragment_is(const struct weir_fragment* fragment,
                                 const struct weir_packet* packet) {
    return fragment->id == packet->fragment_id &&
           (packet->family == 6 || fragment->protocol == packet->tuple.protocol) &&
           weir_addr_equal(&fragment->src, &packet->tuple.src) &&
           weir_addr_equal(&fragment->dst, &packet->tuple.dst);
}

/* The place to write a datagram's ports into: its own from before, a free one, the oldest. */
WEIR_INLINE __u32 weir_fragment_place(struct weir_env* env, const struct weir_packet* packet,
                                      __u32 first, __u32 tag, __u32 now) {
    __u32 best = first;
    __s32 least = 0x7fffffff;

    for (__u32 i = 0; i < WEIR_FRAGMENT_WAYS; i++) {
        const struct weir_fragment* fragment = weir_env_fragment(env, first + i);
        if (!fragment) return first;
        if (fragment->tag == tag && weir_fragment_is(fragment, packet)) return first + i;
        __s32 left = fragment->tag == 0 ? -0x7fffffff : (__s32)(fragment->expires - now);
        if (fragment->tag == WEIR_TAG_BUSY) left = 0x7fffffff;
        if (left >= least) continue;
        least = left;
        best = first + i;
    }
    return best;
}

/* Remembers the ports of a first fragment. When another CPU writes the same place at this moment,
 * nothing is remembered. */
WEIR_SUBPROGRAM int weir_fragment_learn(struct weir_env* env, const struct weir_packet* packet,
                                        __u32 now) {
    if (!env || !packet) return 0;
    const __u64 hash = weir_fragment_hash(env, packet);
    const __u32 tag = weir_fragment_tag(hash);
    const __u32 first =
        ((__u32)hash & (weir_env_control(env)->fragment_buckets - 1)) * WEIR_FRAGMENT_WAYS;
    struct weir_fragment* fragment =
        weir_env_fragment(env, weir_fragment_place(env, packet, first, tag, now));

    if (!fragment) return 0;
    const __u32 before = weir_env_load(&fragment->tag);
    /* The worker that a packet is handed to comes by here again: the place is not closed for it. */
    if (before == tag && weir_fragment_is(fragment, packet) &&
        fragment->protocol == packet->tuple.protocol &&
        fragment->sport.raw == packet->tuple.sport.raw &&
        fragment->dport.raw == packet->tuple.dport.raw) {
        fragment->expires = now + WEIR_FRAGMENT_TICKS;
        return 1;
    }
    if (before == WEIR_TAG_BUSY || !weir_env_swap_shared(&fragment->tag, before, WEIR_TAG_BUSY))
        return 0;
    fragment->src = packet->tuple.src;
    fragment->dst = packet->tuple.dst;
    fragment->id = packet->fragment_id;
    fragment->protocol = packet->tuple.protocol;
    fragment->sport = packet->tuple.sport;
    fragment->dport = packet->tuple.dport;
    fragment->expires = now + WEIR_FRAGMENT_TICKS;
    weir_env_publish(&fragment->tag, tag);
    return 1;
}

/* Gives a later fragment its datagram's ports. 0: the first one has not come by. */
WEIR_SUBPROGRAM int weir_fragment_recall(struct weir_env* env, struct weir_packet* packet,
                                         __u32 now) {
    if (!env || !packet) return 0;
    const __u64 hash = weir_fragment_hash(env, packet);
    const __u32 tag = weir_fragment_tag(hash);
    const __u32 first =
        ((__u32)hash & (weir_env_control(env)->fragment_buckets - 1)) * WEIR_FRAGMENT_WAYS;

    for (__u32 i = 0; i < WEIR_FRAGMENT_WAYS; i++) {
        const struct weir_fragment* fragment = weir_env_fragment(env, first + i);
        if (!fragment) return 0;
        if (weir_env_load(&fragment->tag) != tag) continue;
        if (!weir_later(fragment->expires, now) || !weir_fragment_is(fragment, packet)) continue;
        packet->tuple.protocol = fragment->protocol;
        packet->tuple.sport = fragment->sport;
        packet->tuple.dport = fragment->dport;
        if (weir_env_load(&fragment->tag) == tag) return 1;
    }
    return 0;
}

/* Between parse and hash: a fragment leaves its ports, or gets them. */
WEIR_INLINE enum weir_reason weir_fragment_ports(struct weir_env* env, struct weir_packet* packet,
                                                 __u32 now) {
    if (packet->kind == WEIR_KIND_FIRST_FRAGMENT) weir_fragment_learn(env, packet, now);
    if (packet->kind == WEIR_KIND_FRAGMENT && !weir_fragment_recall(env, packet, now))
        return WEIR_REASON_FRAGMENT;
    return WEIR_REASON_NONE;
}

#endif
