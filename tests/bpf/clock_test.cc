// SPDX-License-Identifier: Apache-2.0
// Instants that wrap, and spans in 16 bits: never shorter than asked for, and by how much longer.
#include "bpf/shared/clock.h"

#include <gtest/gtest.h>

namespace {

TEST(Clock, InstantsWrap) {
    EXPECT_TRUE(weir_later(5, 4));
    EXPECT_FALSE(weir_later(4, 4));
    EXPECT_TRUE(weir_later(3, 0xfffffff0u));
    EXPECT_FALSE(weir_later(0xfffffff0u, 3));
}

TEST(Clock, SpansAreExactToNineMinutes) {
    for (unsigned seconds = 0; seconds <= 540; seconds++)
        EXPECT_EQ(weir_span_ticks(weir_span_of_ms(seconds * 1000)),
                  WEIR_TICKS_OF_MS(seconds * 1000));
}

TEST(Clock, SpansAreNeverShorterAndHardlyLonger) {
    for (__u64 ms = 1; ms < 8'000'000'000ull; ms = ms * 9 / 8 + 1) {
        const double asked = static_cast<double>(ms) * 1e6 / (1u << WEIR_TICK_SHIFT);
        const double got = weir_span_ticks(weir_span_of_ms(ms));
        EXPECT_GE(got, asked) << ms;
        EXPECT_LE(got, asked * 1.0005 + 1) << ms;
    }
}

TEST(Clock, LongerThanTheLongestIsTheLongest) {
    EXPECT_EQ(weir_span_of_ms(~0ull), 0xffff);
    EXPECT_GT(weir_ticks_ms(weir_span_ticks(0xffff)), 100ull * 86400 * 1000);
}

}  // namespace
