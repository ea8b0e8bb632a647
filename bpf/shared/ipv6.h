/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Parse, the IPv6 part: RFC 8200. Extension headers are walked to a bound (extension.h); everything
 * beyond goes to the host. parse.h calls it.
 */
#ifndef WEIR_IPV6_H
#define WEIR_IPV6_H

#include "extension.h"
#include "icmp.h"
#include "packet.h"

/*
 * A fragment, walked as far as it goes. RFC 7112: the first one has all headers. Only that one says
 * which protocol the datagram is of (RFC 8200 section 4.5): a later one names what all fragments'
 * payload begins with, and does not have it.
 */
WEIR_INLINE enum weir_reason weir_parse_fragment_ipv6(struct weir_packet* packet,
                                                      const struct weir_walk* walk,
                                                      enum weir_reason walked, void* data,
                                                      void* end) {
    const __u32 offset = walk->fragment & WEIR_IPV4_OFFSET_MASK;

    packet->fragment_id = walk->id;
    packet->fragment = (__u16)walk->fragment;
    if (walked == WEIR_REASON_TRUNCATED) return WEIR_REASON_FRAGMENT_TINY;
    if (walked != WEIR_REASON_NONE) return walked;
    if (walk->behind != walk->offset) packet->fragment |= WEIR_FRAGMENT_DEEP;
    if (offset == 0 || !weir_is_extension(walk->next))
        return weir_parse_fragment(packet, data, end, offset, walk->limit - walk->offset);
    packet->kind = WEIR_KIND_FRAGMENT;
    packet->fragment |= WEIR_FRAGMENT_DEEP;
    packet->tuple.sport.raw = 0;
    packet->tuple.dport.raw = 0;
    packet->tcp_flags = 0;
    return WEIR_REASON_NONE;
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
        struct weir_walk walk = {};
        walk.next = ip->next;
        walk.offset = packet->l4;
        walk.limit = l3 + length;
        const enum weir_reason reason = weir_walk_extensions(&walk, data, end);
        packet->tuple.protocol = walk.next;
        packet->l4 = (__u16)walk.offset;
        if (walk.fragment != 0) return weir_parse_fragment_ipv6(packet, &walk, reason, data, end);
        if (reason != WEIR_REASON_NONE) return reason;
    }
    if (packet->tuple.protocol == WEIR_PROTO_ICMPV6)
        return weir_parse_icmp6(packet, data, end, l3 + length - packet->l4);
    if (packet->tuple.protocol != WEIR_PROTO_TCP && packet->tuple.protocol != WEIR_PROTO_UDP)
        return WEIR_REASON_OTHER_PROTOCOL;
    return weir_parse_ports(packet, data, end, l3 + length - packet->l4);
}

#endif
