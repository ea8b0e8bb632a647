// SPDX-License-Identifier: Apache-2.0
// The slot table of ip_hash.
#include "control/balancing/ip_hash.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

TEST(IpHash, RepeatsEachPeerByItsWeight) {
    EXPECT_EQ(ip_hash_slots(std::vector<unsigned>{1, 3, 2}),
              (std::vector<std::uint32_t>{0, 1, 1, 1, 2, 2}));
}

TEST(IpHash, DoesNotReduceWeights) {
    EXPECT_EQ(ip_hash_slots(std::vector<unsigned>{2, 2}), (std::vector<std::uint32_t>{0, 0, 1, 1}));
}

// nginx: walk the weights with `hash % total`; here for every hash there is.
TEST(IpHash, IsNginxsWalkForEveryHash) {
    for (const std::vector<unsigned>& weights :
         {std::vector<unsigned>{1}, {5, 1, 3}, {4000, 3000, 2000}, {10000, 1}}) {
        unsigned total = 0;
        for (unsigned weight : weights) total += weight;
        const auto slots = ip_hash_slots(weights);
        for (unsigned hash = 0; hash < ip_hash_range; ++hash) {
            unsigned rest = hash % total;
            std::uint32_t peer = 0;
            while (rest >= weights[peer]) rest -= weights[peer++];
            ASSERT_EQ(slots[hash % slots.size()], peer);
        }
    }
}

TEST(IpHash, OfNothingIsEmpty) {
    EXPECT_TRUE(ip_hash_slots({}).empty());
}

}  // namespace
}  // namespace weir
