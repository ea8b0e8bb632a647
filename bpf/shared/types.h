/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The scalar types of the packet program. A value read from the wire is a one-member struct, so
 * that an operator between byte orders does not compile; it is converted by name where it is needed
 * as a number. Every header in this folder is C that g++ -std=c++20 and clang -target bpf both
 * accept, without libc.
 */
#ifndef WEIR_TYPES_H
#define WEIR_TYPES_H

#include <linux/types.h>

#define WEIR_INLINE static inline __attribute__((always_inline, unused))

/*
 * A function with loops that the BPF verifier shall walk once, for any arguments, instead of at
 * each call: there a global subprogram (kernel 5.13), elsewhere inlined. It takes numbers and
 * pointers, each pointer checked for NULL because the verifier asks for it, and returns a number.
 */
#ifdef __bpf__
#define WEIR_SUBPROGRAM __attribute__((noinline))
#define WEIR_SELDOM WEIR_SUBPROGRAM
#else
#define WEIR_SUBPROGRAM WEIR_INLINE
/* A subprogram that few packets need: with it inlined, the others would run out of registers. */
#define WEIR_SELDOM static __attribute__((noinline, unused))
#endif

/* A function that few packets need, kept out of the way of the others. BPF has it inline: its
 * subprograms return numbers only. */
#ifdef __bpf__
#define WEIR_RARE WEIR_INLINE
#else
#define WEIR_RARE static __attribute__((noinline, cold, unused))
#endif

#ifdef __cplusplus
#define WEIR_ASSERT(condition, why) static_assert(condition, why)
#else
#define WEIR_ASSERT(condition, why) _Static_assert(condition, why)
#endif

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define WEIR_SWAP16(x) __builtin_bswap16(x)
#define WEIR_SWAP32(x) __builtin_bswap32(x)
#else
#define WEIR_SWAP16(x) (x)
#define WEIR_SWAP32(x) (x)
#endif

/* A 16-bit number in network byte order. */
struct weir_be16 {
    __u16 raw;
};

/* A 32-bit number in network byte order. */
struct weir_be32 {
    __u32 raw;
};

WEIR_INLINE struct weir_be16 weir_be16_from(__u16 host) {
    struct weir_be16 wire;
    wire.raw = WEIR_SWAP16(host);
    return wire;
}

WEIR_INLINE __u16 weir_be16_to(struct weir_be16 wire) {
    return WEIR_SWAP16(wire.raw);
}

WEIR_INLINE struct weir_be32 weir_be32_from(__u32 host) {
    struct weir_be32 wire;
    wire.raw = WEIR_SWAP32(host);
    return wire;
}

WEIR_INLINE __u32 weir_be32_to(struct weir_be32 wire) {
    return WEIR_SWAP32(wire.raw);
}

/*
 * Words of a header where it stands, whatever its alignment is. BPF's verifier knows that an IP
 * header's is right (NET_IP_ALIGN), which clang does not: it would take them apart.
 */
#ifdef __bpf__
#define WEIR_LOOSE __attribute__((may_alias))
#else
#define WEIR_LOOSE __attribute__((packed, may_alias))
#endif

struct weir_loose_word {
    __u32 raw;
} WEIR_LOOSE;

struct weir_loose_dword {
    __u64 raw;
} WEIR_LOOSE;

WEIR_INLINE __u32 weir_word_at(const void* place) {
    return ((const struct weir_loose_word*)place)->raw;
}

WEIR_INLINE void weir_word_put(void* place, __u32 word) {
    ((struct weir_loose_word*)place)->raw = word;
}

WEIR_INLINE __u64 weir_dword_at(const void* place) {
    return ((const struct weir_loose_dword*)place)->raw;
}

WEIR_INLINE void weir_dword_put(void* place, __u64 dword) {
    ((struct weir_loose_dword*)place)->raw = dword;
}

/* An IPv6 address, or an IPv4 one as ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2). Hashed and compared
 * as words. */
struct weir_addr {
    struct weir_be32 word[4];
};
WEIR_ASSERT(sizeof(struct weir_addr) == 16, "an address is compared as 16 bytes");

#define WEIR_V4_MAPPED WEIR_SWAP32(0x0000ffffu)

WEIR_INLINE struct weir_addr weir_addr_v4(struct weir_be32 v4) {
    struct weir_addr addr;
    addr.word[0].raw = 0;
    addr.word[1].raw = 0;
    addr.word[2].raw = WEIR_V4_MAPPED;
    addr.word[3] = v4;
    return addr;
}

WEIR_INLINE int weir_addr_is_v4(const struct weir_addr* addr) {
    return addr->word[0].raw == 0 && addr->word[1].raw == 0 && addr->word[2].raw == WEIR_V4_MAPPED;
}

/* For comparing what lies in several fields at once. */
typedef __u32 __attribute__((may_alias)) weir_word;
typedef __u64 __attribute__((may_alias)) weir_dword;

