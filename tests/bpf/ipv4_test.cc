// SPDX-License-Identifier: Apache-2.0
// The header checksum of random IPv4 headers, options included, against a naive sum.
#include "bpf/shared/ipv4.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace {

constexpr std::uint32_t l3 = 18;  // behind one tag

std::uint16_t naive_sum(const std::vector<std::uint8_t>& data, std::size_t from, std::size_t to) {
    std::uint64_t sum = 0;
    for (std::size_t i = from; i < to; i += 2) sum += data[i] * 256u + data[i + 1];
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(~sum);
}

TEST(Ipv4Checksum, RightOnesAreRightAndEveryFlippedBitIsSeen) {
    std::mt19937 random(17);
    for (int round = 0; round < 2000; round++) {
        const std::uint32_t header = 20 + random() % 11 * 4;
        std::vector<std::uint8_t> frame(l3 + header);
        for (auto& byte : frame) byte = static_cast<std::uint8_t>(random() % 3 ? random() : 0xff);
        frame[l3] = static_cast<std::uint8_t>(0x40 | header / 4);
        frame[l3 + 10] = frame[l3 + 11] = 0;
        const std::uint16_t sum = naive_sum(frame, l3, frame.size());
        frame[l3 + 10] = static_cast<std::uint8_t>(sum >> 8);
        frame[l3 + 11] = static_cast<std::uint8_t>(sum);
        std::uint8_t* const data = frame.data();
        std::uint8_t* const end = data + frame.size();
        ASSERT_TRUE(weir_ipv4_sum_is_right(data, end, l3, header)) << "round " << round;
        const std::size_t bit = random() % (header * 8);
        frame[l3 + bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
        ASSERT_FALSE(weir_ipv4_sum_is_right(data, end, l3, header)) << "round " << round;
    }
}

}  // namespace
