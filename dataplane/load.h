// SPDX-License-Identifier: Apache-2.0
// How busy a worker was in the last seconds, from two counters that only grow. main.cc samples each
// worker about once a second.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace weir {

class Load {
  public:
    static constexpr std::size_t window = 5;  // samples

    // Cycles spent on packets, and cycles in all, since the start.
    void sample(std::uint64_t busy, std::uint64_t all) {
        samples_[next_ % samples_.size()] = {busy, all};
        next_++;
    }

    // Of a thousand; 0 before there are two samples.
    std::uint16_t permille() const {
        if (next_ < 2) return 0;
        const Sample& last = samples_[(next_ - 1) % samples_.size()];
        const Sample& first = samples_[next_ <= samples_.size() ? 0 : next_ % samples_.size()];
        const std::uint64_t all = last.all - first.all;
        return all == 0 ? 0 : static_cast<std::uint16_t>((last.busy - first.busy) * 1000 / all);
    }

  private:
    struct Sample {
        std::uint64_t busy = 0;
        std::uint64_t all = 0;
    };
    std::array<Sample, window + 1> samples_{};
    std::size_t next_ = 0;
};

}  // namespace weir
