/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * IPv6 extension headers, walked to a bound: hop-by-hop options (as the first one only, RFC 8200
 * section 4.1), routing headers that have been followed to their end, destination options, and
 * fragment headers. What options say is the end hosts' business. ipv6.h walks those of a packet,
 * icmp.h those of a quoted one.
 */
#ifndef WEIR_EXTENSION_H
#define WEIR_EXTENSION_H

#include "packet.h"

#define WEIR_EXTENSIONS 4u  /* headers that are walked */
#define WEIR_L4_MOST 0x17fu /* where a transport header may start: rewriting adds to it */

struct weir_walk {
    __u32 next;     /* the type of what stands at `offset` */
    __u32 offset;   /* from the frame's start */
    __u32 limit;    /* where the packet ends */
    __u32 fragment; /* as IPv4 writes it: WEIR_IPV4_MORE_FRAGMENTS | offset; 0: it is whole */
    __u32 id;       /* of a fragment header */
    __u32 behind;   /* where that one ends */
};

WEIR_INLINE int weir_is_extension(__u32 next) {
    return next == WEIR_EXTENSION_HOP_BY_HOP || next == WEIR_EXTENSION_ROUTING ||
           next == WEIR_EXTENSION_FRAGMENT || next == WEIR_EXTENSION_DESTINATION;
}

/* From one header to what follows it. A packet that is whole in one fragment is as if it had no
 * fragment header (RFC 6946). */
WEIR_INLINE enum weir_reason weir_step_extension(struct weir_walk* walk, void* data, void* end) {
    const struct weir_extension* header = (const struct weir_extension*)weir_at(
        data, end, walk->offset & WEIR_L4_MASK, sizeof(*header));
    __u32 size = 8;

    if (!header || walk->offset + sizeof(*header) > walk->limit) return WEIR_REASON_TRUNCATED;
    const __u32 word = weir_be16_to(header->fragment);
    if (walk->next != WEIR_EXTENSION_FRAGMENT) {
        size += (__u32)header->length * 8;
    } else if (word & (WEIR_IPV6_OFFSET_MASK | WEIR_IPV6_MORE_FRAGMENTS)) {
        if (walk->fragment != 0) return WEIR_REASON_EXTENSION_HEADERS;
        walk->fragment = word >> 3;
        if (word & WEIR_IPV6_MORE_FRAGMENTS) walk->fragment |= WEIR_IPV4_MORE_FRAGMENTS;
        walk->id = weir_be32_to(header->id);
        walk->behind = walk->offset + size;
    }
    /* Section 4.4: the byte behind the routing type says how many hops are left. */
    if (walk->next == WEIR_EXTENSION_ROUTING && (word & 0xff) != 0)
        return WEIR_REASON_EXTENSION_HEADERS;
    walk->next = header->next;
    walk->offset += size;
    if (walk->offset > walk->limit) return WEIR_REASON_TRUNCATED;
    return walk->offset > WEIR_L4_MOST ? WEIR_REASON_EXTENSION_HEADERS : WEIR_REASON_NONE;
}

/* To the transport header; of a later fragment, to its payload, whose first header `next` need not
 * be there. */
WEIR_INLINE enum weir_reason weir_walk_extensions(struct weir_walk* walk, void* data, void* end) {
    for (__u32 i = 0; i < WEIR_EXTENSIONS; i++) {
        if (!weir_is_extension(walk->next)) break;
        if (walk->next == WEIR_EXTENSION_HOP_BY_HOP && i > 0) return WEIR_REASON_EXTENSION_HEADERS;
        const enum weir_reason reason = weir_step_extension(walk, data, end);
        if (reason != WEIR_REASON_NONE) return reason;
        if (walk->fragment & WEIR_IPV4_OFFSET_MASK) return WEIR_REASON_NONE;
    }
    return weir_is_extension(walk->next) ? WEIR_REASON_EXTENSION_HEADERS : WEIR_REASON_NONE;
}

#endif
