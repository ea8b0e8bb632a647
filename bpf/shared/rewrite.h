/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Stage 4, rewrite: the headers of a forwarded packet, from Ethernet to the ports, by the backend's
 * mode. weir is a router to packets that it rewrites: TTL and hop limit go down by one, so that a
 * loop ends. In dsr, and inside a tunnel, the packet stays as it is.
 */
#ifndef WEIR_REWRITE_H
#define WEIR_REWRITE_H

#include "answer_rewrite.h"
#include "encap.h"
#include "icmp_translate.h"
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
    if (packet->kind != WEIR_KIND_FRAGMENT &&
        !weir_rewrite_ports(packet, data, end, nat, delta, &checksum))
        return 0;
    ip->src = nat->src.word[3];
    ip->dst = nat->dst.word[3];
    weir_ttl_down(ip, delta);
    return 1;
}

WEIR_INLINE int weir_rewrite_ipv6(const struct weir_packet* packet, const struct weir_nat* nat,
                                  __u32 l3, void* data, void* end) {
    struct weir_ipv6* ip = (struct weir_ipv6*)weir_at(data, end, l3, sizeof(*ip));
    struct weir_be16 checksum;

    if (!ip) return 0;
    __u32 delta = weir_delta_addr(0, &packet->tuple.src, &nat->src);
    delta = weir_delta_addr(delta, &packet->tuple.dst, &nat->dst);
    if (packet->kind != WEIR_KIND_FRAGMENT &&
        !weir_rewrite_ports(packet, data, end, nat, delta, &checksum))
        return 0;
    ip->src = nat->src;
    ip->dst = nat->dst;
    ip->hops--;
    return 1;
}

/* nat and transparent. Returns the Ethernet type, 0: the frame has shrunk. */
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

/* The packet of a flow, for its backend's mode. Returns as weir_rewrite_nat. */
WEIR_INLINE __u32 weir_rewrite_flow(struct weir_env* env, const struct weir_packet* packet,
                                    __u32 l3, void* data, void* end) {
    if (packet->tcp_flags & WEIR_TCP_SYN) {
        const struct weir_backend* backend = weir_env_backend(env, packet->backend);
        if (backend && backend->mss != 0)
            weir_mss_clamp(backend->mss, weir_l4_of(packet), data, end);
    }
    if (packet->mode < WEIR_MODE_DSR) return weir_rewrite_nat(env, packet, l3, data, end);
    if (packet->mode > WEIR_MODE_DSR) return weir_encap(env, packet, data, end);
    return packet->family == 4 ? WEIR_ETH_IPV4 : WEIR_ETH_IPV6;
}

/* How a packet is rewritten: a function for each, which the BPF verifier walks by itself. */
enum weir_way {
    WEIR_WAY_FLOW = 0,
    WEIR_WAY_ERROR = 1, /* what it quotes too */
    WEIR_WAY_ANSWER = 2,
};

WEIR_INLINE enum weir_way weir_way_of(const struct weir_packet* packet) {
    if (packet->kind >= WEIR_KIND_RESET) return WEIR_WAY_ANSWER;
    return packet->kind == WEIR_KIND_ICMP_ERROR && packet->mode < WEIR_MODE_DSR ? WEIR_WAY_ERROR
                                                                                : WEIR_WAY_FLOW;
}

/* Rewrites the frame in this way, its start moved by packet->room, and for the next hop. 0 only if
 * the frame has shrunk since parse. */
WEIR_INLINE int weir_rewrite_by(struct weir_env* env, const struct weir_packet* packet, void* data,
                                void* end, enum weir_way way) {
    const struct weir_port* port =
        &weir_env_control(env)->ports[packet->out_port & (WEIR_PORT_CAPACITY - 1)];
    const __u32 l3 = weir_l3_on(port) & WEIR_L3_MASK;
    __u32 type;

    if (way == WEIR_WAY_FLOW)
        type = weir_rewrite_flow(env, packet, l3, data, end);
    else if (way == WEIR_WAY_ERROR)
        type = weir_rewrite_error(env, packet, l3, data, end);
    else
        type = weir_rewrite_answer(packet, l3, data, end);
    return type != 0 && weir_write_link(packet, port, type, data, end);
}

/* The same, in the packet's own way. */
WEIR_INLINE int weir_rewrite(struct weir_env* env, const struct weir_packet* packet, void* data,
                             void* end) {
    const enum weir_way way = weir_way_of(packet);

    if (way == WEIR_WAY_FLOW) return weir_rewrite_by(env, packet, data, end, WEIR_WAY_FLOW);
    if (way == WEIR_WAY_ERROR) return weir_rewrite_by(env, packet, data, end, WEIR_WAY_ERROR);
    return weir_rewrite_by(env, packet, data, end, WEIR_WAY_ANSWER);
}

#endif
