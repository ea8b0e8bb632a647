/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The hash of a tuple: 64 bits, the same on both engines. Multiply and fold over 64-bit words; the
 * seed is random per start (tables.h), so that a stranger cannot aim at one bucket. Maglev uses a
 * fixed seed instead: balancers that share a service must agree.
 */
#ifndef WEIR_HASH_H
#define WEIR_HASH_H

#include "types.h"

WEIR_INLINE __u64 weir_hash_mix(__u64 hash, __u64 word) {
    hash = (hash ^ word) * 0x9e3779b97f4a7c15ull; /* 2^64 / golden ratio */
    return hash ^ (hash >> 29);
}

WEIR_INLINE __u64 weir_words(struct weir_be32 high, struct weir_be32 low) {
    return ((__u64)high.raw << 32) | low.raw;
}

WEIR_INLINE __u64 weir_hash_addr(__u64 hash, const struct weir_addr* addr) {
    if (!weir_addr_is_v4(addr)) {
        hash = weir_hash_mix(hash, weir_words(addr->word[0], addr->word[1]));
        hash = weir_hash_mix(hash, addr->word[2].raw);
    }
    return weir_hash_mix(hash, addr->word[3].raw);
}

WEIR_INLINE __u64 weir_hash_end(__u64 hash) {
    hash = weir_hash_mix(hash, hash >> 32);
    return hash ^ (hash >> 32);
}

/* weir_hash_tuple, of an IPv4 tuple. */
WEIR_INLINE __u64 weir_hash_v4(__u64 seed, struct weir_be32 src, struct weir_be32 dst,
                               struct weir_be16 sport, struct weir_be16 dport, __u32 protocol) {
    const __u64 ports = ((__u64)protocol << 32) | ((__u32)sport.raw << 16) | dport.raw;

    return weir_hash_end(weir_hash_mix(weir_hash_mix(seed, weir_words(src, dst)), ports));
}

WEIR_INLINE __u64 weir_hash_tuple(__u64 seed, const struct weir_tuple* tuple) {
    const __u64 ports =
        ((__u64)tuple->protocol << 32) | ((__u32)tuple->sport.raw << 16) | tuple->dport.raw;

    if (weir_addr_is_v4(&tuple->src) && weir_addr_is_v4(&tuple->dst))
        return weir_hash_v4(seed, tuple->src.word[3], tuple->dst.word[3], tuple->sport,
                            tuple->dport, tuple->protocol);
    return weir_hash_end(
        weir_hash_mix(weir_hash_addr(weir_hash_addr(seed, &tuple->src), &tuple->dst), ports));
}

/* The hash of what a service record is found by: (address, protocol, port). */
WEIR_INLINE __u64 weir_hash_service(const struct weir_addr* addr, struct weir_be16 port,
                                    __u32 protocol) {
    const __u64 hash = weir_hash_addr(0x77656972ull, addr);
    return weir_hash_mix(hash, ((__u64)protocol << 16) | port.raw) >> 20;
}

#endif
