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

#include "packet.h"
#include "reasons.h"
#include "wire.h"

/* RFC 1122 section 3.2.2: what says that a packet has failed. A redirect or a source quench is the
 * host's own. */
WEIR_INLINE int weir_icmp_is_error(__u8 type) {
    return type == WEIR_ICMP_UNREACHABLE || type == WEIR_ICMP_TIME_EXCEEDED ||
           type == WEIR_ICMP_PARAMETER;
}

/*
 * From an ICMP message of `length` bytes to the tuple of the packet that it quotes. RFC 792: the IP
 * header and eight bytes behind it are there; more need not be. What quotes less, or something that
 * weir never sends, is the host's.
 */
WEIR_INLINE enum weir_reason weir_parse_icmp(struct weir_packet* packet, void* data, void* end,
                                             __u32 length) {
    const __u32 icmp_at = packet->l4 & WEIR_L4_MASK;
    const struct weir_icmp* icmp =
        (const struct weir_icmp*)weir_at(data, end, icmp_at, sizeof(*icmp));
    if (!icmp || length < sizeof(*icmp)) return WEIR_REASON_TRUNCATED;
    if (!weir_icmp_is_error(icmp->type)) return WEIR_REASON_ICMP;

    const struct weir_ipv4* quoted = (const struct weir_ipv4*)weir_at(
        data, end, icmp_at + (__u32)sizeof(*icmp), sizeof(*quoted));
    if (!quoted || length < sizeof(*icmp) + sizeof(*quoted)) return WEIR_REASON_ICMP_SHORT;
    const __u32 header = (__u32)(quoted->version_ihl & 0x0f) * 4;
    if (quoted->version_ihl >> 4 != 4 || header < sizeof(*quoted)) return WEIR_REASON_ICMP;
    const struct weir_quoted_ports* ports = (const struct weir_quoted_ports*)weir_at(
        data, end, icmp_at + (__u32)sizeof(*icmp) + header, sizeof(*ports));
    if (!ports || length < sizeof(*icmp) + header + sizeof(*ports)) return WEIR_REASON_ICMP_SHORT;
    if (quoted->protocol != WEIR_PROTO_TCP && quoted->protocol != WEIR_PROTO_UDP)
        return WEIR_REASON_ICMP;
    if (weir_be16_to(quoted->fragment) & WEIR_IPV4_OFFSET_MASK) return WEIR_REASON_ICMP;
    if (packet->tuple.dst.word[3].raw != quoted->src.raw) return WEIR_REASON_ICMP;

    packet->kind = WEIR_KIND_ICMP_ERROR;
    packet->tuple.src = weir_addr_v4(quoted->dst);
    packet->tuple.sport = ports->dport;
    packet->tuple.dport = ports->sport;
    packet->tuple.protocol = quoted->protocol;
    packet->tcp_flags = 0;
    return WEIR_REASON_NONE;
}

#endif