/* Two words as they lie in memory, one after the other; four bytes likewise. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define WEIR_DWORD(first, second) ((__u64)(second) << 32 | (first))
#define WEIR_FIRST(dword) ((__u32)(dword))
#define WEIR_SECOND(dword) ((__u32)((dword) >> 32))
#define WEIR_WORD(a, b, c, d) ((__u32)(a) | (__u32)(b) << 8 | (__u32)(c) << 16 | (__u32)(d) << 24)
#else
#define WEIR_DWORD(first, second) ((__u64)(first) << 32 | (second))
#define WEIR_FIRST(dword) ((__u32)((dword) >> 32))
#define WEIR_SECOND(dword) ((__u32)(dword))
#define WEIR_WORD(a, b, c, d) ((__u32)(d) | (__u32)(c) << 8 | (__u32)(b) << 16 | (__u32)(a) << 24)
#endif

WEIR_INLINE int weir_addr_equal(const struct weir_addr* a, const struct weir_addr* b) {
    return ((a->word[3].raw ^ b->word[3].raw) | (a->word[2].raw ^ b->word[2].raw) |
            (a->word[1].raw ^ b->word[1].raw) | (a->word[0].raw ^ b->word[0].raw)) == 0;
}

struct weir_mac {
    __u8 byte[6];
};

/* An address as two words, as they lie in memory: half as many to compare, hash and add up. */
struct weir_halves {
    __u64 high;
    __u64 low;
};

WEIR_INLINE struct weir_halves weir_halves_v4(struct weir_be32 v4) {
    struct weir_halves halves;
    halves.high = 0;
    halves.low = WEIR_DWORD(WEIR_V4_MAPPED, v4.raw);
    return halves;
}

WEIR_INLINE struct weir_halves weir_halves_of(const struct weir_addr* addr) {
    struct weir_halves halves;
    halves.high = WEIR_DWORD(addr->word[0].raw, addr->word[1].raw);
    halves.low = WEIR_DWORD(addr->word[2].raw, addr->word[3].raw);
    return halves;
}

WEIR_INLINE struct weir_addr weir_addr_of(struct weir_halves halves) {
    struct weir_addr addr;
    addr.word[0].raw = WEIR_FIRST(halves.high);
    addr.word[1].raw = WEIR_SECOND(halves.high);
    addr.word[2].raw = WEIR_FIRST(halves.low);
    addr.word[3].raw = WEIR_SECOND(halves.low);
    return addr;
}

/* The address of a record (which is 8-aligned, and so are the addresses in it) is this one. */
WEIR_INLINE int weir_addr_is(const struct weir_addr* addr, struct weir_halves halves) {
    const weir_dword* half = (const weir_dword*)(const void*)addr;

    return half[1] == halves.low && half[0] == halves.high;
}

/* Wherever a MAC stands, on the wire or in a record, it is 2-aligned. */
struct weir_mac_halves {
    __u16 half[3];
} __attribute__((may_alias));

WEIR_INLINE int weir_mac_equal(const struct weir_mac* a, const struct weir_mac* b) {
#ifndef __bpf__
    const __u32 differs = weir_word_at(a) ^ weir_word_at(b);
    const struct weir_mac_halves* x = (const struct weir_mac_halves*)(const void*)a;
    const struct weir_mac_halves* y = (const struct weir_mac_halves*)(const void*)b;

    return (differs | (__u32)(x->half[2] ^ y->half[2])) == 0;
#else
    const struct weir_mac_halves* x = (const struct weir_mac_halves*)(const void*)a;
    const struct weir_mac_halves* y = (const struct weir_mac_halves*)(const void*)b;

    return ((x->half[0] ^ y->half[0]) | (x->half[1] ^ y->half[1]) | (x->half[2] ^ y->half[2])) == 0;
#endif
}

/* IANA protocol numbers. */
#define WEIR_PROTO_ICMP 1
#define WEIR_PROTO_TCP 6
#define WEIR_PROTO_UDP 17
#define WEIR_PROTO_ICMPV6 58

/* One direction of a conversation, as its packets carry it. No padding: hashed and compared by
 * words. */
struct weir_tuple {
    struct weir_addr src;
    struct weir_addr dst;
    struct weir_be16 sport;
    struct weir_be16 dport;
    __u32 protocol;
};
WEIR_ASSERT(sizeof(struct weir_tuple) == 40, "no padding: a tuple is hashed as words");

WEIR_INLINE int weir_tuple_equal(const struct weir_tuple* a, const struct weir_tuple* b) {
    return a->sport.raw == b->sport.raw && a->dport.raw == b->dport.raw &&
           a->protocol == b->protocol && weir_addr_equal(&a->src, &b->src) &&
           weir_addr_equal(&a->dst, &b->dst);
}

#endif
