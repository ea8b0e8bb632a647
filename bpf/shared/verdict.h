/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From a reason to its verdict: the one place where a reason's verdict is looked up. */
#ifndef WEIR_VERDICT_H
#define WEIR_VERDICT_H

#include "reasons.h"
#include "types.h"

WEIR_ASSERT(WEIR_REASON_COUNT <= WEIR_REASON_CAPACITY, "raise WEIR_REASON_CAPACITY and the ABI");

/* Two bit sets instead of an array: BPF has no cheap constant arrays. */
#define WEIR_BIT_FORWARD_FORWARD 1ull
#define WEIR_BIT_FORWARD_TO_HOST 0ull
#define WEIR_BIT_FORWARD_DROP 0ull
#define WEIR_BIT_TO_HOST_FORWARD 0ull
#define WEIR_BIT_TO_HOST_TO_HOST 1ull
#define WEIR_BIT_TO_HOST_DROP 0ull

#define WEIR_FORWARD_BIT(name, verdict, text, meaning) \
    | (WEIR_BIT_FORWARD_##verdict << WEIR_REASON_##name)
#define WEIR_TO_HOST_BIT(name, verdict, text, meaning) \
    | (WEIR_BIT_TO_HOST_##verdict << WEIR_REASON_##name)

WEIR_INLINE enum weir_verdict weir_verdict_of(enum weir_reason reason) {
    const __u64 bit = 1ull << ((unsigned)reason & 63u);

    if (bit & (0ull WEIR_REASONS(WEIR_FORWARD_BIT))) return WEIR_VERDICT_FORWARD;
    if (bit & (0ull WEIR_REASONS(WEIR_TO_HOST_BIT))) return WEIR_VERDICT_TO_HOST;
    return WEIR_VERDICT_DROP;
}

#endif
