// SPDX-License-Identifier: Apache-2.0
// Incremental checksums against a naive sum over the whole data, on random data.
#include "bpf/shared/checksum.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace {

// RFC 1071 as its text says it: 16-bit big-endian words, an odd byte padded with zero.
std::uint16_t naive_sum(const std::vector<std::uint8_t>& data) {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < data.size(); i += 2)
        sum += data[i] * 256u + (i + 1 < data.size() ? data[i + 1] : 0u);
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(~sum);
}

weir_be32 word_at(const std::vector<std::uint8_t>& data, std::size_t i) {
    return weir_be32_from(static_cast<std::uint32_t>(data[i]) << 24 | data[i + 1] << 16 |
                          data[i + 2] << 8 | data[i + 3]);
}

void put(std::vector<std::uint8_t>& data, std::size_t i, std::uint32_t value) {
    for (int shift = 24; shift >= 0; shift -= 8)
        data[i++] = static_cast<std::uint8_t>(value >> shift);
}

// Zero has two forms in ones' complement; a sum over nonzero data never gives 0xffff both ways.
void expect_same_sum(std::uint16_t a, std::uint16_t b) {
    if (a == b) return;
    EXPECT_TRUE((a == 0 && b == 0xffff) || (a == 0xffff && b == 0)) << a << " " << b;
}

TEST(Checksum, Rfc1624Example) {
    // Section 4: checksum 0xdd2f, a field changes from 0x5555 to 0x3285; equation 3 gives 0x0000.
    const auto updated = weir_checksum_update(
        weir_be16_from(0xdd2f), weir_delta16(0, weir_be16_from(0x5555), weir_be16_from(0x3285)));
    EXPECT_EQ(weir_be16_to(updated), 0x0000);
}

TEST(Checksum, NoChangeKeepsIt) {
    for (std::uint32_t sum = 0; sum < 0xffff; sum += 7) {
        const weir_be32 word = weir_be32_from(sum * 65537u);
        const auto updated = weir_checksum_update(weir_be16_from(static_cast<std::uint16_t>(sum)),
                                                  weir_delta32(0, word, word));
        expect_same_sum(weir_be16_to(updated), static_cast<std::uint16_t>(sum));
    }
}

TEST(Checksum, RandomChangesAgreeWithTheNaiveSum) {
    std::mt19937_64 random(1);
    for (int round = 0; round < 20000; round++) {
        std::vector<std::uint8_t> data(20 + random() % 60);
        for (auto& byte : data) byte = static_cast<std::uint8_t>(random() % 3 ? random() : 0xff);
        const auto before = weir_be16_from(naive_sum(data));
        std::uint32_t delta = 0;
        for (int change = 0; change < 4; change++) {
            const std::size_t at = random() % ((data.size() - 3) / 2) * 2;
            const auto old_word = word_at(data, at);
            put(data, at, static_cast<std::uint32_t>(random() % 5 ? random() : 0));
            delta = weir_delta32(delta, old_word, word_at(data, at));
        }
        const auto after = weir_checksum_update(before, delta);
        expect_same_sum(weir_be16_to(after), naive_sum(data));
    }
}

// 1000 words of the worst kind: the accumulator must not overflow, nor two folds be too few.
TEST(Checksum, LargeDelta) {
    std::uint32_t delta = 0;
    for (int i = 0; i < 1000; i++)
        delta = weir_delta32(delta, weir_be32_from(0), weir_be32_from(0xffffffff));
    expect_same_sum(weir_be16_to(weir_checksum_update(weir_be16_from(0x1234), delta)), 0x1234);
}

}  // namespace
