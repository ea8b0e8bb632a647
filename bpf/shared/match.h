/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which words of a bucket begin with a tag: the first question of each look-up (reference.h). Where
 * in a bucket a reference stands is random, so a loop with a branch costs a misprediction nearly
 * each time; with SSE2 all words are compared at once, and the branch is gone. The plain form is
 * BPF's, and the twin that tests/bpf/match_test.cc compares with.
 */
#ifndef WEIR_MATCH_H
#define WEIR_MATCH_H

#include "flow_record.h"

#if defined(__SSE2__) && !defined(__bpf__)
#include <emmintrin.h>
#define WEIR_MATCH_SSE2 1
#endif

/* The first i >= from with words[i] >> shift == wanted, or WEIR_REFS_PER_BUCKET. */
WEIR_INLINE __u32 weir_match_plain(const __u32* words, __u32 shift, __u32 wanted, __u32 from) {
    for (; from < WEIR_REFS_PER_BUCKET; from++)
        if (words[from] >> shift == wanted) break;
    return from;
}

WEIR_INLINE __u32 weir_match_count_plain(const __u32* words, __u32 wanted) {
    __u32 count = 0;

    for (__u32 i = 0; i < WEIR_REFS_PER_BUCKET; i++) count += words[i] == wanted;
    return count;
}

#ifdef WEIR_MATCH_SSE2
WEIR_INLINE __m128i weir_match_four(const __u32* words, __m128i by, __m128i key) {
    const __m128i four = _mm_loadu_si128((const __m128i*)(const void*)words);
    return _mm_cmpeq_epi32(_mm_srl_epi32(four, by), key);
}

/* A bit for each word that begins so. */
WEIR_INLINE __u32 weir_match_bits(const __u32* words, __u32 shift, __u32 wanted) {
    const __m128i key = _mm_set1_epi32((int)wanted);
    const __m128i by = _mm_cvtsi32_si128((int)shift);
    const __m128i low =
        _mm_packs_epi32(weir_match_four(words, by, key), weir_match_four(words + 4, by, key));
    const __m128i high =
        _mm_packs_epi32(weir_match_four(words + 8, by, key), weir_match_four(words + 12, by, key));
    return (__u32)_mm_movemask_epi8(_mm_packs_epi16(low, high));
}
WEIR_ASSERT(WEIR_REFS_PER_BUCKET == 16, "four vectors of four words");

WEIR_INLINE __u32 weir_match_sse2(const __u32* words, __u32 shift, __u32 wanted, __u32 from) {
    /* the bit above the last word's ends the search */
    const __u32 found = (weir_match_bits(words, shift, wanted) | 1u << WEIR_REFS_PER_BUCKET);
    return (__u32)__builtin_ctz(found >> from << from);
}

WEIR_INLINE __u32 weir_match_count_sse2(const __u32* words, __u32 wanted) {
    return (__u32)__builtin_popcount(weir_match_bits(words, 0, wanted));
}
#endif

WEIR_INLINE __u32 weir_match(const __u32* words, __u32 shift, __u32 wanted, __u32 from) {
#ifdef WEIR_MATCH_SSE2
    return weir_match_sse2(words, shift, wanted, from);
#else
    if (from == 0) {
        /* The first search has a known start: without a loop, half as many instructions. */
#pragma unroll
        for (__u32 i = 0; i < WEIR_REFS_PER_BUCKET; i++)
            if (words[i] >> shift == wanted) return i;
        return WEIR_REFS_PER_BUCKET;
    }
    return weir_match_plain(words, shift, wanted, from);
#endif
}

/* How many words are this one. */
WEIR_INLINE __u32 weir_match_count(const __u32* words, __u32 wanted) {
#ifdef WEIR_MATCH_SSE2
    return weir_match_count_sse2(words, wanted);
#else
    return weir_match_count_plain(words, wanted);
#endif
}

#endif
