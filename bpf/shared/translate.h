/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Between IPv4 and IPv6 (RFC 7915): a client of one family, a backend of the other. The addresses
 * are those of the flow, as everywhere in nat mode; this is about the headers. Options and
 * extension headers end here (sections 4.1 and 5.1), ports and payload stay where they are, and the
 * frame's start moves: weir_room says by how much, weir_translate writes. icmp_translate.h has ICMP
 * errors.
 */
#ifndef WEIR_TRANSLATE_H
#define WEIR_TRANSLATE_H

#include "header.h"
#include "nat.h"
#include "packet.h"
#include "vlan.h"

WEIR_INLINE int weir_crosses(const struct weir_packet* packet, const struct weir_addr* to) {
    return (packet->family == 4) != weir_addr_is_v4(to);
}

WEIR_INLINE int weir_is_fragment(const struct weir_packet* packet) {
    return packet->kind == WEIR_KIND_FRAGMENT || packet->kind == WEIR_KIND_FIRST_FRAGMENT;
}

/* 0 for UDP without a checksum that is to cross: section 4.5 lets a translator drop it. */
WEIR_INLINE int weir_translatable(const struct weir_packet* packet, const struct weir_addr* to,
                                  void* data, void* end) {
    if (packet->tuple.protocol != WEIR_PROTO_UDP || packet->kind == WEIR_KIND_FRAGMENT ||
        !weir_crosses(packet, to))
        return 1;
    const struct weir_udp* udp =
        (const struct weir_udp*)weir_at(data, end, packet->l4 & WEIR_L4_MASK, sizeof(*udp));
    return udp && udp->checksum.raw != 0;
}

/* By how much the IP packet grows on the way to this address, without a tunnel. */
WEIR_INLINE __s32 weir_growth(const struct weir_packet* packet, const struct weir_addr* to) {
    const int v4 = packet->family == 4;
    const __s32 header = v4 ? (__s32)sizeof(struct weir_ipv6) : (__s32)sizeof(struct weir_ipv4);

    if (!weir_crosses(packet, to)) return 0;
    __s32 growth = header - ((__s32)packet->l4 - (__s32)packet->l3);
    if (v4 && weir_is_fragment(packet)) growth += (__s32)sizeof(struct weir_extension);
    if (packet->kind == WEIR_KIND_ICMP_ERROR)
        growth += header -
                  ((__s32)packet->quoted_l4 - (__s32)packet->l4 - (__s32)sizeof(struct weir_icmp));
    return growth;
}

/* By how much the frame grows in front on the way to this address by packet->out_port. */
WEIR_INLINE __s16 weir_room(struct weir_env* env, const struct weir_packet* packet,
                            const struct weir_addr* to) {
    const struct weir_port* port =
        &weir_env_control(env)->ports[packet->out_port & (WEIR_PORT_CAPACITY - 1)];

    return (__s16)((__s32)weir_l3_on(port) - (__s32)packet->l3 + weir_growth(packet, to));
}

/* Section 5.1. The identification, which a small packet needs, is what differs from one packet of a
 * flow to the next without a counter: its checksum. A fragment has one (section 5.1.1). */
WEIR_INLINE void weir_ipv6_to_ipv4(struct weir_ipv4* ip, const struct weir_packet* packet,
                                   const struct weir_nat* nat, __u8 protocol, __u32 length,
                                   struct weir_be16 checksum) {
    struct weir_be16 id = {0};
    __u16 fragment = WEIR_IPV4_DONT_FRAGMENT;

    if (weir_is_fragment(packet)) {
        id = weir_be16_from((__u16)packet->fragment_id);
        fragment = packet->fragment;
    } else if (length <= WEIR_IPV6_LEAST_AS_IPV4) {
        id = checksum;
        fragment = 0;
    }
    weir_write_ipv4(ip, &nat->src, &nat->dst, packet->tos, (__u8)(packet->ttl - 1), protocol,
                    (__u16)length, id, fragment);
}

/* Section 4.1: behind a fragment's header comes one that says so. */
WEIR_INLINE int weir_ipv4_to_ipv6(const struct weir_packet* packet, const struct weir_nat* nat,
                                  __u32 l3, __u32 length, void* data, void* end) {
    struct weir_ipv6* ip = (struct weir_ipv6*)weir_at(data, end, l3, sizeof(*ip));
    __u8 next = (__u8)packet->tuple.protocol;

    if (!ip) return 0;
    if (weir_is_fragment(packet)) {
        struct weir_extension* extension =
            (struct weir_extension*)weir_at(data, end, l3 + (__u32)sizeof(*ip), sizeof(*extension));
        if (!extension) return 0;
        const int more = (packet->fragment & WEIR_IPV4_MORE_FRAGMENTS) != 0;
        extension->next = next;
        extension->length = 0;
        extension->fragment = weir_be16_from(
            (__u16)((__u32)packet->fragment << 3 | (more ? WEIR_IPV6_MORE_FRAGMENTS : 0u)));
        extension->id = weir_be32_from(packet->fragment_id);
        length += (__u32)sizeof(*extension);
        next = WEIR_EXTENSION_FRAGMENT;
    }
    weir_write_ipv6(ip, &nat->src, &nat->dst, packet->tos, (__u8)(packet->ttl - 1), next,
                    (__u16)length);
    return 1;
}

/*
 * Writes the other family's header in front of ports and payload. 0: the frame is too short. The
 * words that mark an address as IPv4 are on no wire, but add up to zero in a checksum.
 */
WEIR_INLINE int weir_translate(const struct weir_packet* packet, const struct weir_nat* nat,
                               __u32 l3, void* data, void* end) {
    const __u32 length = packet->ip_length - ((__u32)packet->l4 - packet->l3);
    struct weir_be16 checksum = {0};

    if (packet->kind != WEIR_KIND_FRAGMENT) {
        __u32 delta = weir_delta_addr(0, &packet->tuple.src, &nat->src);
        delta = weir_delta_addr(delta, &packet->tuple.dst, &nat->dst);
        if (!weir_rewrite_ports(packet, data, end, nat, delta, &checksum)) return 0;
    }
    if (packet->family == 4) return weir_ipv4_to_ipv6(packet, nat, l3, length, data, end);
    struct weir_ipv4* ip = (struct weir_ipv4*)weir_at(data, end, l3, sizeof(*ip));
    if (!ip) return 0;
    weir_ipv6_to_ipv4(ip, packet, nat, (__u8)packet->tuple.protocol, (__u32)sizeof(*ip) + length,
                      checksum);
    return 1;
}

#endif
