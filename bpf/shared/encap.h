/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Encapsulation: an outer header in front of a client's packet, which itself stays as it is, TTL
 * included: the tunnel leads to where the packet is addressed, and the outer TTL ends loops.
 *
 *   ipip   IPv4 or IPv6 in IPv4 or IPv6 (RFC 2003, RFC 4213, RFC 2473)
 *   gue    likewise behind 8 bytes of UDP (draft-ietf-intarea-gue, variant 1: the IP header
 * follows)
 *
 * weir_decide asks for the room and whether the packet will fit; weir_rewrite calls weir_encap. The
 * packet's own bytes are never summed: see weir_inner_sum.
 */
#ifndef WEIR_ENCAP_H
#define WEIR_ENCAP_H

#include "checksum.h"
#include "env.h"
#include "packet.h"

#define WEIR_TUNNEL_TTL 64
#define WEIR_PROTO_IPIP 4
#define WEIR_PROTO_IPV6 41

/* The tunnel headers' length toward this backend: 20, 28, 40 or 48; 0 without a tunnel. */
WEIR_INLINE __u32 weir_overhead(const struct weir_backend* backend) {
    const __u32 outer =
        weir_addr_is_v4(&backend->addr) ? sizeof(struct weir_ipv4) : sizeof(struct weir_ipv6);

    if (backend->mode == WEIR_MODE_IPIP) return outer;
    return backend->mode == WEIR_MODE_GUE ? outer + (__u32)sizeof(struct weir_udp) : 0;
}

/* The longest IP packet that the way to the backend takes once it is `change` bytes longer; 0: not
 * known. What a frag-needed or packet-too-big message says. */
WEIR_INLINE __u32 weir_mtu_of(const struct weir_backend* backend, __s32 change) {
    return backend->mtu == 0 ? 0 : (__u32)(backend->mtu - change);
}

/*
 * Whether the packet, `change` bytes longer when it leaves, fits on the way to the backend. NONE:
 * it does, or a router may fragment it: IPv4 in and out, without DF, or an IPv6 packet that is
 * short enough to become such (RFC 7915 section 5.1). An IPv6 router never does (RFC 8200 section
 * 5), so the sender has to hear of it; so has he where weir's own link is what is too short.
 * Whoever sends IPv4 without DF toward IPv6 wants it fragmented (RFC 7915 section 4, RFC 2473
 * section 7.2), but weir makes no two packets of one: he is told all the same, and may do it.
 */
WEIR_INLINE enum weir_reason weir_fits(const struct weir_packet* packet,
                                       const struct weir_backend* backend, __s32 change) {
    const __u32 length = (__u32)(packet->ip_length + change);
    const int whole = packet->family == 6 || packet->dont_fragment;
    const int over_v4 = weir_addr_is_v4(&backend->addr);

    if (length <= 0xffff) {
        if (backend->mtu == 0 || length <= backend->mtu) return WEIR_REASON_NONE;
        if (backend->link_mtu != 0 && length > backend->link_mtu) return WEIR_REASON_FRAG_NEEDED;
        if (over_v4 && !whole) return WEIR_REASON_NONE;
        if (over_v4 && packet->family == 6 && backend->mode < WEIR_MODE_DSR &&
            length <= WEIR_IPV6_LEAST_AS_IPV4)
            return WEIR_REASON_NONE;
    }
    return whole ? WEIR_REASON_FRAG_NEEDED : WEIR_REASON_MUST_FRAGMENT;
}

/* 16 bits of the tuple's hash that no table uses as they are; the same for all of a flow. */
WEIR_INLINE __u16 weir_entropy(const struct weir_packet* packet) {
    return (__u16)(packet->hash >> 48 ^ packet->hash >> 8);
}

/*
 * The ones' complement sum of the packet that starts at `inner`, without reading it: a right
 * checksum makes what it covers and its pseudo-header sum to zero, and an IPv4 header sums to zero
 * too, so what is left is known from the header. A packet that is damaged gets an outer checksum
 * that says so. 0 in *known: nothing vouches for the whole packet (UDP without checksum or with
 * bytes behind it, fragments, extension headers).
 */
