/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The rewrite stage of an answer (answer.h): the frame of the packet that asked for it becomes the
 * answer, from the address that the packet was sent to. Checksums are computed here, since nothing
 * of weir's own has one yet. Ethernet and its tags are the caller's business.
 */
#ifndef WEIR_ANSWER_REWRITE_H
#define WEIR_ANSWER_REWRITE_H

#include "answer.h"
#include "answer_message.h"
#include "checksum.h"
#include "header.h"
#include "packet.h"
#include "wire.h"

/* RFC 9293 section 3.10.7.1: what has no ACK is acknowledged, what has one says where to reset. */
WEIR_INLINE struct weir_tcp weir_reset_of(const struct weir_tcp* old, __u32 payload) {
    struct weir_tcp reset = {};

    reset.sport = old->dport;
    reset.dport = old->sport;
    reset.offset = 5 << 4;
    if (old->flags & WEIR_TCP_ACK) {
        reset.seq = old->ack;
        reset.flags = WEIR_TCP_RST;
        return reset;
    }
    const __u32 length =
        payload + ((old->flags & WEIR_TCP_SYN) ? 1u : 0u) + ((old->flags & WEIR_TCP_FIN) ? 1u : 0u);
    reset.ack = weir_be32_from(weir_be32_to(old->seq) + length);
    reset.flags = WEIR_TCP_RST | WEIR_TCP_ACK;
    return reset;
}

/* The sum of a TCP header without options, its checksum 0, and of its pseudo-header's numbers. */
WEIR_INLINE __u32 weir_reset_sum(const struct weir_tcp* tcp) {
    const struct weir_be16 protocol = weir_be16_from(WEIR_PROTO_TCP);
    const struct weir_be16 length = weir_be16_from(sizeof(*tcp));
    const struct weir_be16 flags = weir_be16_from((__u16)(tcp->offset << 8 | tcp->flags));
    const __u32 sum =
        (__u32)protocol.raw + length.raw + flags.raw + tcp->sport.raw + tcp->dport.raw;

    return weir_sum32(weir_sum32(sum, tcp->seq), tcp->ack);
}

WEIR_INLINE int weir_rewrite_reset(const struct weir_packet* packet, __u32 l3, void* data,
                                   void* end) {
    const struct weir_addr* src = &packet->tuple.dst;
    const struct weir_addr* dst = &packet->tuple.src;
    const __u32 header = packet->family == 4 ? sizeof(struct weir_ipv4) : sizeof(struct weir_ipv6);
    const struct weir_tcp* old =
        (const struct weir_tcp*)weir_at(data, end, weir_l4_of(packet), sizeof(*old));
    struct weir_tcp* tcp = (struct weir_tcp*)weir_at(data, end, l3 + header, sizeof(*tcp));

    if (!old || !tcp) return 0;
    const __u32 headers = packet->l4 - packet->l3 + (__u32)(old->offset >> 4) * 4;
    struct weir_tcp reset = weir_reset_of(old, packet->ip_length - headers);
    /* The words that mark an address as IPv4 add up to zero. */
    reset.checksum =
        weir_checksum_of(weir_sum_addr(weir_sum_addr(weir_reset_sum(&reset), src), dst));
    if (packet->family == 4) {
        struct weir_ipv4* ip = (struct weir_ipv4*)weir_at(data, end, l3, sizeof(*ip));
        if (!ip) return 0;
        weir_answer_ipv4(ip, src, dst, WEIR_PROTO_TCP, sizeof(*ip) + sizeof(*tcp));
    } else {
        struct weir_ipv6* ip = (struct weir_ipv6*)weir_at(data, end, l3, sizeof(*ip));
        if (!ip) return 0;
        weir_write_ipv6(ip, src, dst, 0, WEIR_ANSWER_TTL, WEIR_PROTO_TCP, sizeof(*tcp));
    }
    *tcp = reset;
    return 1;
}

/* Returns the Ethernet type, 0: the frame has shrunk. `l3`: where the answer's IP header starts. */
WEIR_INLINE __u32 weir_rewrite_answer(const struct weir_packet* packet, __u32 l3, void* data,
                                      void* end) {
    int done;

    if (packet->kind == WEIR_KIND_RESET)
        done = weir_rewrite_reset(packet, l3, data, end);
    else if (packet->kind == WEIR_KIND_TOO_BIG)
        done = weir_rewrite_too_big(packet, l3, data, end);
    else
        done = weir_rewrite_time_exceeded(packet, l3, data, end);

    if (!done) return 0;
    return packet->family == 4 ? WEIR_ETH_IPV4 : WEIR_ETH_IPV6;
}

#endif
