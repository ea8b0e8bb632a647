// SPDX-License-Identifier: Apache-2.0
// Writes the smallest frame of a tuple: 64 bytes on the wire, its checksum of 4 included (IPv6 with
// TCP needs 78). All checksums are right. Called for each packet of a benchmark, outside of what is
// timed.
#pragma once

#include <cstdint>
#include <cstring>

#include "bpf/shared/wire.h"

namespace weir::bench {

inline constexpr unsigned smallest_frame = 60;  // without the checksum that the NIC adds
inline constexpr unsigned largest_frame = 80;   // of those written here

struct Macs {
    weir_mac from;
    weir_mac to;
};

inline std::uint64_t sum_words(const void* data, unsigned bytes, std::uint64_t sum = 0) {
    const auto* place = static_cast<const std::uint8_t*>(data);
    for (unsigned i = 0; i + 1 < bytes; i += 2) {
        std::uint16_t word;
        std::memcpy(&word, place + i, 2);
        sum += word;
    }
    return sum;
}

inline weir_be16 checksum_of(std::uint64_t sum) {
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    return {static_cast<std::uint16_t>(~sum)};
}

// Returns the frame's length. `at` has room for largest_frame bytes.
inline unsigned write_frame(void* at, const Macs& macs, const weir_tuple& tuple,
                            std::uint8_t flags) {
    auto* start = static_cast<std::uint8_t*>(at);
    const bool v4 = weir_addr_is_v4(&tuple.src);
    const bool tcp = tuple.protocol == WEIR_PROTO_TCP;
    const unsigned l3 = sizeof(weir_eth);
    const unsigned l4 = l3 + (v4 ? sizeof(weir_ipv4) : 40);
    const unsigned header = tcp ? sizeof(weir_tcp) : sizeof(weir_udp);
    const unsigned length = std::max(smallest_frame, l4 + header);
    const auto l4_length = static_cast<std::uint16_t>(length - l4);

    std::memset(start, 0, length);
    const weir_eth eth{macs.to, macs.from, weir_be16_from(v4 ? WEIR_ETH_IPV4 : WEIR_ETH_IPV6)};
    std::memcpy(start, &eth, sizeof(eth));
    std::uint64_t pseudo = WEIR_SWAP16(static_cast<std::uint16_t>(tuple.protocol)) +
                           static_cast<std::uint64_t>(WEIR_SWAP16(l4_length));
    if (v4) {
        weir_ipv4 ip{};
        ip.version_ihl = 0x45;
        ip.length = weir_be16_from(static_cast<std::uint16_t>(length - l3));
        ip.ttl = 64;
        ip.protocol = static_cast<std::uint8_t>(tuple.protocol);
        ip.src = tuple.src.word[3];
        ip.dst = tuple.dst.word[3];
        ip.checksum = checksum_of(sum_words(&ip, sizeof(ip)));
        std::memcpy(start + l3, &ip, sizeof(ip));
        pseudo = sum_words(start + l3 + 12, 8, pseudo);
    } else {
        std::uint8_t* ip = start + l3;
        ip[0] = 0x60;
        const weir_be16 payload = weir_be16_from(l4_length);
        std::memcpy(ip + 4, &payload, 2);
        ip[6] = static_cast<std::uint8_t>(tuple.protocol);
        ip[7] = 64;
        std::memcpy(ip + 8, &tuple.src, 16);
        std::memcpy(ip + 24, &tuple.dst, 16);
        pseudo = sum_words(ip + 8, 32, pseudo);
    }
    if (tcp) {
        weir_tcp segment{};
        segment.sport = tuple.sport;
        segment.dport = tuple.dport;
        segment.offset = 5 << 4;
        segment.flags = flags;
        segment.checksum = checksum_of(sum_words(&segment, sizeof(segment), pseudo));
        std::memcpy(start + l4, &segment, sizeof(segment));
    } else {
        weir_udp datagram{tuple.sport, tuple.dport, weir_be16_from(l4_length), {}};
        datagram.checksum = checksum_of(sum_words(&datagram, sizeof(datagram), pseudo));
        std::memcpy(start + l4, &datagram, sizeof(datagram));
    }
    return length;
}

}  // namespace weir::bench
