/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Stage 1 for IPv4 (RFC 791): its header, and whose business what follows is.
 */
#ifndef WEIR_IPV4_H
#define WEIR_IPV4_H

#include "icmp.h"
#include "packet.h"

/* RFC 791 section 3.1; length checks as RFC 1812 section 5.2.2. */
WEIR_INLINE enum weir_reason weir_parse_ipv4(struct weir_packet* packet, void* data, void* end) {
    const struct weir_ipv4* ip = (const struct weir_ipv4*)weir_at(data, end, WEIR_L3, sizeof(*ip));
    if (!ip) return WEIR_REASON_TRUNCATED;

    const __u32 header = (__u32)(ip->version_ihl & 0x0f) * 4;
    const __u32 length = weir_be16_to(ip->length);
    if (ip->version_ihl >> 4 != 4 || header < sizeof(*ip) || length < header)
        return WEIR_REASON_IP_HEADER;
    if (WEIR_L3 + length > packet->length) return WEIR_REASON_TRUNCATED;

    packet->tuple.src = weir_addr_v4(ip->src);
    packet->tuple.dst = weir_addr_v4(ip->dst);
    packet->tuple.protocol = ip->protocol;
    packet->family = 4;
    packet->tos = ip->tos;
    packet->ttl = ip->ttl;
    packet->dont_fragment = (weir_be16_to(ip->fragment) & WEIR_IPV4_DONT_FRAGMENT) != 0;
    packet->ip_length = (__u16)length;
    packet->l4 = (__u16)(WEIR_L3 + header);

    if (weir_be16_to(ip->fragment) & (WEIR_IPV4_MORE_FRAGMENTS | WEIR_IPV4_OFFSET_MASK)) {
        packet->fragment_id = weir_be16_to(ip->id);
        return weir_parse_fragment(
            packet, data, end, weir_be16_to(ip->fragment) & WEIR_IPV4_OFFSET_MASK, length - header);
    }
    if (ip->protocol == WEIR_PROTO_ICMP) return weir_parse_icmp(packet, data, end, length - header);
    if (ip->protocol != WEIR_PROTO_TCP && ip->protocol != WEIR_PROTO_UDP)
        return WEIR_REASON_OTHER_PROTOCOL;
    return weir_parse_ports(packet, data, end, length - header);
}

#endif
