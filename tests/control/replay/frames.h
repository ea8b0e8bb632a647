// SPDX-License-Identifier: Apache-2.0
// Frames and capture files for the tests of replay. Checksums are computed over the whole packet
// (RFC 1071), not by the code under test.
#pragma once

#include <gtest/gtest.h>
#include <pcap/pcap.h>

#include <algorithm>
#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/ip/address_v6.hpp>
#include <cstring>
#include <string>
#include <vector>

#include "bpf/shared/wire.h"
#include "control/replay/runner.h"

namespace weir::replay::test {

inline const weir_mac balancer_mac{{2, 0, 0, 0, 0, 0x10}};
inline const weir_mac client_mac{{2, 0, 0, 0, 0, 0x02}};
inline const weir_mac backend_mac{{2, 0, 0, 0, 0, 0x21}};

inline weir_be32 ipv4(const std::string& text) {
    return weir_be32_from(boost::asio::ip::make_address_v4(text).to_uint());
}

inline std::uint32_t sum(std::uint32_t from, const std::uint8_t* data, std::size_t size) {
    for (std::size_t i = 0; i < size; i++) from += i % 2 ? data[i] : std::uint32_t{data[i]} << 8;
    return from;
}

inline std::uint16_t folded(std::uint32_t value) {
    while (value >> 16) value = (value & 0xffff) + (value >> 16);
    return static_cast<std::uint16_t>(~value);
}

struct Ends {
    weir_mac from;
    weir_mac to;
    std::string source;
    std::uint16_t sport;
    std::string destination;
    std::uint16_t dport;
};

// A TCP segment; `id` is the IP header's.
inline Bytes tcp(const Ends& ends, std::uint8_t flags, std::uint32_t seq, std::uint16_t id,
                 const std::string& payload = "", std::uint8_t ttl = 64) {
    struct {
        weir_eth eth;
        weir_ipv4 ip;
        weir_tcp tcp;
    } WEIR_PACKED headers{};
    headers.eth = {ends.to, ends.from, weir_be16_from(WEIR_ETH_IPV4)};
    headers.ip.version_ihl = 0x45;
    headers.ip.length = weir_be16_from(
        static_cast<std::uint16_t>(sizeof(weir_ipv4) + sizeof(weir_tcp) + payload.size()));
    headers.ip.id = weir_be16_from(id);
    headers.ip.ttl = ttl;
    headers.ip.protocol = WEIR_PROTO_TCP;
    headers.ip.src = ipv4(ends.source);
    headers.ip.dst = ipv4(ends.destination);
    headers.tcp.sport = weir_be16_from(ends.sport);
    headers.tcp.dport = weir_be16_from(ends.dport);
    headers.tcp.seq = weir_be32_from(seq);
    headers.tcp.offset = 5 << 4;
    headers.tcp.flags = flags;
    Bytes bytes(sizeof(headers) + payload.size());
    std::memcpy(bytes.data(), &headers, sizeof(headers));
    std::copy(payload.begin(), payload.end(), bytes.begin() + sizeof(headers));
    const auto put = [&](std::size_t at, std::uint16_t value) {
        bytes[at] = static_cast<std::uint8_t>(value >> 8);
        bytes[at + 1] = static_cast<std::uint8_t>(value);
    };
    put(24, folded(sum(0, &bytes[14], 20)));
    const auto segment = static_cast<std::uint32_t>(bytes.size() - 34);
    put(50, folded(sum(sum(WEIR_PROTO_TCP + segment, &bytes[26], 8), &bytes[34], segment)));
    return bytes;
}

// The same over IPv6.
inline Bytes tcp6(const Ends& ends, std::uint8_t flags, std::uint32_t seq,
                  const std::string& payload = "", std::uint8_t hops = 64) {
    struct {
        weir_eth eth;
        weir_ipv6 ip;
        weir_tcp tcp;
    } WEIR_PACKED headers{};
    const auto segment = static_cast<std::uint16_t>(sizeof(weir_tcp) + payload.size());
    headers.eth = {ends.to, ends.from, weir_be16_from(WEIR_ETH_IPV6)};
    headers.ip.version_class = 0x60;
    headers.ip.length = weir_be16_from(segment);
    headers.ip.next = WEIR_PROTO_TCP;
    headers.ip.hops = hops;
    const auto source = boost::asio::ip::make_address_v6(ends.source).to_bytes();
    const auto destination = boost::asio::ip::make_address_v6(ends.destination).to_bytes();
    std::memcpy(&headers.ip.src, source.data(), source.size());
    std::memcpy(&headers.ip.dst, destination.data(), destination.size());
    headers.tcp.sport = weir_be16_from(ends.sport);
    headers.tcp.dport = weir_be16_from(ends.dport);
    headers.tcp.seq = weir_be32_from(seq);
    headers.tcp.offset = 5 << 4;
    headers.tcp.flags = flags;
    Bytes bytes(sizeof(headers) + payload.size());
    std::memcpy(bytes.data(), &headers, sizeof(headers));
    std::copy(payload.begin(), payload.end(), bytes.begin() + sizeof(headers));
    const std::uint16_t checksum = folded(
        sum(sum(WEIR_PROTO_TCP + std::uint32_t{segment}, &bytes[22], 32), &bytes[54], segment));
    bytes[70] = static_cast<std::uint8_t>(checksum >> 8);
    bytes[71] = static_cast<std::uint8_t>(checksum);
    return bytes;
}

// Both checksums are right.
inline bool intact(const Bytes& bytes) {
    const auto segment = static_cast<std::uint32_t>(bytes.size() - 34);
    return folded(sum(0, &bytes[14], 20)) == 0 &&
           folded(sum(sum(WEIR_PROTO_TCP + segment, &bytes[26], 8), &bytes[34], segment)) == 0;
}

struct Recorded {
    std::uint64_t time_us;
    Bytes bytes;
    std::size_t captured = SIZE_MAX;  // at most
};

inline std::string temporary(const std::string& name) {
    return testing::TempDir() + "weir-replay-" + std::to_string(::getpid()) + "-" + name;
}

// Writes a capture with libpcap; returns its path.
inline std::string record(const std::string& name, const std::vector<Recorded>& packets,
                          int link_type = DLT_EN10MB) {
    const std::string path = temporary(name);
    pcap_t* dead = pcap_open_dead(link_type, 65535);
    pcap_dumper_t* file = pcap_dump_open(dead, path.c_str());
    EXPECT_NE(file, nullptr) << pcap_geterr(dead);
    for (const Recorded& packet : packets) {
        pcap_pkthdr header{};
        header.ts.tv_sec = static_cast<time_t>(packet.time_us / 1'000'000);
        header.ts.tv_usec = static_cast<suseconds_t>(packet.time_us % 1'000'000);
        header.len = static_cast<bpf_u_int32>(packet.bytes.size());
        header.caplen = static_cast<bpf_u_int32>(std::min(packet.bytes.size(), packet.captured));
        pcap_dump(reinterpret_cast<u_char*>(file), &header, packet.bytes.data());
    }
    pcap_dump_close(file);
    pcap_close(dead);
    return path;
}

}  // namespace weir::replay::test
