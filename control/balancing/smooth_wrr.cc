// SPDX-License-Identifier: Apache-2.0
// See smooth_wrr.h. Each pick adds to every peer its weight, takes the first with the greatest sum,
// and takes the total off it. After one period all sums are zero again.
#include "control/balancing/smooth_wrr.h"

#include <algorithm>
#include <cassert>
#include <numeric>

namespace weir {
namespace {

std::uint64_t sum(const std::vector<std::uint64_t>& weights) {
    return std::accumulate(weights.begin(), weights.end(), std::uint64_t{0});
}

void reduce(std::vector<std::uint64_t>& weights) {
    std::uint64_t divisor = 0;
    for (std::uint64_t weight : weights) divisor = std::gcd(divisor, weight);
    if (divisor > 1)
        for (std::uint64_t& weight : weights) weight /= divisor;
}

// Rounding up to 1 can leave the sum above the bound; the heaviest pay for that.
void scale_down(std::vector<std::uint64_t>& weights, std::uint64_t bound) {
    const std::uint64_t total = sum(weights);
    for (std::uint64_t& weight : weights) {
        if (weight == 0) continue;
        const auto scaled = static_cast<std::uint64_t>(static_cast<long double>(weight) *
                                                       static_cast<long double>(bound) /
                                                       static_cast<long double>(total));
        weight = std::max<std::uint64_t>(1, scaled);
    }
    for (std::uint64_t over = sum(weights); over > bound; --over)
        --*std::max_element(weights.begin(), weights.end());
    reduce(weights);
}

}  // namespace

std::vector<std::uint32_t> smooth_wrr_sequence(std::span<const unsigned> given,
                                               std::size_t max_length) {
    std::vector<std::uint64_t> weights(given.begin(), given.end());
    reduce(weights);
    const auto peers = static_cast<std::size_t>(
        std::count_if(weights.begin(), weights.end(), [](auto weight) { return weight > 0; }));
    if (peers == 0) return {};
    assert(peers <= max_length && "a peer with weight would never get a turn");
    if (sum(weights) > max_length) scale_down(weights, max_length);

    const std::uint64_t total = sum(weights);
    std::vector<std::int64_t> current(weights.size(), 0);
    std::vector<std::uint32_t> sequence;
    sequence.reserve(total);
    while (sequence.size() < total) {
        std::size_t best = weights.size();
        for (std::size_t i = 0; i < weights.size(); ++i) {
            if (weights[i] == 0) continue;
            current[i] += static_cast<std::int64_t>(weights[i]);
            if (best == weights.size() || current[i] > current[best]) best = i;
        }
        current[best] -= static_cast<std::int64_t>(total);
        sequence.push_back(static_cast<std::uint32_t>(best));
    }
    return sequence;
}

}  // namespace weir
