/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The rewrite stage of an ICMP error (icmp.h): the packet that it quotes becomes the one that the
 * flow's other end has sent, and the error is addressed to that end. Every checksum is updated, not
 * recomputed: those of the quoted headers, the message's own, which covers all of it, and the outer
 * header's. What is not quoted is not touched.
 */
#ifndef WEIR_ICMP_REWRITE_H
#define WEIR_ICMP_REWRITE_H

#include "checksum.h"
#include "nat.h"
#include "packet.h"
#include "tables.h"

/*
 * The quoted ports, and the quoted transport checksum where it is within `room` bytes from the
 * ports on. Returns `outer`, the delta of the message's checksum, with these changes added; `inner`
 * is that of the addresses.
 */
WEIR_INLINE __u32 weir_rewrite_quoted_ports(const struct weir_packet* packet, void* data, void* end,
                                            __u32 at, __u32 quoted, const struct weir_nat* nat,
                                            __u32 inner, __u32 outer) {
    struct weir_quoted_ports* ports =
        (struct weir_quoted_ports*)weir_at(data, end, at, sizeof(*ports));
    if (!ports) return outer;
    __u32 delta = weir_delta16(0, ports->sport, nat->dport);
    delta = weir_delta16(delta, ports->dport, nat->sport);
    ports->sport = nat->dport;
    ports->dport = nat->sport;
    outer += delta;
    delta += inner;

    const int tcp = packet->tuple.protocol == WEIR_PROTO_TCP;
    const __u32 checksum_at = tcp ? 16 : 6;
    struct weir_be16* checksum =
        (struct weir_be16*)weir_at(data, end, at + checksum_at, sizeof(*checksum));
    if (!checksum || quoted < checksum_at + sizeof(*checksum)) return outer;
    const struct weir_be16 old = *checksum;
    if (!tcp && old.raw == 0) return outer; /* RFC 768: none was computed */
    struct weir_be16 updated = weir_checksum_update(old, delta);
    if (!tcp && updated.raw == 0) updated.raw = 0xffff;
    *checksum = updated;
    return weir_delta16(outer, old, updated);
}

/*
 * `nat` is what a packet carries that goes where the error goes; the quoted one went the other way.
 * The error then comes from weir's own address on that side (RFC 5508 REQ-5), also toward a
 * backend: it may have no route to whoever sent it, and drop what comes from such an address (RFC
 * 3704). A transparent backend has one, through weir, and sees who it was (REQ-4).
 */
WEIR_INLINE int weir_rewrite_error(const struct weir_packet* packet, const struct weir_nat* nat,
                                   __u32 l3, void* data, void* end) {
    const __u32 icmp_at = weir_l4_of(packet);
    const struct weir_be32 src = nat->src.word[3];
    const struct weir_be32 dst = nat->dst.word[3];
    struct weir_ipv4* ip = (struct weir_ipv4*)weir_at(data, end, l3, sizeof(*ip));
    struct weir_icmp* icmp = (struct weir_icmp*)weir_at(data, end, icmp_at, sizeof(*icmp));
    const __u32 quoted_at = icmp_at + (__u32)sizeof(*icmp);
    struct weir_ipv4* quoted = (struct weir_ipv4*)weir_at(data, end, quoted_at, sizeof(*quoted));
    if (!ip || !icmp || !quoted) return 0;

    const struct weir_be16 old = quoted->checksum;
    __u32 inner = weir_delta32(0, quoted->src, dst);
    inner = weir_delta32(inner, quoted->dst, src);
    quoted->src = dst;
    quoted->dst = src;
    quoted->checksum = weir_checksum_update(old, inner);
    __u32 outer = weir_delta16(inner, old, quoted->checksum);

    const __u32 ports_at = quoted_at + (__u32)(quoted->version_ihl & 0x0f) * 4;
    const __u32 message_end = l3 + weir_be16_to(ip->length);
    const __u32 length = message_end > ports_at ? message_end - ports_at : 0;
    outer = weir_rewrite_quoted_ports(packet, data, end, ports_at, length, nat, inner, outer);
    icmp->checksum = weir_checksum_update(icmp->checksum, outer);

    const struct weir_be32 from = packet->mode == WEIR_MODE_TRANSPARENT ? ip->src : src;
    __u32 delta = weir_delta32(0, ip->src, from);
    delta = weir_delta32(delta, ip->dst, dst);
    ip->src = from;
    ip->dst = dst;
    weir_ttl_down(ip, delta);
    return 1;
}

#endif
