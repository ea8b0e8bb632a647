/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What an ICMP error of one family is called in the other (RFC 7915 sections 4.2 and 5.2), for
 * those about packets that have crossed. The decide stage asks whether there are words for it;
 * icmp_translate.h writes them. A length of the quote (RFC 4884) becomes 0, which means unknown.
 */
#ifndef WEIR_ICMP_WORDS_H
#define WEIR_ICMP_WORDS_H

#include "checksum.h"
#include "packet.h"
#include "translate.h"

#define WEIR_NO_POINTER 0xffu

/* Section 4.2, figure 3. */
WEIR_INLINE __u32 weir_pointer_to_ipv6(__u32 pointer) {
    if (pointer <= 1) return pointer;
    if (pointer <= 3) return 4; /* total length: payload length */
    if (pointer == 8) return 7; /* TTL: hop limit */
    if (pointer == 9) return 6; /* protocol: next header */
    if (pointer >= 12 && pointer <= 15) return 8;
    return pointer >= 16 && pointer <= 19 ? 24 : WEIR_NO_POINTER;
}

/* Section 5.2, figure 6. */
WEIR_INLINE __u32 weir_pointer_to_ipv4(__u32 pointer) {
    if (pointer <= 1) return pointer;
    if (pointer == 4 || pointer == 5) return 2;
    if (pointer == 6) return 9;
    if (pointer == 7) return 8;
    if (pointer >= 8 && pointer <= 23) return 12;
    return pointer >= 24 && pointer <= 39 ? 16 : WEIR_NO_POINTER;
}

/* RFC 1191 section 7.1: what a router that names no MTU may mean: the next plateau below the
 * packet's length. Those that are less than IPv6's least MTU are all the same here. */
WEIR_INLINE __u32 weir_plateau(__u32 length) {
    if (length > 32000) return 32000;
    if (length > 17914) return 17914;
    if (length > 8166) return 8166;
    if (length > 4352) return 4352;
    if (length > 2002) return 2002;
    return length > 1492 ? 1492 : 1006;
}

/* Writes what this header of ICMPv4 is in ICMPv6, but for the checksum; 0: nothing. */
WEIR_INLINE int weir_icmp_to_ipv6(struct weir_icmp* icmp, __u32 quoted_length) {
    const __u32 code = icmp->code;
    __u32 rest = 0;

    if (icmp->type == WEIR_ICMP_UNREACHABLE && code == WEIR_ICMP_TOO_BIG) {
        rest = weir_be16_to(icmp->mtu);
        if (rest == 0) rest = weir_plateau(quoted_length);
        rest += (__u32)(sizeof(struct weir_ipv6) - sizeof(struct weir_ipv4));
        if (rest < WEIR_IPV6_LEAST_MTU) rest = WEIR_IPV6_LEAST_MTU;
        icmp->type = WEIR_ICMP6_TOO_BIG;
        icmp->code = 0;
    } else if (icmp->type == WEIR_ICMP_UNREACHABLE) {
        if (code > 15 || code == 14) return 0; /* host precedence */
        icmp->type = WEIR_ICMP6_UNREACHABLE;
        icmp->code = WEIR_ICMP6_NO_ROUTE;
        if (code == 9 || code == 10 || code == 13 || code == 15) icmp->code = WEIR_ICMP6_PROHIBITED;
        if (code == WEIR_ICMP_PORT) icmp->code = WEIR_ICMP6_PORT;
        if (code == WEIR_ICMP_PROTOCOL) {
            icmp->type = WEIR_ICMP6_PARAMETER;
            icmp->code = WEIR_ICMP6_NEXT_HEADER;
            rest = 6; /* where IPv6 names it */
        }
    } else if (icmp->type == WEIR_ICMP_TIME_EXCEEDED) {
        icmp->type = WEIR_ICMP6_TIME_EXCEEDED;
    } else {
        rest = weir_pointer_to_ipv6(weir_be16_to(icmp->unused) >> 8);
        if ((code != 0 && code != 2) || rest == WEIR_NO_POINTER) return 0;
        icmp->type = WEIR_ICMP6_PARAMETER;
        icmp->code = 0;
    }
    icmp->unused = weir_be16_from((__u16)(rest >> 16));
    icmp->mtu = weir_be16_from((__u16)rest);
    return 1;
}

