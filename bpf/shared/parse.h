/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Stage 1, parse: from a frame to a weir_packet, or to the reason why not. Reads headers only;
 * every read is checked against the frame's end, which is also what the kernel's verifier demands.
 * This is Ethernet; ipv4.h goes on from there.
 */
#ifndef WEIR_PARSE_H
#define WEIR_PARSE_H

#include "ipv4.h"
#include "tables.h"

/*
 * Parses the frame [data, end), whose whole length is `length` bytes (more than end - data when the
 * rest lies in further segments). WEIR_REASON_NONE: the tuple, l4 and tcp_flags are set.
 */
WEIR_STAGE enum weir_reason weir_parse(struct weir_packet* packet, void* data, void* end,
                                       __u32 length, __u8 in_port) {
    const struct weir_eth* eth = (const struct weir_eth*)weir_at(data, end, 0, sizeof(*eth));

    packet->length = length;
    packet->in_port = in_port;
    packet->out_port = 0;
    packet->from_client = 0;
    packet->flow = 0;
    packet->hash = 0;
    packet->fragment_id = 0;
    packet->trim = 0;
    packet->mtu = 0;
    packet->named = WEIR_NO_BACKEND;
    packet->backend = 0;
    packet->mode = 0;
    packet->dont_fragment = 0;
    packet->l3 = WEIR_L3;
    packet->room = 0;
    packet->kind = WEIR_KIND_PLAIN;
    packet->tags = 0;
    packet->priority = 0;
    if (!eth) return WEIR_REASON_TRUNCATED;
    switch (weir_be16_to(eth->type)) {
        case WEIR_ETH_IPV4:
            return weir_parse_ipv4(packet, data, end);
        case WEIR_ETH_IPV6:
            return WEIR_REASON_IPV6;
        case WEIR_ETH_VLAN:
        case WEIR_ETH_QINQ:
            return WEIR_REASON_VLAN;
        default:
            return WEIR_REASON_NOT_IP;
    }
}

#endif
