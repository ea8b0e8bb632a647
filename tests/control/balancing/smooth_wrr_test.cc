// SPDX-License-Identifier: Apache-2.0
// The sequence against a table recorded from a real nginx (record_nginx.sh), and its properties.
#include "control/balancing/smooth_wrr.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

namespace weir {
namespace {

using Sequence = std::vector<std::uint32_t>;

template <class T>
std::vector<T> numbers(const std::string& text) {
    std::istringstream in(text);
    return {std::istream_iterator<T>(in), {}};
}

TEST(SmoothWrr, IsNginxsOrder) {
    const char* root = std::getenv("WEIR_SOURCE_ROOT");
    std::ifstream table(std::string(root ? root : ".") +
                        "/tests/control/balancing/smooth_wrr_nginx.txt");
    unsigned rows = 0;
    for (std::string row; std::getline(table, row); ++rows) {
        const auto colon = row.find(':');
        const auto weights = numbers<unsigned>(row.substr(0, colon));
        const auto picks = numbers<std::uint32_t>(row.substr(colon + 1));
        const auto period = smooth_wrr_sequence(weights, 65536);
        ASSERT_FALSE(period.empty());
        ASSERT_GE(picks.size(), 2 * period.size()) << row;
        for (std::size_t i = 0; i < picks.size(); ++i)
            ASSERT_EQ(period[i % period.size()], picks[i]) << row << ", pick " << i;
    }
    EXPECT_GE(rows, 15U);
}

TEST(SmoothWrr, DividesByTheGreatestCommonDivisor) {
    EXPECT_EQ(smooth_wrr_sequence(std::vector<unsigned>{100, 200}, 1000), (Sequence{1, 0, 1}));
}

TEST(SmoothWrr, LeavesOutPeersWithoutWeight) {
    EXPECT_EQ(smooth_wrr_sequence(std::vector<unsigned>{0, 1, 0, 1}, 1000), (Sequence{1, 3}));
    EXPECT_TRUE(smooth_wrr_sequence(std::vector<unsigned>{0, 0}, 1000).empty());
    EXPECT_TRUE(smooth_wrr_sequence({}, 1000).empty());
}

TEST(SmoothWrr, ScalesDownToTheBoundAndKeepsEveryPeer) {
    const std::vector<unsigned> weights{1000000, 999999, 500001, 1, 1};
    const auto sequence = smooth_wrr_sequence(weights, 1000);
    EXPECT_LE(sequence.size(), 1000U);
    const double total = 2500002;
    for (std::uint32_t peer = 0; peer < weights.size(); ++peer) {
        const auto turns = std::count(sequence.begin(), sequence.end(), peer);
        EXPECT_GE(turns, 1);
        EXPECT_NEAR(static_cast<double>(turns) / static_cast<double>(sequence.size()),
                    weights[peer] / total, 0.005);
    }
    EXPECT_EQ(smooth_wrr_sequence(std::vector<unsigned>{1, 1000000, 1}, 3).size(), 3U);
}

}  // namespace
}  // namespace weir
