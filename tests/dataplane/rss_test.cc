// SPDX-License-Identifier: Apache-2.0
// The hash is the one that NICs compute (the vectors that Microsoft publishes for RSS), and spreads
// flows evenly over workers with any seed.
#include "dataplane/rss.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <random>
#include <vector>

#include "tests/dataplane/frame.h"

namespace weir {
namespace {

// "Verifying the RSS Hash Calculation", Windows driver documentation.
constexpr Rss::Key published{0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67,
                             0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb,
                             0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30,
                             0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa};

weir_tuple tuple(const weir_addr& src, std::uint16_t sport, const weir_addr& dst,
                 std::uint16_t dport) {
    return {src, dst, weir_be16_from(sport), weir_be16_from(dport), WEIR_PROTO_TCP};
}

weir_addr v6(std::array<std::uint16_t, 8> groups) {
    weir_addr address;
    for (unsigned i = 0; i < 4; i++)
        address.word[i] = weir_be32_from(std::uint32_t{groups[2 * i]} << 16 | groups[2 * i + 1]);
    return address;
}

TEST(Rss, HashesAsNicsDo) {
    const Rss rss(published, 4);
    EXPECT_EQ(rss.hash(tuple(address(66, 9, 149, 187), 2794, address(161, 142, 100, 80), 1766)),
              0x51ccc178u);
    EXPECT_EQ(rss.hash(tuple(address(199, 92, 111, 2), 14230, address(65, 69, 140, 83), 4739)),
              0xc626b0eau);
    EXPECT_EQ(rss.hash(tuple(address(24, 19, 198, 95), 12898, address(12, 22, 207, 184), 38024)),
              0x5c2b394au);
    EXPECT_EQ(rss.hash(tuple(v6({0x3ffe, 0x2501, 0x200, 0x1fff, 0, 0, 0, 7}), 2794,
                             v6({0x3ffe, 0x2501, 0x200, 3, 0, 0, 0, 1}), 1766)),
              0x40207d3du);
}

// Bit by bit, as the definition has it.
std::uint32_t naive(const Rss& rss, const weir_tuple& tuple) {
    std::vector<std::uint8_t> input;
    for (const weir_addr* address : {&tuple.src, &tuple.dst}) {
        const auto* bytes = reinterpret_cast<const std::uint8_t*>(&address->word[3]);
        input.insert(input.end(), bytes, bytes + 4);
    }
    for (const std::uint16_t port : {weir_be16_to(tuple.sport), weir_be16_to(tuple.dport)})
        for (const int shift : {8, 0}) input.push_back(static_cast<std::uint8_t>(port >> shift));
    std::uint32_t hash = 0;
    for (std::size_t bit = 0; bit < input.size() * 8; bit++) {
        if (!(input[bit / 8] >> (7 - bit % 8) & 1)) continue;
        std::uint32_t window = 0;
        for (std::size_t i = bit; i < bit + 32; i++)
            window = window << 1 | (rss.key()[i / 8] >> (7 - i % 8) & 1u);
        hash ^= window;
    }
    return hash;
}

TEST(Rss, AgreesWithTheDefinition) {
    for (std::uint64_t seed = 1; seed < 20; seed++) {
        const Rss rss(Rss::key_from(seed), 4);
        for (std::uint16_t i = 1; i < 200; i++) {
            const weir_tuple one =
                tuple(address(10, static_cast<std::uint8_t>(seed), 7, static_cast<std::uint8_t>(i)),
                      static_cast<std::uint16_t>(i * 331), address(192, 168, 0, 1), 443);
            ASSERT_EQ(rss.hash(one), naive(rss, one));
        }
    }
}

TEST(Rss, TheKeyFollowsFromTheSeedAlone) {
    EXPECT_EQ(Rss::key_from(7), Rss::key_from(7));
    EXPECT_NE(Rss::key_from(7), Rss::key_from(8));
    unsigned ones = 0;
    for (const std::uint8_t byte : Rss::key_from(0))
        ones += static_cast<unsigned>(std::popcount(byte));
    EXPECT_GT(ones, Rss::key_bytes * 8 / 3) << "seed 0 is a seed too";
}

TEST(Rss, EveryWorkerGetsItsShareOfClients) {
    for (const unsigned workers : {2u, 3u, 4u, 8u, 16u})
        for (std::uint64_t seed = 1; seed < 6; seed++) {
            const Rss rss(Rss::key_from(seed), workers);
            std::vector<unsigned> flows(workers);
            for (unsigned i = 0; i < 20'000; i++)
                flows[rss.worker_of(rss.hash(
                    tuple(address(10, 0, static_cast<std::uint8_t>(i % 251), 9),
                          static_cast<std::uint16_t>(1024 + i), address(192, 168, 0, 1), 80)))]++;
            const auto [fewest, most] = std::ranges::minmax(flows);
            // 64 buckets over 3 workers are 22, 21 and 21.
            EXPECT_LT(most, 20'000 / workers * 1.2) << workers << " workers, seed " << seed;
            EXPECT_GT(fewest, 20'000 / workers * 0.8) << workers << " workers, seed " << seed;
        }
}

// What is known of one port is used for the next ones.
TEST(Rss, TheWorkerOfAnotherPortIsThatOfItsHash) {
    std::mt19937 random(3);
    for (const unsigned workers : {2u, 3u, 16u}) {
        const Rss rss(Rss::key_from(workers), workers);
        for (int round = 0; round < 200; round++) {
            weir_tuple one = tuple(address(172, 17, 0, static_cast<std::uint8_t>(random())),
                                   static_cast<std::uint16_t>(random()), address(10, 0, 0, 10), 0);
            if (round % 2) one.src.word[0] = weir_be32_from(0x20010db8);
            __u64 known = 0;
            for (int i = 0; i < 50; i++) {
                one.dport = weir_be16_from(static_cast<std::uint16_t>(random()));
                ASSERT_EQ(rss.worker_of(one, known), rss.worker_of(rss.hash(one)));
            }
        }
    }
}

// A source port can be chosen so that the reply comes back to its worker: of the ports that weir
// uses toward one backend each worker has its share, and a walk in steps like weir_snat()'s meets
// one soon.
TEST(Rss, RepliesOfEachBackendReachEveryWorkerByTheirPort) {
    constexpr unsigned low = 1024, count = 31744, tries = 48;
    for (const unsigned workers : {2u, 4u, 8u}) {
        unsigned walks = 0, vain = 0;
        for (std::uint64_t seed = 1; seed < 6; seed++) {
            const Rss rss(Rss::key_from(seed), workers);
            for (std::uint8_t backend = 1; backend < 10; backend++) {
                std::vector<unsigned> owner(count), share(workers);
                for (unsigned port = 0; port < count; port++) {
                    owner[port] = rss.worker_of(
                        rss.hash(tuple(address(172, 17, 0, backend), 8080, address(10, 0, 0, 10),
                                       static_cast<std::uint16_t>(low + port))));
                    share[owner[port]]++;
                }
                for (const unsigned ports : share)
                    EXPECT_NEAR(ports, 1.0 * count / workers, 0.05 * count / workers);
                for (unsigned walk = 0; walk < 200; walk++) {
                    const unsigned start = walk * 7919 % count,
                                   step = 1 + walk * 104729 % (count - 1);
                    unsigned i = 0;
                    while (i < tries && owner[(start + i * step) % count] != walk % workers) i++;
                    walks++;
                    vain += i == tries;
                }
            }
        }
        EXPECT_LT(vain, walks / 50) << "of " << walks << " walks with " << workers << " workers";
    }
}

}  // namespace
}  // namespace weir
