/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ICMP and ICMPv6 messages of weir's own: headers in front of the first bytes of the packet that
 * they are about, whose own IP header the quote begins with. answer.h decides on them and makes
 * room, answer_rewrite.h calls this.
 */
#ifndef WEIR_ANSWER_MESSAGE_H
#define WEIR_ANSWER_MESSAGE_H

#include "answer.h"
#include "checksum.h"
#include "header.h"
#include "packet.h"
#include "wire.h"

#define WEIR_ANSWER_TTL 64

/* Id 0: an answer is never fragmented (RFC 6864 section 4.1). `length`: of IP header and all. */
WEIR_INLINE void weir_answer_ipv4(struct weir_ipv4* ip, const struct weir_addr* src,
                                  const struct weir_addr* dst, __u8 protocol, __u16 length) {
    const struct weir_be16 id = {0};

    weir_write_ipv4(ip, src, dst, 0, WEIR_ANSWER_TTL, protocol, length, id,
                    WEIR_IPV4_DONT_FRAGMENT);
}

/* The headers of a message that quotes `quote` bytes, which add up to `sum`. Its checksum is over
 * all of it, and over ICMPv6's pseudo-header (RFC 4443 section 2.3). */
WEIR_INLINE int weir_write_message(const struct weir_packet* packet, __u32 l3, void* data,
                                   void* end, __u8 type, __u8 code, __u16 mtu, __u32 quote,
                                   __u32 sum) {
    const struct weir_addr* src = &packet->tuple.dst;
    const struct weir_addr* dst = &packet->tuple.src;
    const int v4 = packet->family == 4;
    const __u32 header = v4 ? sizeof(struct weir_ipv4) : sizeof(struct weir_ipv6);
    const __u16 length = (__u16)(sizeof(struct weir_icmp) + quote);
    struct weir_icmp* icmp = (struct weir_icmp*)weir_at(data, end, l3 + header, sizeof(*icmp));

    if (!icmp) return 0;
    icmp->type = type;
    icmp->code = code;
    icmp->unused.raw = 0;
    icmp->mtu = weir_be16_from(mtu);
    sum += (__u32)weir_be16_from((__u16)(type << 8 | code)).raw + icmp->mtu.raw;
    if (v4) {
        struct weir_ipv4* ip = (struct weir_ipv4*)weir_at(data, end, l3, sizeof(*ip));
        if (!ip) return 0;
        weir_answer_ipv4(ip, src, dst, WEIR_PROTO_ICMP, (__u16)(sizeof(*ip) + length));
    } else {
        struct weir_ipv6* ip = (struct weir_ipv6*)weir_at(data, end, l3, sizeof(*ip));
        if (!ip) return 0;
        sum += (__u32)weir_be16_from(length).raw + weir_be16_from(WEIR_PROTO_ICMPV6).raw;
        sum = weir_sum_addr(weir_sum_addr(sum, src), dst);
        weir_write_ipv6(ip, src, dst, 0, WEIR_ANSWER_TTL, WEIR_PROTO_ICMPV6, length);
    }
    icmp->checksum = weir_checksum_of(sum);
    return 1;
}

struct weir_quote_v4 {
    struct weir_be16 half[WEIR_QUOTE_V4 / 2];
} WEIR_PACKED;

struct weir_quote_v6 {
    struct weir_be16 half[WEIR_QUOTE_V6 / 2];
} WEIR_PACKED;

/* RFC 792, RFC 1191 section 4; RFC 4443 section 3.2. */
WEIR_INLINE int weir_rewrite_too_big(const struct weir_packet* packet, __u32 l3, void* data,
                                     void* end) {
    __u32 sum = 0;

    if (packet->family == 4) {
        const struct weir_quote_v4* quote =
            (const struct weir_quote_v4*)weir_at(data, end, l3 + WEIR_ICMP_ROOM_V4, sizeof(*quote));
        if (!quote) return 0;
        for (__u32 i = 0; i < WEIR_QUOTE_V4 / 2; i++) sum += quote->half[i].raw;
        return weir_write_message(packet, l3, data, end, WEIR_ICMP_UNREACHABLE, WEIR_ICMP_TOO_BIG,
                                  packet->mtu, WEIR_QUOTE_V4, sum);
    }
    const struct weir_quote_v6* quote =
        (const struct weir_quote_v6*)weir_at(data, end, l3 + WEIR_ICMP_ROOM_V6, sizeof(*quote));
    if (!quote) return 0;
    for (__u32 i = 0; i < WEIR_QUOTE_V6 / 2; i++) sum += quote->half[i].raw;
    return weir_write_message(packet, l3, data, end, WEIR_ICMP6_TOO_BIG, 0, packet->mtu,
                              WEIR_QUOTE_V6, sum);
}

/* RFC 792, RFC 4443 section 3.3; code 0: in transit. */
WEIR_INLINE int weir_rewrite_time_exceeded(const struct weir_packet* packet, __u32 l3, void* data,
                                           void* end) {
    const int v4 = packet->family == 4;
    const __u32 at = l3 + (v4 ? WEIR_ICMP_ROOM_V4 : WEIR_ICMP_ROOM_V6);
    const __u32 quote = weir_quote_of(packet);
    __u32 sum = 0;

    for (__u32 i = 0; i < WEIR_QUOTE_MOST; i += 2) { /* headers are whole words long */
        if (i >= quote) break;
        const struct weir_be16* half =
            (const struct weir_be16*)weir_at(data, end, at + i, sizeof(*half));
        if (!half) return 0;
        sum += half->raw;
    }
    return weir_write_message(packet, l3, data, end,
                              v4 ? WEIR_ICMP_TIME_EXCEEDED : WEIR_ICMP6_TIME_EXCEEDED, 0, 0, quote,
                              sum);
}

#endif
