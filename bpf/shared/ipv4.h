/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Parse, the IPv4 part: RFC 791 section 3.1, with the checks of RFC 1812 section 5.2.2, the header
 * checksum among them. Options are covered by it, and otherwise passed on as they are. parse.h
 * calls it.
 */
#ifndef WEIR_IPV4_H
#define WEIR_IPV4_H

#include "packet.h"

#define WEIR_IPV4_LONGEST 60u /* with all options that fit */

struct weir_ipv4_halves {
    struct weir_be16 half[10];
} WEIR_PACKED;

/* RFC 1071: the sum over the header, checksum included, is all ones. */
WEIR_INLINE int weir_ipv4_sum_is_right(void* data, void* end, __u32 l3, __u32 header) {
    const struct weir_ipv4_halves* fixed =
        (const struct weir_ipv4_halves*)weir_at(data, end, l3, sizeof(*fixed));
    __u32 sum = 0;

    if (!fixed) return 0;
    for (__u32 i = 0; i < 10; i++) sum += fixed->half[i].raw;
    for (__u32 at = 20; at < WEIR_IPV4_LONGEST; at += 4) {
        if (at >= header) break;
        const struct weir_tag* word = (const struct weir_tag*)weir_at(data, end, l3 + at, 4);
        if (!word) return 0;
        sum += (__u32)word->tpid.raw + word->tci.raw;
    }
    sum = (sum & 0xffff) + (sum >> 16);
    sum += sum >> 16;
    return (sum & 0xffff) == 0xffff;
}

WEIR_INLINE enum weir_reason weir_parse_ipv4(struct weir_packet* packet, void* data, void* end) {
    const __u32 l3 = packet->l3 & WEIR_L3_MASK;
    const struct weir_ipv4* ip = (const struct weir_ipv4*)weir_at(data, end, l3, sizeof(*ip));
    if (!ip) return WEIR_REASON_TRUNCATED;

    const __u32 header = (__u32)(ip->version_ihl & 0x0f) * 4;
    const __u32 length = weir_be16_to(ip->length);
    if (ip->version_ihl >> 4 != 4 || header < sizeof(*ip) || length < header)
        return WEIR_REASON_IP_HEADER;
    if (l3 + length > packet->length || !weir_at(data, end, l3, header))
        return WEIR_REASON_TRUNCATED;
    if (!weir_ipv4_sum_is_right(data, end, l3, header)) return WEIR_REASON_IP_CHECKSUM;

    packet->tuple.src = weir_addr_v4(ip->src);
    packet->tuple.dst = weir_addr_v4(ip->dst);
    packet->tuple.protocol = ip->protocol;
    packet->family = 4;
    packet->tos = ip->tos;
    packet->ttl = ip->ttl;
    packet->dont_fragment = (weir_be16_to(ip->fragment) & WEIR_IPV4_DONT_FRAGMENT) != 0;
    packet->ip_length = (__u16)length;
    packet->l4 = (__u16)(l3 + header);

    if (weir_be16_to(ip->fragment) & (WEIR_IPV4_MORE_FRAGMENTS | WEIR_IPV4_OFFSET_MASK))
        return WEIR_REASON_FRAGMENT;
    if (ip->protocol == WEIR_PROTO_ICMP) return WEIR_REASON_ICMP;
    if (ip->protocol != WEIR_PROTO_TCP && ip->protocol != WEIR_PROTO_UDP)
        return WEIR_REASON_OTHER_PROTOCOL;
    return weir_parse_ports(packet, data, end, length - header);
}

#endif