WEIR_INLINE __u32 weir_inner_sum(const struct weir_packet* packet, __u32 inner, void* data,
                                 void* end, int* known) {
    const __u32 header = (__u32)(packet->l4 - packet->l3);
    const struct weir_be16 length = weir_be16_from((__u16)(packet->ip_length - header));
    const __u32 protocol = weir_be16_from((__u16)packet->tuple.protocol).raw;
    const struct weir_ipv4* ip =
        (const struct weir_ipv4*)weir_at(data, end, inner, sizeof(struct weir_ipv4));
    __u32 sum = length.raw + protocol;

    *known = 0;
    if (!ip || packet->kind != WEIR_KIND_PLAIN) return 0;
    if (packet->tuple.protocol == WEIR_PROTO_UDP) {
        const struct weir_udp* udp = (const struct weir_udp*)weir_at(
            data, end, (inner + header) & WEIR_L4_MASK, sizeof(struct weir_udp));
        if (!udp || udp->checksum.raw == 0 || udp->length.raw != length.raw) return 0;
    }
    if (packet->family == 4) {
        if (weir_be16_to(ip->fragment) & (WEIR_IPV4_MORE_FRAGMENTS | WEIR_IPV4_OFFSET_MASK))
            return 0;
        sum = weir_sum32(weir_sum32(sum, ip->src), ip->dst);
        *known = 1;
        return 0xffffu - weir_fold(sum);
    }
    const struct weir_ipv6* ip6 =
        (const struct weir_ipv6*)weir_at(data, end, inner, sizeof(struct weir_ipv6));
    if (!ip6 || header != sizeof(*ip6)) return 0;
    *known = 1; /* the addresses are in the header and in the pseudo-header: they cancel out */
    return 0xffffu - weir_fold(sum) + ip6->label.raw + ip6->length.raw +
           weir_be16_from((__u16)(ip6->version_class << 8 | ip6->class_label)).raw +
           weir_be16_from((__u16)(ip6->next << 8 | ip6->hops)).raw;
}

/*
 * The UDP header of gue at `at`, `length` bytes with what follows. The source port is the flow's
 * own, of the dynamic range, so that the receiver's queues and paths on the way spread flows and
 * keep a flow's order. Over IPv4 the checksum is off unless wanted (RFC 768 allows it). Over IPv6
 * it is on: RFC 8200 section 8.1 asks for it, and a wrong address would go unnoticed, because that
 * header has no checksum of its own. Only where nothing vouches for the packet inside is it zero
 * there too, as RFC 6935 section 5 allows for tunnels and RFC 6936 section 5 wants it: the packet
 * inside brings no more integrity than its sender gave it, and the receiver must be told to take
 * such (Linux: udp6zerocsumrx).
 */
WEIR_INLINE int weir_encap_udp(const struct weir_packet* packet, const struct weir_backend* backend,
                               __u32 at, __u32 length, __u32 inner, void* data, void* end) {
    struct weir_udp* udp = (struct weir_udp*)weir_at(data, end, at, sizeof(*udp));
    int known = 0;

    if (!udp) return 0;
    const __u32 low = packet->kind == WEIR_KIND_TO_PEER ? packet->peer : weir_entropy(packet);
    const struct weir_be16 sport = weir_be16_from((__u16)(0xc000u | low));
    const struct weir_be16 length16 = weir_be16_from((__u16)length);
    udp->sport = sport;
    udp->dport = backend->tunnel_port;
    udp->length = length16;
    udp->checksum.raw = 0;
    if (weir_addr_is_v4(&backend->addr) && !(backend->flags & WEIR_BACKEND_CHECKSUM)) return 1;
    __u32 sum = weir_inner_sum(packet, inner, data, end, &known);
    if (!known) return 1;
    sum += sport.raw + backend->tunnel_port.raw + 2u * length16.raw +
           weir_be16_from(WEIR_PROTO_UDP).raw;
    if (weir_addr_is_v4(&backend->addr)) /* the mapped prefix is no part of the pseudo-header */
        sum = weir_sum32(weir_sum32(sum, backend->snat.word[3]), backend->addr.word[3]);
    else
        sum = weir_sum_addr(weir_sum_addr(sum, &backend->snat), &backend->addr);
    udp->checksum.raw = (__u16)~weir_fold(sum);
    if (udp->checksum.raw == 0) udp->checksum.raw = 0xffff;
    return 1;
}

/*
 * RFC 2003 section 3.1. DF is the inner header's, so that whoever counts on path MTU discovery gets
 * it and whoever does not is not cut off; an IPv6 packet has it implied. With DF the identification
 * means nothing (RFC 6864 section 4.1) and is zero. Without, it comes from the packet's own, its
 * flow, and its place in a datagram that is in fragments already.
 */
