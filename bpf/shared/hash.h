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

WEIR_INLINE __u64 weir_words(__u32 high, __u32 low) {
    return ((__u64)high << 32) | low;
}

/* A pair of IPv4 addresses. */
WEIR_INLINE __u64 weir_hash_v4(__u64 hash, __u32 src, __u32 dst) {
    return weir_hash_mix(hash, weir_words(src, dst));
}

/* An address, of which the caller knows the family. */
WEIR_INLINE __u64 weir_hash_halves(__u64 hash, struct weir_halves addr, int v6) {
    if (!v6) return weir_hash_mix(hash, WEIR_SECOND(addr.low));
    return weir_hash_mix(weir_hash_mix(hash, addr.high), addr.low);
}

WEIR_INLINE __u64 weir_hash_addr(__u64 hash, const struct weir_addr* addr) {
    if (weir_addr_is_v4(addr)) return weir_hash_mix(hash, addr->word[3].raw);
    return weir_hash_halves(hash, weir_halves_of(addr), 1);
}

WEIR_INLINE __u64 weir_hash_end(__u64 hash) {
    hash = weir_hash_mix(hash, hash >> 32);
    return hash ^ (hash >> 32);
}

/* The rest of a tuple's hash, behind its addresses; the source's port is in the upper half. */
WEIR_INLINE __u64 weir_hash_ports(__u64 hash, __u32 ports, __u32 protocol) {
    return weir_hash_end(weir_hash_mix(hash, weir_words(protocol, ports)));
}

WEIR_INLINE __u64 weir_hash_tuple(__u64 seed, const struct weir_tuple* tuple) {
    __u64 hash;

    if (weir_addr_is_v4(&tuple->src) && weir_addr_is_v4(&tuple->dst))
        hash = weir_hash_v4(seed, tuple->src.word[3].raw, tuple->dst.word[3].raw);
    else
        hash = weir_hash_addr(weir_hash_addr(seed, &tuple->src), &tuple->dst);
    return weir_hash_ports(hash, (__u32)tuple->sport.raw << 16 | tuple->dport.raw, tuple->protocol);
}

/* The hash of what a service record is found by, (address, protocol, port), behind the address. */
WEIR_INLINE __u64 weir_hash_place(__u64 hash, struct weir_be16 port, __u32 protocol) {
    return weir_hash_mix(hash, ((__u64)protocol << 16) | port.raw) >> 20;
}

#define WEIR_SERVICE_SEED 0x77656972ull

WEIR_INLINE __u64 weir_hash_service(const struct weir_addr* addr, struct weir_be16 port,
                                    __u32 protocol) {
    return weir_hash_place(weir_hash_addr(WEIR_SERVICE_SEED, addr), port, protocol);
}

#endif
