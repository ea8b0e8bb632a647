/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which words of a bucket begin with a tag: the first question of each look-up (flow.h,
 * reference.h). Where in a bucket a flow stands is random, so a loop with a branch costs a
 * misprediction nearly each time; with SSE2 all words are compared at once, and the branch is gone.
 * The plain form is BPF's, and the twin that tests/bpf/match_test.cc compares with.
 */
#ifndef WEIR_MATCH_H
#define WEIR_MATCH_H

#include "types.h"

#if defined(__SSE2__) && !defined(__bpf__)
#include <emmintrin.h>
#define WEIR_MATCH_SSE2 1
#endif

/* The first i >= from with words[i] >> shift == wanted, or `count`. */
WEIR_INLINE __u32 weir_match_plain(const __u32* words, __u32 count, __u32 shift, __u32 wanted,
                                   __u32 from) {
    for (; from < count; from++)
        if (words[from] >> shift == wanted) break;
    return from;
}

#ifdef WEIR_MATCH_SSE2
/* The same; count is a multiple of 4, at most 32. */
WEIR_INLINE __u32 weir_match_sse2(const __u32* words, __u32 count, __u32 shift, __u32 wanted,
                                  __u32 from) {
    const __m128i key = _mm_set1_epi32((int)wanted);
    const __m128i by = _mm_cvtsi32_si128((int)shift);
    __u32 found = 0;

    for (__u32 i = 0; i < count; i += 4) {
        const __m128i four = _mm_loadu_si128((const __m128i*)(const void*)(words + i));
        const __m128i equal = _mm_cmpeq_epi32(_mm_srl_epi32(four, by), key);
        found |= (__u32)_mm_movemask_ps(_mm_castsi128_ps(equal)) << i;
    }
    found = from < 32 ? found >> from << from : 0;
    return found ? (__u32)__builtin_ctz(found) : count;
}
#endif

WEIR_INLINE __u32 weir_match(const __u32* words, __u32 count, __u32 shift, __u32 wanted,
                             __u32 from) {
#ifdef WEIR_MATCH_SSE2
    return weir_match_sse2(words, count, shift, wanted, from);
#else
    return weir_match_plain(words, count, shift, wanted, from);
#endif
}

#endif
