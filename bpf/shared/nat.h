/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a packet's flow makes of its addresses and ports (RFC 3022 section 2.2, both ends), and the
 * ports themselves. rewrite.h and translate.h call it. Checksums are updated, never recomputed, so
 * that a packet damaged before weir stays recognizably damaged.
 */
#ifndef WEIR_NAT_H
#define WEIR_NAT_H

#include "checksum.h"
#include "env.h"
#include "packet.h"
#include "reference.h"

/* What the packet shall carry when it leaves. */
struct weir_nat {
    struct weir_addr src;
    struct weir_addr dst;
    struct weir_be16 sport;
    struct weir_be16 dport;
};

/* 0 when the flow's backend or source address is not in the tables. */
WEIR_INLINE int weir_nat_of(struct weir_env* env, const struct weir_flow* flow, int from_client,
                            struct weir_nat* nat) {
    if (!from_client) {
        nat->src = flow->service;
        nat->dst = flow->client;
        nat->sport = flow->service_port;
        nat->dport = flow->client_port;
        return 1;
    }
    const struct weir_tuple reply = weir_reply_of(env, flow);
    nat->src = reply.dst;
    nat->dst = reply.src;
    nat->sport = reply.dport;
    nat->dport = reply.sport;
    return reply.protocol != 0;
}

/* One hop less, and the header's checksum with it; `delta` is what else has changed. */
WEIR_INLINE void weir_ttl_down(struct weir_ipv4* ip, __u32 delta) {
    /* TTL is the upper half of its word. */
    ip->checksum = weir_checksum_update(
        ip->checksum, weir_delta16(delta, weir_be16_from(0x0100), weir_be16_from(0)));
    ip->ttl--;
}

/* Where TCP, UDP or ICMP starts once the frame's start has been moved. */
WEIR_INLINE __u32 weir_l4_of(const struct weir_packet* packet) {
    return (__u32)((int)packet->l4 + packet->room) & WEIR_L4_MASK;
}

/* `delta` is what the addresses add to the checksum, which is returned as it leaves. */
WEIR_INLINE int weir_rewrite_ports(const struct weir_packet* packet, void* data, void* end,
                                   const struct weir_nat* nat, __u32 delta,
                                   struct weir_be16* checksum) {
    if (packet->tuple.protocol == WEIR_PROTO_TCP) {
        struct weir_tcp* tcp =
            (struct weir_tcp*)weir_at(data, end, weir_l4_of(packet), sizeof(*tcp));
        if (!tcp) return 0;
        delta = weir_delta16(delta, tcp->sport, nat->sport);
        delta = weir_delta16(delta, tcp->dport, nat->dport);
        tcp->sport = nat->sport;
        tcp->dport = nat->dport;
        tcp->checksum = weir_checksum_update(tcp->checksum, delta);
        *checksum = tcp->checksum;
        return 1;
    }
    struct weir_udp* udp = (struct weir_udp*)weir_at(data, end, weir_l4_of(packet), sizeof(*udp));
    if (!udp) return 0;
    delta = weir_delta16(delta, udp->sport, nat->sport);
    delta = weir_delta16(delta, udp->dport, nat->dport);
    udp->sport = nat->sport;
    udp->dport = nat->dport;
    if (udp->checksum.raw != 0) { /* RFC 768: 0 means none, and stays none */
        udp->checksum = weir_checksum_update(udp->checksum, delta);
        if (udp->checksum.raw == 0) udp->checksum.raw = 0xffff;
    }
    *checksum = udp->checksum;
    return 1;
}

#endif
