// SPDX-License-Identifier: Apache-2.0
// Who uses which lines of the slot arena. Only the writer asks; readers never see it. First fit
// over a map of free runs: a balancer has at most a few thousand slot tables.
#pragma once

#include <cstdint>
#include <iterator>
#include <map>
#include <optional>

namespace weir::tables {

class Arena {
  public:
    explicit Arena(std::uint32_t lines) {
        if (lines > 0) free_[0] = lines;
    }

    // The first line of `lines` contiguous free ones, now taken.
    std::optional<std::uint32_t> take(std::uint32_t lines) {
        for (auto run = free_.begin(); run != free_.end(); ++run)
            if (run->second >= lines) return cut(run, run->first, lines);
        return std::nullopt;
    }

    // Takes this very range, which an earlier process had taken. false: it is not free.
    bool take_at(std::uint32_t first, std::uint32_t lines) {
        auto run = free_.upper_bound(first);
        if (run == free_.begin()) return false;
        --run;
        if (first + lines > run->first + run->second) return false;
        cut(run, first, lines);
        return true;
    }

    void give_back(std::uint32_t first, std::uint32_t lines) {
        auto next = free_.lower_bound(first);
        if (next != free_.end() && first + lines == next->first) {
            lines += next->second;
            next = free_.erase(next);
        }
        if (next != free_.begin()) {
            auto previous = std::prev(next);
            if (previous->first + previous->second == first) {
                previous->second += lines;
                return;
            }
        }
        free_[first] = lines;
    }

  private:
    using Runs = std::map<std::uint32_t, std::uint32_t>;  // first line -> length

    std::uint32_t cut(Runs::iterator run, std::uint32_t first, std::uint32_t lines) {
        const auto [start, length] = *run;
        free_.erase(run);
        if (first > start) free_[start] = first - start;
        if (first + lines < start + length) free_[first + lines] = start + length - first - lines;
        return first;
    }

    Runs free_;
};

}  // namespace weir::tables
