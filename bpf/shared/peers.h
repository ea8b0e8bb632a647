/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ICMP errors between balancers (`icmp_peers`). Behind equal-cost paths an error about a packet of
 * one balancer's flow may arrive at another, since it comes from a router, not from the client. One
 * that knows no such flow sends it on in UDP, and whoever gets it takes it as if it came from the
 * wire.
 *
 *   A gets an error   A -> B   "the first of my peers: is it yours?"
 *   B has no flow     B -> A   "not mine"
 *   A                 A -> C   "the second of my peers: is it yours?"
 *   ...               the last one's "not mine" ends it: icmp_no_peer
 *
 * So there is one copy at a time, made without cloning, and the lists need no common order. The UDP
 * source port carries where in the sender's list that is, and whether it comes back; the number
 * only grows, so nothing goes round. The IP packet follows the UDP header, as in gue.
 *
 * Control writes the peers as the backends of a stateless service at this port of each address of
 * its own, and once more at address zero, where the packet program looks for them. Engines call
 * weir_unwrap between parse and hash; weir_decide calls weir_to_peer.
 */
#ifndef WEIR_PEERS_H
#define WEIR_PEERS_H

#include "balance.h"
#include "ipv4.h"
#include "ipv6.h"
#include "service.h"

#define WEIR_PEER_PORTS 0xc000u /* source ports from here on: mark */
#define WEIR_PEER_BACK 0x0100u  /* mark: it comes back; below that, the place in the list */
#define WEIR_PEER_PLACE 0x00ffu

#define WEIR_NO_PEER 0xffffffffu   /* there are none */
#define WEIR_LAST_PEER 0xfffffffeu /* all have been asked */

WEIR_INLINE int weir_is_wrapped(const struct weir_packet* packet) {
    return packet->tuple.dport.raw == weir_be16_from(WEIR_PEER_PORT).raw &&
           packet->tuple.protocol == WEIR_PROTO_UDP && packet->kind == WEIR_KIND_PLAIN;
}

/* The place of a balancer with this address among the service's, or WEIR_NO_PEER. */
WEIR_SUBPROGRAM __u32 weir_peer_of(struct weir_env* env, const struct weir_tuple* tuple) {
    if (!env || !tuple) return WEIR_NO_PEER;
    const struct weir_service* service = weir_service_find(env, tuple);
    if (!service) return WEIR_NO_PEER;
    for (__u32 i = 0; i < WEIR_PEER_LIST; i++) {
        if (i >= service->turn_count) break;
        const struct weir_backend* backend =
            weir_env_backend(env, weir_slot(env, service->turn_base + i));
        if (backend && weir_addr_equal(&backend->addr, &tuple->src)) return i;
    }
    return WEIR_NO_PEER;
}

/*
 * What weir_is_wrapped: NONE, and the packet is the error inside, its headers deeper in the frame;
 * or it is no peer's packet, as it was; or the reason why it is neither.
 */
WEIR_INLINE enum weir_reason weir_unwrap(struct weir_env* env, struct weir_packet* packet,
                                         void* data, void* end) {
    const struct weir_service* service = weir_service_find(env, &packet->tuple);
    const __u32 mark = weir_be16_to(packet->tuple.sport) & ~WEIR_PEER_PORTS;
    const __u32 l3 = packet->l4 + (__u32)sizeof(struct weir_udp);

    if (!service || !(service->flags & WEIR_SERVICE_PEERS)) return WEIR_REASON_NONE;
    const __u32 place = weir_peer_of(env, &packet->tuple);
    if (place == WEIR_NO_PEER || l3 > WEIR_L3_MASK) return WEIR_REASON_PEER_STRAY;
    const __u8* version = (const __u8*)weir_at(data, end, l3, 1);
    if (!version) return WEIR_REASON_PEER_STRAY;
    packet->l3 = (__u16)l3;
    const enum weir_reason reason = *version >> 4 == 4 ? weir_parse_ipv4(packet, data, end)
                                                       : weir_parse_ipv6(packet, data, end);
    if (reason != WEIR_REASON_NONE || packet->kind != WEIR_KIND_ICMP_ERROR)
        return WEIR_REASON_PEER_STRAY;
    packet->peer = place << 16 | mark;
    return WEIR_REASON_NONE;
}

/* Whom to send an error of no flow here, and how it is marked: mark << 16 | backend id. */
WEIR_SUBPROGRAM __u32 weir_peer_next(struct weir_env* env, const struct weir_packet* packet) {
    struct weir_tuple zero = {};
    __u32 place = 0;
    __u32 mark = 0;

    if (!env || !packet) return WEIR_NO_PEER;
    zero.dport = weir_be16_from(WEIR_PEER_PORT);
    zero.protocol = WEIR_PROTO_UDP;
    const struct weir_service* service = weir_service_at(env, &zero, zero.dport);
    if (!service || !(service->flags & WEIR_SERVICE_PEERS)) return WEIR_NO_PEER;
    if (packet->peer == WEIR_NO_BACKEND) {
        if (service->turn_count == 0) return WEIR_NO_PEER;
    } else if (packet->peer & WEIR_PEER_BACK) {
        mark = place = (packet->peer & WEIR_PEER_PLACE) + 1;
    } else {
        place = packet->peer >> 16;
        mark = WEIR_PEER_BACK | (packet->peer & WEIR_PEER_PLACE);
    }
    if (place >= WEIR_PEER_LIST || place >= service->turn_count) return WEIR_LAST_PEER;
    return mark << 16 | weir_slot(env, service->turn_base + place);
}

#endif
