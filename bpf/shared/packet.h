/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Stage 1, parse: from a frame to a weir_packet, or to the reason why not. Reads headers only;
 * every read is checked against the frame's end, which is also what the kernel's verifier demands.
 */
#ifndef WEIR_PACKET_H
#define WEIR_PACKET_H

#include "icmp.h"
#include "packet_record.h"
#include "reasons.h"
#include "tables.h"
#include "wire.h"

#define WEIR_L3 14u /* Ethernet without tags; tagged frames are not parsed further */

WEIR_INLINE enum weir_reason weir_parse_ports(struct weir_packet* packet, void* data, void* end,
                                              __u32 l4_length) {
    if (packet->tuple.protocol == WEIR_PROTO_TCP) {
        const struct weir_tcp* tcp =
            (const struct weir_tcp*)weir_at(data, end, packet->l4 & 0x7fu, sizeof(*tcp));
        if (!tcp || l4_length < sizeof(*tcp)) return WEIR_REASON_TRUNCATED;
        const __u32 header = (__u32)(tcp->offset >> 4) * 4;
        if (header < sizeof(*tcp)) return WEIR_REASON_TCP_HEADER;
        if (header > l4_length)
            return packet->kind == WEIR_KIND_PLAIN ? WEIR_REASON_TCP_HEADER : WEIR_REASON_TRUNCATED;
        packet->tuple.sport = tcp->sport;
        packet->tuple.dport = tcp->dport;
        packet->tcp_flags = tcp->flags;
        return WEIR_REASON_NONE;
    }
    const struct weir_udp* udp =
        (const struct weir_udp*)weir_at(data, end, packet->l4 & 0x7fu, sizeof(*udp));
    if (!udp || l4_length < sizeof(*udp)) return WEIR_REASON_TRUNCATED;
    const __u32 length = weir_be16_to(udp->length);
    /* A first fragment has a part of what its length says. */
    if (length < sizeof(*udp) || (length > l4_length && packet->kind == WEIR_KIND_PLAIN))
        return WEIR_REASON_UDP_HEADER;
    packet->tuple.sport = udp->sport;
    packet->tuple.dport = udp->dport;
    packet->tcp_flags = 0;
    return WEIR_REASON_NONE;
}

/*
 * A fragment, `offset` times eight bytes into its datagram, `length` bytes of which it has. The
 * first one must have the whole transport header, and no later one may reach into TCP's (RFC 1858
 * section 3, RFC 3128). Fragments of other protocols are the host's.
 */
WEIR_INLINE enum weir_reason weir_parse_fragment(struct weir_packet* packet, void* data, void* end,
                                                 __u32 offset, __u32 length) {
    const int tcp = packet->tuple.protocol == WEIR_PROTO_TCP;

    if (!tcp && packet->tuple.protocol != WEIR_PROTO_UDP) return WEIR_REASON_FRAGMENT;
    if (offset != 0) {
        packet->kind = WEIR_KIND_FRAGMENT;
        packet->tuple.sport.raw = 0;
        packet->tuple.dport.raw = 0;
        packet->tcp_flags = 0;
        return tcp && offset * 8 < sizeof(struct weir_tcp) ? WEIR_REASON_FRAGMENT_TINY
                                                           : WEIR_REASON_NONE;
    }
    packet->kind = WEIR_KIND_FIRST_FRAGMENT;
    const enum weir_reason reason = weir_parse_ports(packet, data, end, length);
    if (reason == WEIR_REASON_TRUNCATED) return WEIR_REASON_FRAGMENT_TINY;
    return reason;
}

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

/*
 * Parses the frame [data, end), whose whole length is `length` bytes (more than end - data when the
 * rest lies in further segments). WEIR_REASON_NONE: the tuple, l4 and tcp_flags are set.
 */
WEIR_STAGE enum weir_reason weir_parse(struct weir_packet* packet, void* data, void* end,
                                       __u32 length, __u8 in_port) {
    const struct weir_eth* eth = (const struct weir_eth*)weir_at(data, end, 0, sizeof(*eth));

    packet->length = length;
    packet->in_port = in_port;
    packet->out_port = 0;
    packet->from_client = 0;
    packet->flow = 0;
    packet->hash = 0;
    packet->fragment_id = 0;
    packet->trim = 0;
    packet->mtu = 0;
    packet->named = WEIR_NO_BACKEND;
    packet->unused = 0;
    packet->l3 = WEIR_L3;
    packet->room = 0;
    packet->kind = WEIR_KIND_PLAIN;
    packet->tags = 0;
    packet->priority = 0;
    if (!eth) return WEIR_REASON_TRUNCATED;
    switch (weir_be16_to(eth->type)) {
        case WEIR_ETH_IPV4:
            return weir_parse_ipv4(packet, data, end);
        case WEIR_ETH_IPV6:
            return WEIR_REASON_IPV6;
        case WEIR_ETH_VLAN:
        case WEIR_ETH_QINQ:
            return WEIR_REASON_VLAN;
        default:
            return WEIR_REASON_NOT_IP;
    }
}

#endif
