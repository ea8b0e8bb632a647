// SPDX-License-Identifier: Apache-2.0
// The arena against a plain map of one flag a line.
#include "dataplane/tables/arena.h"

#include <gtest/gtest.h>

#include <random>
#include <utility>
#include <vector>

namespace weir::tables {
namespace {

// First fit, the long way.
class Flags {
  public:
    explicit Flags(std::uint32_t lines) : taken_(lines, false) {}

    bool free(std::uint32_t first, std::uint32_t lines) const {
        if (first + lines > taken_.size()) return false;
        for (std::uint32_t i = 0; i < lines; i++)
            if (taken_[first + i]) return false;
        return true;
    }
    std::optional<std::uint32_t> fit(std::uint32_t lines) const {
        for (std::uint32_t first = 0; first + lines <= taken_.size(); first++)
            if (free(first, lines)) return first;
        return std::nullopt;
    }
    void mark(std::uint32_t first, std::uint32_t lines, bool taken) {
        for (std::uint32_t i = 0; i < lines; i++) taken_[first + i] = taken;
    }

  private:
    std::vector<bool> taken_;
};

TEST(Arena, DoesWhatAMapOfFlagsDoes) {
    constexpr std::uint32_t lines = 97;
    std::mt19937 random(1);
    const auto upto = [&](std::uint32_t most) { return random() % most; };
    Arena arena(lines);
    Flags flags(lines);
    std::vector<std::pair<std::uint32_t, std::uint32_t>> owned;
    unsigned refused = 0;
    for (int step = 0; step < 20000; step++) {
        const std::uint32_t length = 1 + upto(12);
        switch (upto(4)) {
            case 0: {
                const auto first = arena.take(length);
                ASSERT_EQ(first, flags.fit(length)) << "step " << step;
                refused += !first;
                if (!first) break;
                flags.mark(*first, length, true);
                owned.emplace_back(*first, length);
                break;
            }
            case 1: {
                const std::uint32_t first = upto(lines + 4);
                const bool free = flags.free(first, length);
                ASSERT_EQ(arena.take_at(first, length), free) << "step " << step;
                if (!free) break;
                flags.mark(first, length, true);
                owned.emplace_back(first, length);
                break;
            }
            default: {
                if (owned.empty()) break;
                std::swap(owned[upto(static_cast<std::uint32_t>(owned.size()))], owned.back());
                const auto [first, count] = owned.back();
                owned.pop_back();
                arena.give_back(first, count);
                flags.mark(first, count, false);
            }
        }
    }
    EXPECT_GT(refused, 0u) << "the arena was never full";
    for (const auto& [first, count] : owned) arena.give_back(first, count);
    EXPECT_EQ(arena.take(lines), 0u) << "what was given back has not grown together";
    EXPECT_EQ(arena.take(1), std::nullopt);
}

TEST(Arena, OfNoLinesHasNone) {
    Arena arena(0);
    EXPECT_EQ(arena.take(1), std::nullopt);
    EXPECT_FALSE(arena.take_at(0, 1));
}

}  // namespace
}  // namespace weir::tables
