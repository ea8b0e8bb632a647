/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Stage 1, parse: from a frame to a weir_packet, or to the reason why not. Reads headers only;
 * every read is checked against the frame's end, which is also what the kernel's verifier demands.
 * This is Ethernet and its tags; ipv4.h and ipv6.h go on from there.
 */
#ifndef WEIR_PARSE_H
#define WEIR_PARSE_H

#include "ipv4.h"
#include "ipv6.h"
#include "tables.h"

WEIR_INLINE int weir_is_tag(__u32 type) {
    return type == WEIR_ETH_VLAN || type == WEIR_ETH_QINQ;
}

/* Steps over up to WEIR_TAGS tags; returns the type that follows, 0 when the frame ends before. */
WEIR_INLINE __u32 weir_parse_tags(struct weir_packet* packet, void* data, void* end, __u32 type) {
    for (__u32 i = 0; i < WEIR_TAGS; i++) {
        if (!weir_is_tag(type)) break;
        /* A tag's tci, and the next one's tpid, or the type. */
        const struct weir_be16* rest =
            (const struct weir_be16*)weir_at(data, end, WEIR_L3 + i * 4, 4);
        if (!rest) return 0;
        if (i == 0) packet->priority = (__u8)((weir_be16_to(rest[0]) >> 8) & 0xf0);
        type = weir_be16_to(rest[1]);
        packet->tags = (__u8)(i + 1);
        packet->l3 = (__u16)(WEIR_L3 + (i + 1) * 4);
    }
    return type;
}

/*
 * Parses the frame [data, end), whose whole length is `length` bytes (more than end - data when the
 * rest lies in further segments). WEIR_REASON_NONE: the tuple and all that is said of the headers
 * are set.
 */
WEIR_INLINE enum weir_reason weir_parse(struct weir_packet* packet, void* data, void* end,
                                        __u32 length, __u8 in_port) {
    const struct weir_eth* eth = (const struct weir_eth*)weir_at(data, end, 0, sizeof(*eth));

    packet->length = length;
    packet->in_port = in_port;
    packet->out_port = 0;
    packet->from_client = 0;
    packet->flow = 0;
    packet->hash = 0;
    packet->l3 = WEIR_L3;
    packet->room = 0;
    packet->kind = WEIR_KIND_PLAIN;
    packet->tags = 0;
    packet->priority = 0;
    packet->fragment_id = 0;
    packet->trim = 0;
    packet->mtu = 0;
    packet->named = WEIR_NO_BACKEND;
    packet->backend = 0;
    packet->mode = 0;
    packet->dont_fragment = 0;
    if (!eth) return WEIR_REASON_TRUNCATED;
    __u32 type = weir_be16_to(eth->type);
    if (weir_is_tag(type)) {
        type = weir_parse_tags(packet, data, end, type);
        if (type == 0) return WEIR_REASON_TRUNCATED;
        if (weir_is_tag(type)) return WEIR_REASON_VLAN;
    }
    if (type == WEIR_ETH_IPV4) return weir_parse_ipv4(packet, data, end);
    return type == WEIR_ETH_IPV6 ? weir_parse_ipv6(packet, data, end) : WEIR_REASON_NOT_IP;
}

#endif
