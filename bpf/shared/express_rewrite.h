/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The express way's frame, and how it is rewritten (express.h has the picture): the headers stand
 * where they always do, and checksums are updated by whole words. The bytes are those that
 * rewrite.h would leave. `v6` is always a constant: each family has code of its own.
 */
#ifndef WEIR_EXPRESS_REWRITE_H
#define WEIR_EXPRESS_REWRITE_H

#include "checksum.h"
#include "tables.h"
#include "wire.h"

struct weir_express_v4 {
    struct weir_ipv4 ip;
    struct weir_tcp tcp; /* or UDP */
} WEIR_PACKED;

struct weir_express_v6 {
    struct weir_ipv6 ip;
    struct weir_tcp tcp; /* likewise */
} WEIR_PACKED;

struct weir_express_frame {
    struct weir_eth eth;
    union {
        struct weir_express_v4 v4;
        struct weir_express_v6 v6;
    };
} WEIR_PACKED;

/* So much of it is there. IPv4's UDP may be shorter, but not on Ethernet; IPv6's may. Which of the
 * two it was is forgotten by BPF's verifier, so there both have as much as TCP. */
#define WEIR_EXPRESS_LEAST (sizeof(struct weir_eth) + sizeof(struct weir_express_v4))
#define WEIR_EXPRESS_TCP_V6 (sizeof(struct weir_eth) + sizeof(struct weir_express_v6))
#ifdef __bpf__
#define WEIR_EXPRESS_LEAST_V6 WEIR_EXPRESS_TCP_V6
#else
#define WEIR_EXPRESS_LEAST_V6 \
    (sizeof(struct weir_eth) + sizeof(struct weir_ipv6) + sizeof(struct weir_udp))
#endif
WEIR_ASSERT(WEIR_EXPRESS_LEAST == 54, "Ethernet, IPv4 and TCP without options");
WEIR_ASSERT(WEIR_EXPRESS_LEAST_V6 >= WEIR_EXPRESS_LEAST, "one check leads to the other");

WEIR_INLINE struct weir_tcp* weir_express_tcp(struct weir_express_frame* frame, int v6) {
    return v6 ? &frame->v6.tcp : &frame->v4.tcp;
}

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

/* Ports, and the checksum with them and with what addresses have changed. */
WEIR_INLINE void weir_express_report(struct weir_tcp* tcp, __u32 protocol, __u32 ports,
                                     __u64 change, int v6) {
    change += weir_word_change(weir_word_at(tcp), ports);
    weir_word_put(tcp, ports);
    if (protocol == WEIR_PROTO_TCP) {
        tcp->checksum = weir_checksum_change(tcp->checksum, change);
        return;
    }
    struct weir_udp* udp = (struct weir_udp*)(void*)tcp;
    if (!v6 && udp->checksum.raw == 0) return; /* RFC 768: 0 means none, and stays none */
    udp->checksum = weir_checksum_change(udp->checksum, change);
    if (udp->checksum.raw == 0) udp->checksum.raw = 0xffff;
}

WEIR_INLINE void weir_express_readdress_v4(struct weir_express_v4* packet,
                                           const struct weir_addr* src, const struct weir_addr* dst,
                                           __u32 ports) {
    struct weir_ipv4* ip = &packet->ip;
    const __u32 from = src->word[3].raw, to = dst->word[3].raw;
    const __u64 change = weir_word_change(weir_word_at(&ip->src), from) +
                         weir_word_change(weir_word_at(&ip->dst), to);

    weir_word_put(&ip->src, from);
    weir_word_put(&ip->dst, to);
    /* TTL is the upper half of its word. */
    ip->checksum = weir_checksum_change(ip->checksum, change + (__u16)~WEIR_SWAP16(0x0100));
    ip->ttl--;
    weir_express_report(&packet->tcp, ip->protocol, ports, change, 0);
}

/* Writes a record's address to `place`; what that changes, added to `change`. */
WEIR_INLINE __u64 weir_express_put(void* place, const struct weir_addr* addr, __u64 change) {
    const weir_dword* half = (const weir_dword*)(const void*)addr;

    for (int i = 0; i < 2; i++) {
        char* at = (char*)place + i * 8;
        const __u64 now = half[i];
        change = weir_sum64(weir_sum64(change, ~weir_dword_at(at)), now);
        weir_dword_put(at, now);
    }
    return change;
}

WEIR_INLINE void weir_express_readdress_v6(struct weir_express_v6* packet,
                                           const struct weir_addr* src, const struct weir_addr* dst,
                                           __u32 ports) {
    struct weir_ipv6* ip = &packet->ip;
    const __u64 change = weir_express_put(&ip->dst, dst, weir_express_put(&ip->src, src, 0));

    ip->hops--;
    weir_express_report(&packet->tcp, ip->next, ports, (__u32)change + (change >> 32), 1);
}

/* Addresses of records, ports as they shall lie in memory, one hop less, and the checksums of all
 * that. */
WEIR_INLINE void weir_express_readdress(struct weir_express_frame* frame,
                                        const struct weir_addr* src, const struct weir_addr* dst,
                                        __u32 ports, int v6) {
    if (v6)
        weir_express_readdress_v6(&frame->v6, src, dst, ports);
    else
        weir_express_readdress_v4(&frame->v4, src, dst, ports);
}

/* On to the next hop; the type stays. */
WEIR_INLINE void weir_express_link(struct weir_express_frame* frame, const struct weir_port* out,
                                   const struct weir_mac* next_hop) {
    frame->eth.dst = *next_hop;
    frame->eth.src = out->mac;
}

#endif
