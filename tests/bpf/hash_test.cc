// SPDX-License-Identifier: Apache-2.0
// Properties of the tuple hash that the flow table, the SNAT ports and Maglev rest on.
#include "bpf/shared/hash.h"

#include <gtest/gtest.h>

#include <bit>
#include <random>
#include <set>
#include <vector>

#include "bpf/shared/host_env.h"
#include "bpf/shared/reference.h"

namespace {

weir_tuple tuple_of(std::uint32_t src, std::uint16_t sport, std::uint32_t dst, std::uint16_t dport,
                    std::uint32_t protocol = WEIR_PROTO_TCP) {
    return {weir_addr_v4(weir_be32_from(src)), weir_addr_v4(weir_be32_from(dst)),
            weir_be16_from(sport), weir_be16_from(dport), protocol};
}

TEST(Hash, EveryFieldCounts) {
    const weir_tuple base = tuple_of(0xc6336407, 40000, 0xc000020a, 80);
    std::set<std::uint64_t> hashes{weir_hash_tuple(1, &base), weir_hash_tuple(2, &base)};
    for (const weir_tuple& other :
         {tuple_of(0xc6336408, 40000, 0xc000020a, 80), tuple_of(0xc6336407, 40001, 0xc000020a, 80),
          tuple_of(0xc6336407, 40000, 0xc000020b, 80), tuple_of(0xc6336407, 40000, 0xc000020a, 81),
          tuple_of(0xc6336407, 40000, 0xc000020a, 80, WEIR_PROTO_UDP),
          tuple_of(0xc000020a, 80, 0xc6336407, 40000)})
        hashes.insert(weir_hash_tuple(1, &other));
    EXPECT_EQ(hashes.size(), 8u);
}

TEST(Hash, Ipv6IsNotTakenForIpv4) {
    weir_tuple v6 = tuple_of(1, 2, 3, 4);
    const std::uint64_t v4_hash = weir_hash_tuple(1, &v6);
    for (int i = 0; i < 4; i++) {
        v6 = tuple_of(1, 2, 3, 4);
        v6.src.word[i].raw ^= 0x01000000;
        EXPECT_NE(weir_hash_tuple(1, &v6), v4_hash);
    }
}

// One client's ports in sequence, as a load generator or a NAT makes them: buckets fill evenly.
TEST(Hash, SequentialPortsSpreadOverBuckets) {
    constexpr std::uint32_t buckets = 1024;
    constexpr int flows = 64 * buckets;
    std::vector<int> load(buckets);
    for (int i = 0; i < flows; i++) {
        const auto tuple = tuple_of(0x0a000001 + static_cast<std::uint32_t>(i / 50000),
                                    static_cast<std::uint16_t>(10000 + i % 50000), 0xc000020a, 80);
        load[weir_first_bucket(weir_hash_tuple(7, &tuple), buckets)]++;
    }
    double chi2 = 0;
    for (const int n : load) chi2 += (n - 64.0) * (n - 64.0) / 64.0;
    EXPECT_GT(chi2, 1023 - 6 * 45.2);  // mean 1023, standard deviation sqrt(2 * 1023)
    EXPECT_LT(chi2, 1023 + 6 * 45.2);
}

// Flip one bit of the input: about half of the 64 output bits change.
TEST(Hash, Avalanche) {
    std::mt19937 random(3);
    double flipped = 0;
    int trials = 0;
    for (int round = 0; round < 500; round++)
        for (int bit = 0; bit < 16; bit++) {
            const std::uint32_t src = static_cast<std::uint32_t>(random());
            const auto port = static_cast<std::uint16_t>(random());
            const auto a = tuple_of(src, port, 0xc000020a, 80);
            const auto b =
                tuple_of(src, static_cast<std::uint16_t>(port ^ (1u << bit)), 0xc000020a, 80);
            flipped += std::popcount(weir_hash_tuple(1, &a) ^ weir_hash_tuple(1, &b));
            trials++;
        }
    EXPECT_NEAR(flipped / trials, 32, 2);
}

// The choices are independent: of the flows that share their first bucket, the second ones spread.
TEST(Hash, SecondBucketsSpreadWhereverTheFirstIs) {
    constexpr std::uint32_t buckets = 1000;
    std::vector<int> load(buckets);
    int flows = 0;
    for (std::uint32_t i = 0; flows < 20 * static_cast<int>(buckets); i++) {
        const auto tuple = tuple_of(0x0a000001 + i / 50000,
                                    static_cast<std::uint16_t>(10000 + i % 50000), 0xc000020a, 80);
        const std::uint64_t hash = weir_hash_tuple(7, &tuple);
        ASSERT_LT(weir_second_bucket(hash, buckets), buckets);
        if (weir_first_bucket(hash, buckets) >= 10) continue;
        load[weir_second_bucket(hash, buckets)]++;
        flows++;
    }
    double chi2 = 0;
    for (const int n : load) chi2 += (n - 20.0) * (n - 20.0) / 20.0;
    EXPECT_GT(chi2, 999 - 6 * 44.7);
    EXPECT_LT(chi2, 999 + 6 * 44.7);
}

}  // namespace
