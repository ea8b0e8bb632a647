/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ICMP errors: matched by the packet they quote, sent on to the other end of its flow, translated
 * outside and inside (RFC 5508 section 4). Called by the parse, decide and rewrite stages.
 *
 * Whoever could not deliver a packet quotes it to the address that it came from, so that address is
 * weir's. Turned round, the quoted addresses and ports are the tuple of a packet that comes from
 * where the quoted one was going: the tuple by which its flow is found, and by which the flow's
 * worker is. An error never starts a flow, steps one, or keeps one alive.
 */
#ifndef WEIR_ICMP_H
#define WEIR_ICMP_H

#include "checksum.h"
#include "extension.h"
#include "packet.h"
#include "reasons.h"
#include "wire.h"

/* RFC 1122 section 3.2.2: what says that a packet has failed. A redirect or a source quench is the
 * host's own. */
WEIR_INLINE int weir_icmp_is_error(__u8 type) {
    return type == WEIR_ICMP_UNREACHABLE || type == WEIR_ICMP_TIME_EXCEEDED ||
           type == WEIR_ICMP_PARAMETER;
}

/* RFC 4443 section 3. */
WEIR_INLINE int weir_icmp6_is_error(__u8 type) {
    return type >= WEIR_ICMP6_UNREACHABLE && type <= WEIR_ICMP6_PARAMETER;
}

/* The quoted packet's ports at `at`, turned round: the message ends at `limit`. RFC 792: eight
 * bytes behind the IP header are there; more need not be. */
WEIR_INLINE enum weir_reason weir_parse_quoted_ports(struct weir_packet* packet, void* data,
                                                     void* end, __u32 at, __u32 limit,
                                                     __u32 protocol) {
    const struct weir_quoted_ports* ports =
        (const struct weir_quoted_ports*)weir_at(data, end, at & WEIR_L4_MASK, sizeof(*ports));

    if (!ports || at + sizeof(*ports) > limit) return WEIR_REASON_ICMP_SHORT;
    if (protocol != WEIR_PROTO_TCP && protocol != WEIR_PROTO_UDP) return WEIR_REASON_ICMP;
    packet->kind = WEIR_KIND_ICMP_ERROR;
    packet->quoted_l4 = (__u16)at;
    packet->tuple.sport = ports->dport;
    packet->tuple.dport = ports->sport;
    packet->tuple.protocol = protocol;
    packet->tcp_flags = 0;
    return WEIR_REASON_NONE;
}

/*
 * From an ICMP message of `length` bytes to the tuple of the packet that it quotes. What quotes too
 * little of it, or something that weir never sends, is the host's.
 */
WEIR_INLINE enum weir_reason weir_parse_icmp(struct weir_packet* packet, void* data, void* end,
                                             __u32 length) {
    const __u32 icmp_at = packet->l4 & WEIR_L4_MASK;
    const __u32 quoted_at = icmp_at + (__u32)sizeof(struct weir_icmp);
    const struct weir_icmp* icmp =
        (const struct weir_icmp*)weir_at(data, end, icmp_at, sizeof(*icmp));
    if (!icmp || length < sizeof(*icmp)) return WEIR_REASON_TRUNCATED;
    if (!weir_icmp_is_error(icmp->type)) return WEIR_REASON_ICMP;

    const struct weir_ipv4* quoted =
        (const struct weir_ipv4*)weir_at(data, end, quoted_at, sizeof(*quoted));
    if (!quoted || length < sizeof(*icmp) + sizeof(*quoted)) return WEIR_REASON_ICMP_SHORT;
    const __u32 header = (__u32)(quoted->version_ihl & 0x0f) * 4;
    if (quoted->version_ihl >> 4 != 4 || header < sizeof(*quoted)) return WEIR_REASON_ICMP;
    if (weir_be16_to(quoted->fragment) & WEIR_IPV4_OFFSET_MASK) return WEIR_REASON_ICMP;
    if (packet->tuple.dst.word[3].raw != quoted->src.raw) return WEIR_REASON_ICMP;
    packet->tuple.src = weir_addr_v4(quoted->dst);
    return weir_parse_quoted_ports(packet, data, end, quoted_at + header, icmp_at + length,
                                   quoted->protocol);
}

/* The same of ICMPv6. */
WEIR_INLINE enum weir_reason weir_parse_icmp6(struct weir_packet* packet, void* data, void* end,
                                              __u32 length) {
    const __u32 icmp_at = packet->l4 & WEIR_L4_MASK;
    const __u32 quoted_at = icmp_at + (__u32)sizeof(struct weir_icmp);
    const struct weir_icmp* icmp =
        (const struct weir_icmp*)weir_at(data, end, icmp_at, sizeof(*icmp));
    if (!icmp || length < sizeof(*icmp)) return WEIR_REASON_TRUNCATED;
    if (!weir_icmp6_is_error(icmp->type)) return WEIR_REASON_ICMP;

    const struct weir_ipv6* quoted =
        (const struct weir_ipv6*)weir_at(data, end, quoted_at, sizeof(*quoted));
    if (!quoted || length < sizeof(*icmp) + sizeof(*quoted)) return WEIR_REASON_ICMP_SHORT;
    if (quoted->version_class >> 4 != 6) return WEIR_REASON_ICMP;
    const struct weir_addr src = quoted->src;
    if (!weir_addr_equal(&packet->tuple.dst, &src)) return WEIR_REASON_ICMP;
    packet->source_sum = weir_fold(weir_sum_addr(0, &packet->tuple.src));
    packet->tuple.src = quoted->dst;
    /* Such an address stands for IPv4 in the tables, and is in no packet of weir's. */
    if (weir_addr_is_v4(&packet->tuple.src)) return WEIR_REASON_ICMP;

    struct weir_walk walk = {};
    walk.next = quoted->next;
    walk.offset = quoted_at + (__u32)sizeof(*quoted);
    walk.limit = icmp_at + length;
    const enum weir_reason reason = weir_walk_extensions(&walk, data, end);
    if (reason == WEIR_REASON_TRUNCATED) return WEIR_REASON_ICMP_SHORT;
    if (reason != WEIR_REASON_NONE || walk.fragment & WEIR_IPV4_OFFSET_MASK)
        return WEIR_REASON_ICMP;
    return weir_parse_quoted_ports(packet, data, end, walk.offset, walk.limit, walk.next);
}

#endif
