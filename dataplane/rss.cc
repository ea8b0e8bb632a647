// SPDX-License-Identifier: Apache-2.0
#include "dataplane/rss.h"

#include <rte_thash.h>

#include <cstring>

namespace weir {

Rss::Rss(const Key& key, unsigned workers) : key_(key), converted_{}, workers_(workers) {
    std::array<std::uint32_t, key_bytes / 4> words;
    std::array<std::uint32_t, key_bytes / 4> converted;
    std::memcpy(words.data(), key_.data(), key_bytes);
    rte_convert_rss_key(words.data(), converted.data(), key_bytes);
    std::memcpy(converted_.data(), converted.data(), key_bytes);
    weir_tuple tuple{};
    for (const unsigned v4 : {0u, 1u}) {
        if (v4) tuple.src = tuple.dst = weir_addr_v4({});
        for (unsigned byte = 0; byte < 256; byte++) {
            tuple.dport = weir_be16_from(static_cast<std::uint16_t>(byte << 8));
            of_port_[v4][0][byte] = hash(tuple);
            tuple.dport = weir_be16_from(static_cast<std::uint16_t>(byte));
            of_port_[v4][1][byte] = hash(tuple);
        }
    }
}

// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014).
Rss::Key Rss::key_from(std::uint64_t seed) {
    Key key;
    for (std::size_t at = 0; at < key.size(); at += 4) {
        seed += 0x9e3779b97f4a7c15ull;
        std::uint64_t word = (seed ^ (seed >> 30)) * 0xbf58476d1ce4e5b9ull;
        word = (word ^ (word >> 27)) * 0x94d049bb133111ebull;
        word ^= word >> 31;
        std::memcpy(&key[at], &word, 4);
    }
    return key;
}

std::uint32_t Rss::hash(const weir_tuple& tuple) const {
    std::array<std::uint32_t, RTE_THASH_V6_L4_LEN> words;
    std::uint32_t count = 0;
    const bool v4 = weir_addr_is_v4(&tuple.src) && weir_addr_is_v4(&tuple.dst);
    for (const weir_addr* address : {&tuple.src, &tuple.dst})
        for (unsigned i = v4 ? 3 : 0; i < 4; i++) words[count++] = weir_be32_to(address->word[i]);
    words[count++] =
        static_cast<std::uint32_t>(weir_be16_to(tuple.sport)) << 16 | weir_be16_to(tuple.dport);
    return rte_softrss_be(words.data(), count, converted_.data());
}

unsigned Rss::worker_of(const weir_tuple& tuple, __u64& known) const {
    constexpr __u64 is_known = __u64{1} << 32;
    const auto& of_port = of_port_[weir_addr_is_v4(&tuple.src) && weir_addr_is_v4(&tuple.dst)];
    if (known == 0) {
        weir_tuple rest = tuple;
        rest.dport = {};
        known = is_known | hash(rest);
    }
    const std::uint16_t port = weir_be16_to(tuple.dport);
    return worker_of(static_cast<std::uint32_t>(known) ^ of_port[0][port >> 8] ^
                     of_port[1][port & 0xff]);
}

}  // namespace weir
