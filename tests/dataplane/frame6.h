// SPDX-License-Identifier: Apache-2.0
// IPv6 for tests: TCP, its fragments (RFC 8200 section 4.5), and ICMPv6 errors about it. Checksums
// by their definition.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "bpf/shared/packet.h"
#include "bpf/shared/wire.h"
#include "tests/dataplane/frame.h"

namespace weir::ipv6 {

using Bytes = std::vector<std::uint8_t>;

inline constexpr std::uint8_t fragment_header = 44, icmp = 58, too_big = 2;
inline constexpr std::size_t header = sizeof(weir_ipv6), part_header = sizeof(weir_extension);

// 2001:db8::NETWORK:HOST
inline weir_addr address6(std::uint16_t network, std::uint16_t host) {
    weir_addr address{};
    address.word[0] = weir_be32_from(0x20010db8);
    address.word[3] = weir_be32_from(static_cast<std::uint32_t>(network) << 16 | host);
    return address;
}

template <class Header>
void append(Bytes& bytes, const Header& part) {
    const auto* begin = reinterpret_cast<const std::uint8_t*>(&part);
    bytes.insert(bytes.end(), begin, begin + sizeof(part));
}

// A packet with this payload, whose checksum, at `place` of the payload, is still zero.
inline Bytes packet(const weir_addr& src, const weir_addr& dst, std::uint8_t next, Bytes payload,
                    std::size_t place) {
    weir_ipv6 ip{};
    ip.version_class = 0x60;
    ip.length = weir_be16_from(static_cast<std::uint16_t>(payload.size()));
    ip.next = next;
    ip.hops = 64;
    ip.src = src;
    ip.dst = dst;
    Bytes whole;
    append(whole, ip);
    std::uint32_t sum = next + static_cast<std::uint32_t>(payload.size());
    const auto add = [&sum](const Bytes& bytes, std::size_t from) {
        for (std::size_t i = from; i < bytes.size(); i++)
            sum += (i - from) % 2 ? bytes[i] : std::uint32_t{bytes[i]} << 8;
    };
    add(whole, 8);
    add(payload, 0);
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    payload[place] = static_cast<std::uint8_t>(~sum >> 8);
    payload[place + 1] = static_cast<std::uint8_t>(~sum);
    whole.insert(whole.end(), payload.begin(), payload.end());
    return whole;
}

struct End {
    weir_addr address;
    std::uint16_t port;
};

inline Bytes tcp(const End& from, const End& to, std::uint8_t flags, std::size_t data = 0) {
    weir_tcp tcp{};
    tcp.sport = weir_be16_from(from.port);
    tcp.dport = weir_be16_from(to.port);
    tcp.offset = 5 << 4;
    tcp.flags = flags;
    Bytes payload;
    append(payload, tcp);
    payload.resize(payload.size() + data, 0x5a);
    return packet(from.address, to.address, WEIR_PROTO_TCP, payload, offsetof(weir_tcp, checksum));
}

// The same in parts of `size` payload bytes, a multiple of eight.
inline std::vector<Bytes> fragments(const Bytes& whole, std::uint32_t id, std::size_t size) {
    std::vector<Bytes> parts;
    for (std::size_t at = header; at < whole.size(); at += size) {
        const std::size_t end = std::min(at + size, whole.size());
        weir_ipv6 ip;
        std::memcpy(&ip, whole.data(), sizeof(ip));
        weir_extension extension{};
        extension.next = ip.next;
        extension.fragment = weir_be16_from(
            static_cast<std::uint16_t>((at - header) | (end < whole.size() ? 1 : 0)));
        extension.id = weir_be32_from(id);
        ip.next = fragment_header;
        ip.length = weir_be16_from(static_cast<std::uint16_t>(end - at + sizeof(extension)));
        Bytes& part = parts.emplace_back();
        append(part, ip);
        append(part, extension);
        part.insert(part.end(), whole.begin() + static_cast<std::ptrdiff_t>(at),
                    whole.begin() + static_cast<std::ptrdiff_t>(end));
    }
    return parts;
}

// A router at `from` says that `about` is too big (RFC 4443 section 3.2), to whoever sent it.
inline Bytes error(const weir_addr& from, const Bytes& about, std::uint16_t mtu = 1280) {
    weir_ipv6 ip;
    std::memcpy(&ip, about.data(), sizeof(ip));
    Bytes payload{too_big,
                  0,
                  0,
                  0,
                  0,
                  0,
                  static_cast<std::uint8_t>(mtu >> 8),
                  static_cast<std::uint8_t>(mtu)};
    payload.insert(payload.end(), about.begin(), about.end());
    return packet(from, ip.src, icmp, payload, 2);
}

inline Frame on_link(const weir_mac& from, const weir_mac& to, const Bytes& whole) {
    Bytes bytes;
    append(bytes, weir_eth{to, from, weir_be16_from(WEIR_ETH_IPV6)});
    bytes.insert(bytes.end(), whole.begin(), whole.end());
    return Frame(bytes);
}

inline Bytes without_link(const Frame& frame) {
    return {frame.bytes().begin() + sizeof(weir_eth), frame.bytes().end()};
}

// What follows IPv6's header.
template <class Header>
Header behind(const Bytes& whole, std::size_t skip = 0) {
    Header read;
    std::memcpy(&read, whole.data() + header + skip, sizeof(read));
    return read;
}

}  // namespace weir::ipv6
