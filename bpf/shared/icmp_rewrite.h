/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The rewrite stage of an ICMP error (icmp.h): the packet that it quotes becomes the one that the
 * flow's other end has sent, and the error is addressed to that end. icmp_translate.h calls this
 * for an end of the same family. Every checksum is updated, not recomputed: those of the quoted
 * headers, the message's own, which covers all of it, and the outer header's. What is not quoted is
 * not touched.
 */
#ifndef WEIR_ICMP_REWRITE_H
#define WEIR_ICMP_REWRITE_H

#include "checksum.h"
#include "nat.h"
#include "packet.h"
#include "tables.h"

/* What the other end is to read. */
struct weir_error {
    struct weir_nat nat; /* what a packet carries that goes where the error goes */
    __u32 quoted;        /* what the quoted addresses add to a checksum that covers them */
    __u32 outer;         /* what the outer ones do: of IPv6 the pseudo-header has them */
};

/* The quoted packet went the other way than nat's. 0: not in the tables. */
WEIR_SUBPROGRAM int weir_error_nat(struct weir_env* env, const struct weir_packet* packet,
                                   struct weir_error* error) {
    if (!env || !packet || !error) return 0;
    const struct weir_flow* flow = weir_env_flow(env, packet->flow);
    return flow && weir_nat_of(env, flow, packet->from_client, &error->nat);
}

/*
 * What the addresses do. An error comes from weir's own address on the side that it goes to (RFC
 * 5508 REQ-5), also toward a backend: it may have no route to whoever sent it, and drop what comes
 * from such an address (RFC 3704). A transparent backend has one, through weir, and sees who it was
 * (REQ-4).
 */
WEIR_SUBPROGRAM int weir_error_sums(const struct weir_packet* packet, struct weir_error* error) {
    if (!packet || !error) return 0;
    error->quoted = weir_delta_addr(0, &packet->tuple.dst, &error->nat.dst);
    error->quoted = weir_delta_addr(error->quoted, &packet->tuple.src, &error->nat.src);
    error->outer = 0;
    if (packet->family == 6)
        error->outer = (__u16)~weir_fold(weir_sum_addr(packet->source_sum, &packet->tuple.dst));
    if (weir_addr_is_v4(&error->nat.dst)) return 1;
    error->outer = weir_sum_addr(error->outer, &error->nat.dst);
    if (packet->mode == WEIR_MODE_TRANSPARENT)
        error->outer += packet->source_sum;
    else
        error->outer = weir_sum_addr(error->outer, &error->nat.src);
    return 1;
}

/* How much of the quoted packet is there, from its ports on. */
WEIR_INLINE __u32 weir_quoted_length(const struct weir_packet* packet) {
    return (__u32)packet->l3 + packet->ip_length - packet->quoted_l4;
}

/*
 * The quoted ports, and the quoted transport checksum where it is quoted. Returns `outer`, the
 * delta of the message's checksum, with these changes added.
 */
WEIR_INLINE __u32 weir_rewrite_quoted_ports(const struct weir_packet* packet, void* data, void* end,
                                            const struct weir_error* error, __u32 outer) {
    const __u32 at = (__u32)((int)packet->quoted_l4 + packet->room) & WEIR_L4_MASK;
    struct weir_quoted_ports* ports =
        (struct weir_quoted_ports*)weir_at(data, end, at, sizeof(*ports));
    if (!ports) return outer;
    __u32 delta = weir_delta16(0, ports->sport, error->nat.dport);
    delta = weir_delta16(delta, ports->dport, error->nat.sport);
    ports->sport = error->nat.dport;
    ports->dport = error->nat.sport;
    outer += delta;
    delta += error->quoted;

    const int tcp = packet->tuple.protocol == WEIR_PROTO_TCP;
    const __u32 checksum_at = tcp ? 16 : 6;
    struct weir_be16* checksum =
        (struct weir_be16*)weir_at(data, end, at + checksum_at, sizeof(*checksum));
    if (!checksum || weir_quoted_length(packet) < checksum_at + sizeof(*checksum)) return outer;
    const struct weir_be16 old = *checksum;
    if (!tcp && old.raw == 0) return outer; /* RFC 768: none was computed */
    struct weir_be16 updated = weir_checksum_update(old, delta);
    if (!tcp && updated.raw == 0) updated.raw = 0xffff;
    *checksum = updated;
    return weir_delta16(outer, old, updated);
}

WEIR_INLINE int weir_rewrite_error_ipv4(const struct weir_packet* packet,
                                        const struct weir_error* error, __u32 l3, void* data,
                                        void* end) {
    const __u32 icmp_at = weir_l4_of(packet);
    const struct weir_be32 src = error->nat.src.word[3];
    const struct weir_be32 dst = error->nat.dst.word[3];
    struct weir_ipv4* ip = (struct weir_ipv4*)weir_at(data, end, l3, sizeof(*ip));
    struct weir_icmp* icmp = (struct weir_icmp*)weir_at(data, end, icmp_at, sizeof(*icmp));
    struct weir_ipv4* quoted =
        (struct weir_ipv4*)weir_at(data, end, icmp_at + (__u32)sizeof(*icmp), sizeof(*quoted));
    if (!ip || !icmp || !quoted) return 0;

    const struct weir_be16 old = quoted->checksum;
    quoted->src = dst;
    quoted->dst = src;
    quoted->checksum = weir_checksum_update(old, error->quoted);
    const __u32 message = weir_delta16(error->quoted, old, quoted->checksum);
    icmp->checksum = weir_checksum_update(
        icmp->checksum, weir_rewrite_quoted_ports(packet, data, end, error, message));

    const struct weir_be32 from = packet->mode == WEIR_MODE_TRANSPARENT ? ip->src : src;
    __u32 delta = weir_delta32(0, ip->src, from);
    delta = weir_delta32(delta, ip->dst, dst);
    ip->src = from;
    ip->dst = dst;
    weir_ttl_down(ip, delta);
    return 1;
}

/* RFC 4443 section 2.3: the message's checksum covers the outer addresses too. */
WEIR_INLINE int weir_rewrite_error_ipv6(const struct weir_packet* packet,
                                        const struct weir_error* error, __u32 l3, void* data,
                                        void* end) {
    const __u32 icmp_at = weir_l4_of(packet);
    struct weir_ipv6* ip = (struct weir_ipv6*)weir_at(data, end, l3, sizeof(*ip));
    struct weir_icmp* icmp = (struct weir_icmp*)weir_at(data, end, icmp_at, sizeof(*icmp));
    struct weir_ipv6* quoted =
        (struct weir_ipv6*)weir_at(data, end, icmp_at + (__u32)sizeof(*icmp), sizeof(*quoted));
    if (!ip || !icmp || !quoted) return 0;

    quoted->src = error->nat.dst;
    quoted->dst = error->nat.src;
    if (packet->mode != WEIR_MODE_TRANSPARENT) ip->src = error->nat.src;
    ip->dst = error->nat.dst;
    ip->hops--;
    const __u32 message = error->quoted + error->outer;
    icmp->checksum = weir_checksum_update(
        icmp->checksum, weir_rewrite_quoted_ports(packet, data, end, error, message));
    return 1;
}

#endif
