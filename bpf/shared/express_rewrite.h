/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The express way's frame, and how it is rewritten (express.h has the picture): the headers stand
 * where they always do, and checksums are updated by whole words. The bytes are those that
 * rewrite.h would leave.
 */
#ifndef WEIR_EXPRESS_REWRITE_H
#define WEIR_EXPRESS_REWRITE_H

#include "checksum.h"
#include "tables.h"
#include "wire.h"

struct weir_express_frame {
    struct weir_eth eth;
    struct weir_ipv4 ip;
    struct weir_tcp tcp; /* or UDP */
} WEIR_PACKED;
WEIR_ASSERT(sizeof(struct weir_express_frame) == 54, "Ethernet, IPv4 and TCP without options");

WEIR_INLINE struct weir_udp* weir_express_udp(const struct weir_express_frame* frame) {
    return (struct weir_udp*)(void*)&frame->tcp;
}

/* What stands in the place of addresses and ports afterwards. */
struct weir_express_nat {
    struct weir_be32 src;
    struct weir_be32 dst;
    struct weir_be16 sport;
    struct weir_be16 dport;
};

/* ~old + new (RFC 1624, equation 3) in words of 32 bits, which fold as their halves do (RFC 1071
 * section 2(B)); as many as a header has leave room in 64. */
WEIR_INLINE __u64 weir_word_change(__u32 old_word, __u32 new_word) {
    return (__u64)(__u32)~old_word + new_word;
}

WEIR_INLINE struct weir_be16 weir_checksum_change(struct weir_be16 checksum, __u64 change) {
    struct weir_be16 updated;

    updated.raw = (__u16)~weir_fold64((__u16)~checksum.raw + change);
    return updated;
}

/* Addresses, ports, one hop less, and the checksums of all that. */
WEIR_INLINE void weir_express_readdress(struct weir_express_frame* frame,
                                        const struct weir_express_nat* nat) {
    struct weir_ipv4* ip = &frame->ip;
    const __u64 addresses =
        weir_word_change(ip->src.raw, nat->src.raw) + weir_word_change(ip->dst.raw, nat->dst.raw);
    const __u64 change = addresses + (__u16)~frame->tcp.sport.raw + nat->sport.raw +
                         (__u16)~frame->tcp.dport.raw + nat->dport.raw;

    ip->src = nat->src;
    ip->dst = nat->dst;
    frame->tcp.sport = nat->sport;
    frame->tcp.dport = nat->dport;
    /* TTL is the upper half of its word. */
    ip->checksum = weir_checksum_change(ip->checksum, addresses + (__u16)~WEIR_SWAP16(0x0100));
    ip->ttl--;
    if (ip->protocol == WEIR_PROTO_TCP) {
        frame->tcp.checksum = weir_checksum_change(frame->tcp.checksum, change);
        return;
    }
    struct weir_udp* udp = weir_express_udp(frame);
    if (udp->checksum.raw == 0) return; /* RFC 768: 0 means none, and stays none */
    udp->checksum = weir_checksum_change(udp->checksum, change);
    if (udp->checksum.raw == 0) udp->checksum.raw = 0xffff;
}

/* On to the next hop; the type stays IPv4. */
WEIR_INLINE void weir_express_link(struct weir_express_frame* frame, const struct weir_port* out,
                                   const struct weir_mac* next_hop) {
    frame->eth.dst = *next_hop;
    frame->eth.src = out->mac;
}

#endif
