/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Between IPv4 and IPv6 (RFC 7915): a client of one family, a backend of the other. The addresses
 * are those of the flow, as everywhere in nat mode; this is about the headers. Options and
 * extension headers end here (sections 4.1 and 5.1), ports and payload stay where they are, and the
 * frame's start moves: weir_room says by how much, weir_translate writes.
 */
#ifndef WEIR_TRANSLATE_H
#define WEIR_TRANSLATE_H

#include "nat.h"
#include "packet.h"
#include "vlan.h"

WEIR_INLINE int weir_crosses(const struct weir_packet* packet, const struct weir_addr* to) {
    return (packet->family == 4) != weir_addr_is_v4(to);
}

/* 0 for UDP without a checksum that is to cross: section 4.5 lets a translator drop it. */
WEIR_INLINE int weir_translatable(const struct weir_packet* packet, const struct weir_addr* to,
                                  void* data, void* end) {
    if (packet->tuple.protocol != WEIR_PROTO_UDP || !weir_crosses(packet, to)) return 1;
    const struct weir_udp* udp =
        (const struct weir_udp*)weir_at(data, end, packet->l4 & WEIR_L4_MASK, sizeof(*udp));
    return udp && udp->checksum.raw != 0;
}

/* By how much the headers grow on the way to this address by packet->out_port. */
WEIR_INLINE __s16 weir_room(struct weir_env* env, const struct weir_packet* packet,
                            const struct weir_addr* to) {
    const struct weir_port* port =
        &weir_env_control(env)->ports[packet->out_port & (WEIR_PORT_CAPACITY - 1)];
    const int tags = ((int)port->tags - (int)packet->tags) * (int)sizeof(struct weir_tag);

    if (!weir_crosses(packet, to)) return (__s16)tags;
    const int header =
        packet->family == 4 ? (int)sizeof(struct weir_ipv6) : (int)sizeof(struct weir_ipv4);
    return (__s16)(tags + header - ((int)packet->l4 - (int)packet->l3));
}

/* Section 5.1. The identification, which a small packet needs, is what differs from one packet of a
 * flow to the next without a counter: its transport checksum. */
WEIR_INLINE void weir_write_ipv4(struct weir_ipv4* ip, const struct weir_packet* packet,
                                 const struct weir_nat* nat, struct weir_be16 id) {
    const __u32 length = sizeof(*ip) + packet->ip_length - ((__u32)packet->l4 - packet->l3);
    const int small = length <= WEIR_IPV6_LEAST_AS_IPV4;

    ip->version_ihl = 0x45;
    ip->tos = packet->tos;
    ip->length = weir_be16_from((__u16)length);
    ip->id.raw = small ? id.raw : 0;
    ip->fragment = weir_be16_from(small ? 0 : WEIR_IPV4_DONT_FRAGMENT);
    ip->ttl = (__u8)(packet->ttl - 1);
    ip->protocol = (__u8)packet->tuple.protocol;
    ip->src = nat->src.word[3];
    ip->dst = nat->dst.word[3];
    __u32 sum = (__u32)weir_be16_from((__u16)(0x4500u | packet->tos)).raw + ip->length.raw +
                ip->id.raw + ip->fragment.raw +
                weir_be16_from((__u16)((__u32)ip->ttl << 8 | ip->protocol)).raw;
    sum = weir_delta32(sum, weir_be32_from(0xffffffff), ip->src);
    sum = weir_delta32(sum, weir_be32_from(0xffffffff), ip->dst);
    ip->checksum = weir_checksum_update(weir_be16_from(0xffff), sum);
}

/* Section 4.1. */
WEIR_INLINE void weir_write_ipv6(struct weir_ipv6* ip, const struct weir_packet* packet,
                                 const struct weir_nat* nat) {
    ip->version_class = (__u8)(0x60 | packet->tos >> 4);
    ip->class_label = (__u8)(packet->tos << 4);
    ip->label = weir_be16_from(0);
    ip->length = weir_be16_from((__u16)(packet->ip_length - (packet->l4 - packet->l3)));
    ip->next = (__u8)packet->tuple.protocol;
    ip->hops = (__u8)(packet->ttl - 1);
    ip->src = nat->src;
    ip->dst = nat->dst;
}

/*
 * Writes the other family's header in front of ports and payload. 0: the frame is too short. The
 * words that mark an address as IPv4 are on no wire, but add up to zero in a checksum.
 */
WEIR_INLINE int weir_translate(const struct weir_packet* packet, const struct weir_nat* nat,
                               __u32 l3, void* data, void* end) {
    struct weir_be16 checksum = {0};
    __u32 delta = weir_delta_addr(0, &packet->tuple.src, &nat->src);

    delta = weir_delta_addr(delta, &packet->tuple.dst, &nat->dst);
    if (!weir_rewrite_ports(packet, data, end, nat, delta, &checksum)) return 0;
    if (packet->family == 4) {
        struct weir_ipv6* ip = (struct weir_ipv6*)weir_at(data, end, l3, sizeof(*ip));
        if (!ip) return 0;
        weir_write_ipv6(ip, packet, nat);
    } else {
        struct weir_ipv4* ip = (struct weir_ipv4*)weir_at(data, end, l3, sizeof(*ip));
        if (!ip) return 0;
        weir_write_ipv4(ip, packet, nat, checksum);
    }
    return 1;
}

#endif
