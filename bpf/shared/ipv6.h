/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Parse, the IPv6 part: RFC 8200. Extension headers are walked to a bound: hop-by-hop options (as
 * the first one only, section 4.1), routing headers that have been followed to their end,
 * destination options, and fragment headers of packets that are whole (RFC 6946). What they say is
 * the end hosts' business. Everything beyond goes to the host. parse.h calls it.
 */
#ifndef WEIR_IPV6_H
#define WEIR_IPV6_H

#include "packet.h"

#define WEIR_EXTENSIONS 4u /* headers that are walked */

WEIR_INLINE int weir_is_extension(__u32 next) {
    return next == WEIR_EXTENSION_HOP_BY_HOP || next == WEIR_EXTENSION_ROUTING ||
           next == WEIR_EXTENSION_FRAGMENT || next == WEIR_EXTENSION_DESTINATION;
}

/* From one extension header to what follows it: moves *next and *offset on, up to `limit`. */
WEIR_INLINE enum weir_reason weir_step_extension(void* data, void* end, __u32 limit, __u32* next,
                                                 __u32* offset) {
    const struct weir_extension* header =
        (const struct weir_extension*)weir_at(data, end, *offset & WEIR_L4_MASK, sizeof(*header));
    __u32 size = 8;

    if (!header || *offset + sizeof(*header) > limit) return WEIR_REASON_TRUNCATED;
    const __u32 fragment = weir_be16_to(header->fragment);
    if (*next != WEIR_EXTENSION_FRAGMENT)
        size += (__u32)header->length * 8;
    else if (fragment & (WEIR_IPV6_OFFSET_MASK | WEIR_IPV6_MORE_FRAGMENTS))
        return WEIR_REASON_FRAGMENT;
    /* Section 4.4: the byte behind the routing type says how many hops are left. */
    if (*next == WEIR_EXTENSION_ROUTING && (fragment & 0xff) != 0)
        return WEIR_REASON_EXTENSION_HEADERS;
    *next = header->next;
    *offset += size;
    if (*offset > limit) return WEIR_REASON_TRUNCATED;
    return *offset > WEIR_L4_MASK ? WEIR_REASON_EXTENSION_HEADERS : WEIR_REASON_NONE;
}

WEIR_INLINE enum weir_reason weir_walk_extensions(struct weir_packet* packet, void* data, void* end,
                                                  __u32 next) {
    const __u32 limit = (__u32)packet->l3 + packet->ip_length;
    __u32 offset = packet->l4;

    for (__u32 i = 0; i < WEIR_EXTENSIONS; i++) {
        if (!weir_is_extension(next)) break;
        if (next == WEIR_EXTENSION_HOP_BY_HOP && i > 0) return WEIR_REASON_EXTENSION_HEADERS;
        const enum weir_reason reason = weir_step_extension(data, end, limit, &next, &offset);
        packet->tuple.protocol = next;
        packet->l4 = (__u16)offset;
        if (reason != WEIR_REASON_NONE) return reason;
    }
    return weir_is_extension(next) ? WEIR_REASON_EXTENSION_HEADERS : WEIR_REASON_NONE;
}

WEIR_INLINE enum weir_reason weir_parse_ipv6(struct weir_packet* packet, void* data, void* end) {
    const __u32 l3 = packet->l3 & WEIR_L3_MASK;
    const struct weir_ipv6* ip = (const struct weir_ipv6*)weir_at(data, end, l3, sizeof(*ip));
    if (!ip) return WEIR_REASON_TRUNCATED;

    const __u32 length = sizeof(*ip) + weir_be16_to(ip->length);
    if (ip->version_class >> 4 != 6 || length > 0xffff) return WEIR_REASON_IP_HEADER;
    if (l3 + length > packet->length) return WEIR_REASON_TRUNCATED;

    packet->tuple.src = ip->src;
    packet->tuple.dst = ip->dst;
    packet->tuple.protocol = ip->next;
    packet->family = 6;
    packet->tos = (__u8)(ip->version_class << 4 | ip->class_label >> 4);
    packet->ttl = ip->hops;
    packet->ip_length = (__u16)length;
    packet->l4 = (__u16)(l3 + sizeof(*ip));
    /* Such an address stands for IPv4 in the tables; on the wire nobody has it (RFC 4942 2.2). */
    if (weir_addr_is_v4(&packet->tuple.src) || weir_addr_is_v4(&packet->tuple.dst))
        return WEIR_REASON_MARTIAN;

    if (weir_is_extension(ip->next)) {
        const enum weir_reason reason = weir_walk_extensions(packet, data, end, ip->next);
        if (reason != WEIR_REASON_NONE) return reason;
    }
    if (packet->tuple.protocol == WEIR_PROTO_ICMPV6) return WEIR_REASON_ICMP;
    if (packet->tuple.protocol != WEIR_PROTO_TCP && packet->tuple.protocol != WEIR_PROTO_UDP)
        return WEIR_REASON_OTHER_PROTOCOL;
    return weir_parse_ports(packet, data, end, l3 + length - packet->l4);
}

#endif
