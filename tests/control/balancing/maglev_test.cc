// SPDX-License-Identifier: Apache-2.0
// Maglev's promises: no empty slot, the same table from the same input, shares as the weights, and
// few moves when a backend goes.
#include "control/balancing/maglev.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace weir {
namespace {

constexpr std::size_t size = 65537;

std::vector<std::string> names_of(unsigned count) {
    std::vector<std::string> names;
    for (unsigned i = 0; i < count; ++i) names.push_back("10.0.0." + std::to_string(i) + ":80");
    return names;
}

std::vector<MaglevBackend> backends_of(const std::vector<std::string>& names) {
    std::vector<MaglevBackend> backends;
    for (const std::string& name : names) backends.push_back({name, 1});
    return backends;
}

TEST(Maglev, FillsEverySlotEvenly) {
    const auto names = names_of(100);
    const auto table = maglev_table(backends_of(names), size);
    ASSERT_EQ(table.size(), size);
    std::vector<std::size_t> slots(100);
    for (std::uint32_t index : table) {
        ASSERT_LT(index, 100U);
        ++slots[index];
    }
    const auto [least, most] = std::minmax_element(slots.begin(), slots.end());
    EXPECT_LE(*most - *least, 1U) << "equal backends take equal turns";
}

TEST(Maglev, IsTheSameForTheSameInputInAnyOrder) {
    const auto names = names_of(20);
    auto backends = backends_of(names);
    const auto table = maglev_table(backends, size);
    EXPECT_EQ(maglev_table(backends, size), table);
    std::reverse(backends.begin(), backends.end());
    const auto reversed = maglev_table(backends, size);
    for (std::size_t i = 0; i < size; ++i) ASSERT_EQ(19 - reversed[i], table[i]);
}

TEST(Maglev, MovesFewSlotsWhenABackendGoes) {
    const auto names = names_of(20);
    auto backends = backends_of(names);
    const auto before = maglev_table(backends, size);
    backends[7].weight = 0;
    const auto after = maglev_table(backends, size);
    std::size_t moved = 0;
    for (std::size_t i = 0; i < size; ++i) {
        ASSERT_NE(after[i], 7U);
        if (before[i] != 7 && before[i] != after[i]) ++moved;
    }
    EXPECT_LT(moved, size / 50) << "slots of the backends that stay";
}

TEST(Maglev, SharesSlotsByWeight) {
    const auto names = names_of(4);
    auto backends = backends_of(names);
    const unsigned weights[] = {1, 2, 3, 10};
    for (unsigned i = 0; i < 4; ++i) backends[i].weight = weights[i];
    const auto table = maglev_table(backends, size);
    for (std::uint32_t i = 0; i < 4; ++i) {
        const auto slots = std::count(table.begin(), table.end(), i);
        EXPECT_NEAR(static_cast<double>(slots) / size, weights[i] / 16.0, 0.001);
    }
}

TEST(Maglev, OfNothingIsEmpty) {
    EXPECT_TRUE(maglev_table({}, size).empty());
    EXPECT_TRUE(maglev_table(std::vector<MaglevBackend>{{"a", 0}}, size).empty());
}

TEST(Maglev, SpreadsOneBackendOverAll) {
    const auto table = maglev_table(std::vector<MaglevBackend>{{"a", 7}}, 5);
    EXPECT_EQ(table, std::vector<std::uint32_t>(5, 0));
}

TEST(Maglev, KnowsPrimes) {
    EXPECT_TRUE(is_prime(65537));
    EXPECT_TRUE(is_prime(2));
    EXPECT_FALSE(is_prime(65536));
    EXPECT_FALSE(is_prime(1));
}

}  // namespace
}  // namespace weir
