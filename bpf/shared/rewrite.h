/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Stage 4, rewrite: the headers of a forwarded packet. nat: RFC 3022 section 2.2, both ends;
 * transparent: the same, the client's end left as it is; dsr: Ethernet's addresses only; ipip and
 * gue: see encap.h.
 * Checksums are updated, never recomputed, so that a packet damaged before weir stays recognizably
 * damaged.
 */
#ifndef WEIR_REWRITE_H
#define WEIR_REWRITE_H

#include "answer_rewrite.h"
#include "checksum.h"
#include "encap.h"
#include "env.h"
#include "icmp_rewrite.h"
#include "mss.h"
#include "nat.h"
#include "packet.h"

WEIR_INLINE int weir_rewrite_ports(const struct weir_packet* packet, void* data, void* end,
                                   const struct weir_nat* nat, __u32 delta) {
    if (packet->tuple.protocol == WEIR_PROTO_TCP) {
        struct weir_tcp* tcp =
            (struct weir_tcp*)weir_at(data, end, packet->l4 & WEIR_L4_MASK, sizeof(*tcp));
        if (!tcp) return 0;
        delta = weir_delta16(delta, tcp->sport, nat->sport);
        delta = weir_delta16(delta, tcp->dport, nat->dport);
        tcp->sport = nat->sport;
        tcp->dport = nat->dport;
        tcp->checksum = weir_checksum_update(tcp->checksum, delta);
        return 1;
    }
    struct weir_udp* udp =
        (struct weir_udp*)weir_at(data, end, packet->l4 & WEIR_L4_MASK, sizeof(*udp));
    if (!udp) return 0;
    delta = weir_delta16(delta, udp->sport, nat->sport);
    delta = weir_delta16(delta, udp->dport, nat->dport);
    udp->sport = nat->sport;
    udp->dport = nat->dport;
    if (udp->checksum.raw != 0) { /* RFC 768: 0 means none, and stays none */
        udp->checksum = weir_checksum_update(udp->checksum, delta);
        if (udp->checksum.raw == 0) udp->checksum.raw = 0xffff;
    }
    return 1;
}

/* The frame's addresses: from this port to the next hop. */
WEIR_INLINE void weir_rewrite_eth(struct weir_env* env, const struct weir_packet* packet,
                                  struct weir_eth* eth) {
    eth->dst = packet->next_hop;
    eth->src = weir_env_control(env)->ports[packet->out_port & (WEIR_PORT_CAPACITY - 1)].mac;
}

WEIR_INLINE int weir_rewrite_nat(struct weir_env* env, const struct weir_packet* packet, void* data,
                                 void* end) {
    const struct weir_flow* flow = weir_env_flow(env, packet->flow);
    struct weir_ipv4* ip = (struct weir_ipv4*)weir_at(data, end, WEIR_L3, sizeof(*ip));

    struct weir_nat nat;

    if (!flow || !ip || !weir_nat_of(env, flow, packet->from_client, &nat)) return 0;
    if (packet->kind == WEIR_KIND_ICMP_ERROR) return weir_rewrite_error(packet, data, end, &nat);
    __u32 delta = weir_delta32(0, ip->src, nat.src);
    delta = weir_delta32(delta, ip->dst, nat.dst);
    if (packet->kind != WEIR_KIND_FRAGMENT && !weir_rewrite_ports(packet, data, end, &nat, delta))
        return 0;
    ip->src = nat.src;
    ip->dst = nat.dst;
    ip->checksum = weir_checksum_update(ip->checksum, delta);
    return 1;
}

/* The packet of a flow, for its backend's mode. */
WEIR_INLINE int weir_rewrite_flow(struct weir_env* env, const struct weir_packet* packet,
                                  void* data, void* end) {
    if (packet->tcp_flags & WEIR_TCP_SYN) {
        const struct weir_backend* backend = weir_env_backend(env, packet->backend);
        if (backend && backend->mss != 0)
            weir_mss_clamp(backend->mss, (__u32)(packet->room + packet->l4) & 0xffu, data, end);
    }
    switch (packet->mode) {
        case WEIR_MODE_NAT:
        case WEIR_MODE_TRANSPARENT:
            return weir_rewrite_nat(env, packet, data, end);
        case WEIR_MODE_IPIP:
        case WEIR_MODE_GUE: {
            const __u16 type = weir_encap(env, packet, data, end);
            struct weir_eth* eth = (struct weir_eth*)weir_at(data, end, 0, sizeof(*eth));
            if (type == 0 || !eth) return 0;
            eth->type = weir_be16_from(type);
            return 1;
        }
        default:
            return 1;
    }
}

/* Rewrites the frame for its flow, its backend's mode and the next hop. 0 only if the frame has
 * shrunk since parse. */
WEIR_STAGE int weir_rewrite(struct weir_env* env, const struct weir_packet* packet, void* data,
                            void* end) {
    const int done = packet->kind >= WEIR_KIND_RESET ? weir_rewrite_answer(packet, data, end)
                                                     : weir_rewrite_flow(env, packet, data, end);
    struct weir_eth* eth = (struct weir_eth*)weir_at(data, end, 0, sizeof(*eth));

    if (!done || !eth) return 0;
    weir_rewrite_eth(env, packet, eth);
    return 1;
}

#endif
