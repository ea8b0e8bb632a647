// SPDX-License-Identifier: Apache-2.0
// The vector form of the bucket search against its plain twin, on random buckets.
#include "bpf/shared/match.h"

#include <gtest/gtest.h>

#include <array>
#include <random>

namespace {

TEST(Match, TheFirstFromAPlaceOn) {
    const std::array<__u32, 16> words{3, 5, 3, 7, 9, 3, 1, 1, 0, 0, 0, 0, 0, 0, 0, 6};
    EXPECT_EQ(weir_match(words.data(), 0, 3, 0), 0u);
    EXPECT_EQ(weir_match(words.data(), 0, 3, 1), 2u);
    EXPECT_EQ(weir_match(words.data(), 0, 3, 6), 16u);
    EXPECT_EQ(weir_match(words.data(), 1, 4, 0), 4u);
    EXPECT_EQ(weir_match(words.data(), 0, 2, 0), 16u);
    EXPECT_EQ(weir_match(words.data(), 0, 6, 15), 15u);
    EXPECT_EQ(weir_match(words.data(), 0, 6, 16), 16u);
    EXPECT_EQ(weir_match_count(words.data(), 0), 7u);
    EXPECT_EQ(weir_match_count(words.data(), 2), 0u);
}

TEST(Match, BothFormsAgree) {
#ifdef WEIR_MATCH_SSE2
    std::mt19937 random(4);
    for (int round = 0; round < 200'000; round++) {
        std::array<__u32, 16> words;
        const __u32 shift = random() % 32;
        for (auto& word : words) word = (random() % 4) << shift | random() >> (31 - shift) >> 1;
        const __u32 wanted = random() % 4;
        const __u32 from = random() % 17;
        ASSERT_EQ(weir_match_sse2(words.data(), shift, wanted, from),
                  weir_match_plain(words.data(), shift, wanted, from));
        ASSERT_EQ(weir_match_count_sse2(words.data(), words[from % 16]),
                  weir_match_count_plain(words.data(), words[from % 16]));
    }
#else
    GTEST_SKIP() << "this compiler's target has no SSE2: only the plain form is built";
#endif
}

}  // namespace
