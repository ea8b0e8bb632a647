/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The Internet checksum (RFC 1071), updated incrementally (RFC 1624, equation 3: HC' = ~(~HC + ~m +
 * m')). One delta is collected over all words that change and then applied to each checksum that
 * covers them.
 */
#ifndef WEIR_CHECKSUM_H
#define WEIR_CHECKSUM_H

#include "types.h"

/* Adds ~old + new, both as raw 16-bit halves in memory order; byte order does not matter (RFC 1071
 * 2(B)). */
WEIR_INLINE __u32 weir_delta32(__u32 delta, struct weir_be32 old_word, struct weir_be32 new_word) {
    const __u32 inverted = ~old_word.raw;
    return delta + (inverted & 0xffff) + (inverted >> 16) + (new_word.raw & 0xffff) +
           (new_word.raw >> 16);
}

/* All four words; for IPv4 the first three must be the same in both. */
WEIR_INLINE __u32 weir_delta_addr(__u32 delta, const struct weir_addr* old_addr,
                                  const struct weir_addr* new_addr) {
    for (int i = 0; i < 4; i++) delta = weir_delta32(delta, old_addr->word[i], new_addr->word[i]);
    return delta;
}

WEIR_INLINE __u32 weir_delta16(__u32 delta, struct weir_be16 old_half, struct weir_be16 new_half) {
    return delta + (__u16)~old_half.raw + new_half.raw;
}

/* Adds the halves of a word, or of an address. */
WEIR_INLINE __u32 weir_sum32(__u32 sum, struct weir_be32 word) {
    return sum + (word.raw & 0xffff) + (word.raw >> 16);
}

WEIR_INLINE __u32 weir_sum_addr(__u32 sum, const struct weir_addr* addr) {
    sum = weir_sum32(weir_sum32(sum, addr->word[0]), addr->word[1]);
    return weir_sum32(weir_sum32(sum, addr->word[2]), addr->word[3]);
}

/* Adds in ones' complement, the carry coming round: as many dwords as there are. */
WEIR_INLINE __u64 weir_sum64(__u64 sum, __u64 dword) {
#ifdef __bpf__ /* has no carry; a dword of its halves has as many of them as fit */
    return sum + (__u32)dword + (dword >> 32);
#else
    sum += dword;
    return sum + (sum < dword);
#endif
}

/* The ones' complement sum in 16 bits, of many words added up in 64: the halves are added with the
 * carry coming round, twice. 0 only if all words were. */
WEIR_INLINE __u16 weir_fold64(__u64 sum) {
    const __u32 half = (__u32)((sum + (sum << 32 | sum >> 32)) >> 32);
    return (__u16)((half + (half << 16 | half >> 16)) >> 16);
}

/* The ones' complement sum in 16 bits. */
WEIR_INLINE __u16 weir_fold(__u32 sum) {
    sum = (sum & 0xffff) + (sum >> 16);
    return (__u16)((sum & 0xffff) + (sum >> 16));
}

/* The checksum after a change. `delta` holds at most a few thousand terms, so 32 bits do not
 * overflow. */
WEIR_INLINE struct weir_be16 weir_checksum_update(struct weir_be16 checksum, __u32 delta) {
    struct weir_be16 updated;
    __u32 sum = (__u16)~checksum.raw + delta;

    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    updated.raw = (__u16)~sum;
    return updated;
}

#endif