WEIR_INLINE int weir_encap_ipv4(const struct weir_packet* packet,
                                const struct weir_backend* backend, __u32 at, __u32 length,
                                __u8 protocol, __u32 inner, void* data, void* end) {
    struct weir_ipv4* ip = (struct weir_ipv4*)weir_at(data, end, at, sizeof(*ip));
    const struct weir_ipv4* from =
        (const struct weir_ipv4*)weir_at(data, end, inner, sizeof(*from));
    struct weir_be16 fragment = weir_be16_from(WEIR_IPV4_DONT_FRAGMENT);
    struct weir_be16 id = {0};

    if (!ip || !from) return 0;
    if (packet->family == 4 && !packet->dont_fragment) {
        fragment.raw = 0;
        id.raw = (__u16)(from->id.raw + weir_entropy(packet) + from->fragment.raw);
    }
    ip->version_ihl = 0x45;
    ip->tos = packet->tos;
    ip->length = weir_be16_from((__u16)length);
    ip->id = id;
    ip->fragment = fragment;
    ip->ttl = WEIR_TUNNEL_TTL;
    ip->protocol = protocol;
    ip->src = backend->snat.word[3];
    ip->dst = backend->addr.word[3];
    __u32 sum = weir_be16_from((__u16)(0x4500u | packet->tos)).raw + ip->length.raw + id.raw +
                fragment.raw + weir_be16_from((__u16)(WEIR_TUNNEL_TTL << 8 | protocol)).raw;
    sum = weir_sum32(weir_sum32(sum, backend->snat.word[3]), backend->addr.word[3]);
    ip->checksum.raw = (__u16)~weir_fold(sum);
    return 1;
}

/* RFC 2473 section 5.1; the flow label is the flow's own (RFC 6438). */
WEIR_INLINE int weir_encap_ipv6(const struct weir_packet* packet,
                                const struct weir_backend* backend, __u32 at, __u32 length,
                                __u8 next, void* data, void* end) {
    struct weir_ipv6* ip = (struct weir_ipv6*)weir_at(data, end, at, sizeof(*ip));

    if (!ip) return 0;
    ip->version_class = (__u8)(0x60 | packet->tos >> 4);
    ip->class_label = (__u8)(packet->tos << 4 | (packet->hash >> 4 & 0x0f));
    ip->label = weir_be16_from(weir_entropy(packet));
    ip->length = weir_be16_from((__u16)(length - sizeof(*ip)));
    ip->next = next;
    ip->hops = WEIR_TUNNEL_TTL;
    ip->src = backend->snat;
    ip->dst = backend->addr;
    return 1;
}

/*
 * Writes the outer headers in front of the packet, which starts packet->room further on than it
 * did. DSCP and ECN are the inner header's (RFC 6040 section 4.1, normal mode; RFC 2983, uniform).
 * Returns the frame's new Ethernet type, or 0 when the frame has shrunk since parse.
 */
WEIR_INLINE __u16 weir_encap(struct weir_env* env, const struct weir_packet* packet, void* data,
                             void* end) {
    const struct weir_backend* backend = weir_env_backend(env, packet->backend);
    if (!backend) return 0;
    const __u32 overhead = weir_overhead(backend);
    const __u32 inner = (__u32)(packet->room + packet->l3) & 0x7fu;
    const __u32 at = (inner - overhead) & 0x3fu;
    const __u32 length = packet->ip_length + overhead;
    const int v4 = weir_addr_is_v4(&backend->addr);
    __u8 protocol = packet->family == 4 ? WEIR_PROTO_IPIP : WEIR_PROTO_IPV6;

    if (backend->mode == WEIR_MODE_GUE) {
        const __u32 outer = v4 ? sizeof(struct weir_ipv4) : sizeof(struct weir_ipv6);
        protocol = WEIR_PROTO_UDP;
        if (!weir_encap_udp(packet, backend, at + outer, length - outer, inner, data, end))
            return 0;
    }
    if (v4)
        return weir_encap_ipv4(packet, backend, at, length, protocol, inner, data, end)
                   ? WEIR_ETH_IPV4
                   : 0;
    return weir_encap_ipv6(packet, backend, at, length, protocol, data, end) ? WEIR_ETH_IPV6 : 0;
}

#endif
