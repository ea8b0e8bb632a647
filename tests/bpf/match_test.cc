// SPDX-License-Identifier: Apache-2.0
// The vector form of the bucket search against its plain twin, on random buckets.
#include "bpf/shared/match.h"

#include <gtest/gtest.h>

#include <array>
#include <random>

namespace {

TEST(Match, TheFirstFromAPlaceOn) {
    const std::array<__u32, 8> words{3, 5, 3, 7, 9, 3, 1, 1};
    EXPECT_EQ(weir_match(words.data(), 8, 0, 3, 0), 0u);
    EXPECT_EQ(weir_match(words.data(), 8, 0, 3, 1), 2u);
    EXPECT_EQ(weir_match(words.data(), 8, 0, 3, 6), 8u);
    EXPECT_EQ(weir_match(words.data(), 8, 1, 4, 0), 4u);
    EXPECT_EQ(weir_match(words.data(), 8, 0, 2, 0), 8u);
    EXPECT_EQ(weir_match(words.data(), 8, 0, 1, 8), 8u);
}

TEST(Match, BothFormsAgree) {
#ifdef WEIR_MATCH_SSE2
    std::mt19937 random(4);
    for (int round = 0; round < 200'000; round++) {
        std::array<__u32, 16> words;
        const __u32 shift = random() % 32;
        for (auto& word : words) word = (random() % 4) << shift | random() >> (31 - shift) >> 1;
        const __u32 count = random() % 2 ? 8 : 16;
        const __u32 wanted = random() % 4;
        const __u32 from = random() % (count + 1);
        ASSERT_EQ(weir_match_sse2(words.data(), count, shift, wanted, from),
                  weir_match_plain(words.data(), count, shift, wanted, from));
    }
#else
    GTEST_SKIP() << "this compiler's target has no SSE2: only the plain form is built";
#endif
}

}  // namespace