/* The reverse. */
WEIR_INLINE int weir_icmp_to_ipv4(struct weir_icmp* icmp) {
    const __u32 code = icmp->code;
    const __u32 rest = (__u32)weir_be16_to(icmp->unused) << 16 | weir_be16_to(icmp->mtu);
    __u32 pointer = 0;
    __u32 mtu = 0;

    if (icmp->type == WEIR_ICMP6_TOO_BIG) {
        mtu = rest < 88 ? 68 : rest - 20; /* RFC 791: every link takes 68 bytes */
        if (mtu > 0xffff) mtu = 0xffff;
        icmp->type = WEIR_ICMP_UNREACHABLE;
        icmp->code = WEIR_ICMP_TOO_BIG;
    } else if (icmp->type == WEIR_ICMP6_UNREACHABLE) {
        if (code > WEIR_ICMP6_PORT) return 0;
        icmp->type = WEIR_ICMP_UNREACHABLE;
        icmp->code = WEIR_ICMP_HOST;
        if (code == WEIR_ICMP6_PROHIBITED) icmp->code = WEIR_ICMP_HOST_PROHIBITED;
        if (code == WEIR_ICMP6_PORT) icmp->code = WEIR_ICMP_PORT;
    } else if (icmp->type == WEIR_ICMP6_TIME_EXCEEDED) {
        icmp->type = WEIR_ICMP_TIME_EXCEEDED;
    } else if (code == WEIR_ICMP6_NEXT_HEADER) {
        icmp->type = WEIR_ICMP_UNREACHABLE;
        icmp->code = WEIR_ICMP_PROTOCOL;
    } else {
        pointer = weir_pointer_to_ipv4(rest);
        if (code != 0 || pointer == WEIR_NO_POINTER) return 0;
        icmp->type = WEIR_ICMP_PARAMETER;
    }
    icmp->unused = weir_be16_from((__u16)(pointer << 8));
    icmp->mtu = weir_be16_from((__u16)mtu);
    return 1;
}

/* From the header of an error of this family to the other's. */
WEIR_SUBPROGRAM int weir_icmp_across(struct weir_icmp* icmp, __u32 family, __u32 quoted_length) {
    if (!icmp) return 0;
    return family == 4 ? weir_icmp_to_ipv6(icmp, quoted_length) : weir_icmp_to_ipv4(icmp);
}

/* Whether an error can be told to this end. */
WEIR_INLINE int weir_error_translatable(const struct weir_packet* packet,
                                        const struct weir_addr* to, void* data, void* end) {
    const __u32 at = packet->l4 & WEIR_L4_MASK;
    const __u32 header = (__u32)packet->quoted_l4 - packet->l4 - (__u32)sizeof(struct weir_icmp);

    if (!weir_crosses(packet, to)) return 1;
    if (packet->family == 4 && header != sizeof(struct weir_ipv4)) return 0;
    if (packet->family == 6 && header != sizeof(struct weir_ipv6)) {
        const __u8* next = (const __u8*)weir_at(data, end, at + 8 + 6, 1);
        if (header != sizeof(struct weir_ipv6) + sizeof(struct weir_extension) || !next ||
            *next != WEIR_EXTENSION_FRAGMENT)
            return 0;
    }
    const struct weir_icmp* icmp = (const struct weir_icmp*)weir_at(data, end, at, sizeof(*icmp));
    if (!icmp) return 0;
    struct weir_icmp copy = *icmp;
    return weir_icmp_across(&copy, packet->family, 0);
}

#endif
