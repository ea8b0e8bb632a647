/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Stage 4, rewrite: the headers of a forwarded packet, from Ethernet to the ports. nat and
 * transparent: addresses and ports; weir is a router to these packets, so TTL and hop limit go down
 * by one and a loop ends. dsr: Ethernet only; ipip and gue: see encap.h.
 */
#ifndef WEIR_REWRITE_H
#define WEIR_REWRITE_H

#include "encap.h"
#include "mss.h"
#include "nat.h"
#include "translate.h"
#include "vlan.h"

WEIR_INLINE int weir_rewrite_ipv4(const struct weir_packet* packet, const struct weir_nat* nat,
                                  __u32 l3, void* data, void* end) {
    struct weir_ipv4* ip = (struct weir_ipv4*)weir_at(data, end, l3, sizeof(*ip));
    struct weir_be16 checksum;

    if (!ip) return 0;
    __u32 delta = weir_delta32(0, ip->src, nat->src.word[3]);
    delta = weir_delta32(delta, ip->dst, nat->dst.word[3]);
    if (!weir_rewrite_ports(packet, data, end, nat, delta, &checksum)) return 0;
    ip->src = nat->src.word[3];
    ip->dst = nat->dst.word[3];
    /* TTL is the upper half of its word. */
    ip->checksum = weir_checksum_update(
        ip->checksum, weir_delta16(delta, weir_be16_from(0x0100), weir_be16_from(0)));
    ip->ttl--;
    return 1;
}

WEIR_INLINE int weir_rewrite_ipv6(const struct weir_packet* packet, const struct weir_nat* nat,
                                  __u32 l3, void* data, void* end) {
    struct weir_ipv6* ip = (struct weir_ipv6*)weir_at(data, end, l3, sizeof(*ip));
    struct weir_be16 checksum;

    if (!ip) return 0;
    __u32 delta = weir_delta_addr(0, &packet->tuple.src, &nat->src);
    delta = weir_delta_addr(delta, &packet->tuple.dst, &nat->dst);
    if (!weir_rewrite_ports(packet, data, end, nat, delta, &checksum)) return 0;
    ip->src = nat->src;
    ip->dst = nat->dst;
    ip->hops--;
    return 1;
}

/* Returns the Ethernet type that the frame has then, or 0. */
WEIR_INLINE __u32 weir_rewrite_nat(struct weir_env* env, const struct weir_packet* packet, __u32 l3,
                                   void* data, void* end) {
    const struct weir_flow* flow = weir_env_flow(env, packet->flow);
    struct weir_nat nat;
    int done;

    if (!flow || !weir_nat_of(env, flow, packet->from_client, &nat)) return 0;
    const int v4 = weir_addr_is_v4(&nat.dst);
    if ((packet->family == 4) != v4)
        done = weir_translate(packet, &nat, l3, data, end);
    else if (v4)
        done = weir_rewrite_ipv4(packet, &nat, l3, data, end);
    else
        done = weir_rewrite_ipv6(packet, &nat, l3, data, end);
    if (!done) return 0;
    return v4 ? WEIR_ETH_IPV4 : WEIR_ETH_IPV6;
}

/* Rewrites the frame for its flow, its backend's mode and the next hop, its start moved by
 * packet->room. 0 only if the frame has shrunk since parse. */
WEIR_INLINE int weir_rewrite(struct weir_env* env, const struct weir_packet* packet, void* data,
                             void* end) {
    const struct weir_port* port =
        &weir_env_control(env)->ports[packet->out_port & (WEIR_PORT_CAPACITY - 1)];
    __u32 type = packet->family == 4 ? WEIR_ETH_IPV4 : WEIR_ETH_IPV6;

    if (packet->tcp_flags & WEIR_TCP_SYN) {
        const struct weir_backend* backend = weir_env_backend(env, packet->backend);
        if (backend && backend->mss != 0)
            weir_mss_clamp(backend->mss, weir_l4_of(packet), data, end);
    }
    if (packet->mode < WEIR_MODE_DSR)
        type = weir_rewrite_nat(env, packet, weir_l3_on(port) & WEIR_L3_MASK, data, end);
    else if (packet->mode > WEIR_MODE_DSR)
        type = weir_encap(env, packet, data, end);
    return type != 0 && weir_write_link(packet, port, type, data, end);
}

#endif
