/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Time as the packet program counts it: ticks of 2^26 ns (67 ms) of CLOCK_MONOTONIC in 32 bits,
 * compared by their difference. An instant stays in the past for four years after it has passed, so
 * a record nobody has touched since does not come to life again. Timeouts are seconds and more.
 */
#ifndef WEIR_CLOCK_H
#define WEIR_CLOCK_H

#include "types.h"

#define WEIR_TICK_SHIFT 26
#define WEIR_TICKS_OF_MS(ms) \
    ((__u32)(((__u64)(ms)*1000000ull + (1ull << WEIR_TICK_SHIFT) - 1) >> WEIR_TICK_SHIFT))

WEIR_INLINE __u32 weir_tick(__u64 monotonic_ns) {
    return (__u32)(monotonic_ns >> WEIR_TICK_SHIFT);
}

/* Whether `instant` is still to come. */
WEIR_INLINE int weir_later(__u32 instant, __u32 now) {
    return (__s32)(instant - now) > 0;
}

/*
 * A span in 16 bits: 13 bits of mantissa, 3 of exponent to the base 4; ticks = mantissa << 2 *
 * exponent. Exact up to 9 minutes, then rounded up by at most 0.05 %; the longest is 104 days.
 */
WEIR_INLINE __u16 weir_span_of_ms(__u64 ms) {
    __u64 ticks = (ms * 1000000ull + (1ull << WEIR_TICK_SHIFT) - 1) >> WEIR_TICK_SHIFT;

    if (ms > 0xffffffffffull) ticks = 0xffffffffull;
    for (__u32 exponent = 0; exponent < 8; exponent++) {
        if (ticks < 8192) return (__u16)(exponent << 13 | ticks);
        ticks = (ticks + 3) >> 2;
    }
    return 0xffff;
}

WEIR_INLINE __u32 weir_span_ticks(__u16 span) {
    return (__u32)(span & 8191u) << (span >> 13) * 2;
}

WEIR_INLINE __u64 weir_ticks_ms(__u32 ticks) {
    return ((__u64)ticks << WEIR_TICK_SHIFT) / 1000000ull;
}

#endif
