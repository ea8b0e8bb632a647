/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Parse, the IPv4 part: RFC 791 section 3.1, with the checks of RFC 1812 section 5.2.2, the header
 * checksum among them. Options are covered by it, and otherwise passed on as they are. parse.h
 * calls it.
 */
#ifndef WEIR_IPV4_H
#define WEIR_IPV4_H

#include "icmp.h"
#include "packet.h"

#define WEIR_IPV4_LONGEST 60u /* with all options that fit */

struct weir_ipv4_words {
    struct weir_be32 word[5];
} WEIR_PACKED;

struct weir_ipv4_option {
    struct weir_be32 word;
} WEIR_PACKED;

/* RFC 1071: the sum over the header, checksum included, is all ones. In words of 32 bits, which
 * section 2(C) allows: half as many to read. */
WEIR_INLINE int weir_ipv4_sum_is_right(void* data, void* end, __u32 l3, __u32 header) {
    const struct weir_ipv4_words* fixed =
        (const struct weir_ipv4_words*)weir_at(data, end, l3, sizeof(*fixed));
    __u64 sum = 0;

    if (!fixed) return 0;
    for (__u32 i = 0; i < 5; i++) sum += fixed->word[i].raw;
    for (__u32 at = sizeof(*fixed); at < WEIR_IPV4_LONGEST; at += 4) {
        if (at >= header) break;
        const struct weir_ipv4_option* option =
            (const struct weir_ipv4_option*)weir_at(data, end, l3 + at, sizeof(*option));
        if (!option) return 0;
        sum += option->word.raw;
    }
    sum = (sum & 0xffff) + ((sum >> 16) & 0xffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    return sum == 0xffff;
}

WEIR_INLINE enum weir_reason weir_parse_ipv4(struct weir_packet* packet, void* data, void* end) {
    const __u32 l3 = packet->l3 & WEIR_L3_MASK;
    const struct weir_ipv4* ip = (const struct weir_ipv4*)weir_at(data, end, l3, sizeof(*ip));
    if (!ip) return WEIR_REASON_TRUNCATED;

    const __u32 header = (__u32)(ip->version_ihl & 0x0f) * 4;
    const __u32 length = weir_be16_to(ip->length);
    if (ip->version_ihl >> 4 != 4 || header < sizeof(*ip) || length < header)
        return WEIR_REASON_IP_HEADER;
    if (l3 + length > packet->length) return WEIR_REASON_TRUNCATED;
    if (header > sizeof(*ip) && !weir_at(data, end, l3, header)) return WEIR_REASON_TRUNCATED;
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

    if (weir_be16_to(ip->fragment) & (WEIR_IPV4_MORE_FRAGMENTS | WEIR_IPV4_OFFSET_MASK)) {
        packet->fragment_id = weir_be16_to(ip->id);
        packet->fragment =
            weir_be16_to(ip->fragment) & (WEIR_IPV4_MORE_FRAGMENTS | WEIR_IPV4_OFFSET_MASK);
        return weir_parse_fragment(
            packet, data, end, weir_be16_to(ip->fragment) & WEIR_IPV4_OFFSET_MASK, length - header);
    }
    if (ip->protocol == WEIR_PROTO_ICMP) return weir_parse_icmp(packet, data, end, length - header);
    if (ip->protocol != WEIR_PROTO_TCP && ip->protocol != WEIR_PROTO_UDP)
        return WEIR_REASON_OTHER_PROTOCOL;
    return weir_parse_ports(packet, data, end, length - header);
}

#endif
