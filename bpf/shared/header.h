/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Fresh IP headers, without options or extension headers: of answers (answer_rewrite.h), and where
 * a packet changes its family (translate.h, icmp_translate.h). Addresses are as the tables have
 * them.
 */
#ifndef WEIR_HEADER_H
#define WEIR_HEADER_H

#include "checksum.h"
#include "wire.h"

/* The checksum of what adds up to `sum` (RFC 1071). */
WEIR_INLINE struct weir_be16 weir_checksum_of(__u32 sum) {
    struct weir_be16 checksum;

    checksum.raw = (__u16)~weir_fold(sum);
    return checksum;
}

/* `length` is the whole packet's; `fragment` has flags and offset. */
WEIR_INLINE void weir_write_ipv4(struct weir_ipv4* ip, const struct weir_addr* src,
                                 const struct weir_addr* dst, __u8 tos, __u8 ttl, __u8 protocol,
                                 __u16 length, struct weir_be16 id, __u16 fragment) {
    const struct weir_be16 first = weir_be16_from((__u16)(0x4500u | tos));
    const struct weir_be16 middle = weir_be16_from((__u16)((__u32)ttl << 8 | protocol));

    ip->version_ihl = 0x45;
    ip->tos = tos;
    ip->length = weir_be16_from(length);
    ip->id = id;
    ip->fragment = weir_be16_from(fragment);
    ip->ttl = ttl;
    ip->protocol = protocol;
    ip->src = src->word[3];
    ip->dst = dst->word[3];
    __u32 sum = (__u32)first.raw + middle.raw + ip->length.raw + id.raw + ip->fragment.raw;
    sum = weir_sum32(weir_sum32(sum, src->word[3]), dst->word[3]);
    ip->checksum = weir_checksum_of(sum);
}

/* `length` is of what follows. */
WEIR_INLINE void weir_write_ipv6(struct weir_ipv6* ip, const struct weir_addr* src,
                                 const struct weir_addr* dst, __u8 tos, __u8 hops, __u8 next,
                                 __u16 length) {
    ip->version_class = (__u8)(0x60 | tos >> 4);
    ip->class_label = (__u8)(tos << 4);
    ip->label.raw = 0;
    ip->length = weir_be16_from(length);
    ip->next = next;
    ip->hops = hops;
    ip->src = *src;
    ip->dst = *dst;
}

#endif
