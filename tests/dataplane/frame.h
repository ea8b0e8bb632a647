// SPDX-License-Identifier: Apache-2.0
// A TCP or UDP frame over IPv4 for tests, with the naive oracle of its checksums.
#pragma once

#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "bpf/shared/packet.h"
#include "bpf/shared/wire.h"

namespace weir {

inline weir_addr address(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
    return weir_addr_v4(weir_be32_from(static_cast<std::uint32_t>(a) << 24 | b << 16 | c << 8 | d));
}

class Frame {
  public:
    explicit Frame(std::vector<std::uint8_t> bytes) : bytes_(std::move(bytes)) {}

    static Frame tcp(const weir_mac& from, const weir_mac& to, const weir_addr& src,
                     std::uint16_t sport, const weir_addr& dst, std::uint16_t dport,
                     std::uint8_t flags, const std::vector<std::uint8_t>& data = {}) {
        weir_eth eth{to, from, weir_be16_from(WEIR_ETH_IPV4)};
        weir_ipv4 ip{};
        ip.version_ihl = 0x45;
        ip.length =
            weir_be16_from(static_cast<std::uint16_t>(sizeof(ip) + sizeof(weir_tcp) + data.size()));
        ip.ttl = 64;
        ip.protocol = WEIR_PROTO_TCP;
        ip.src = src.word[3];
        ip.dst = dst.word[3];
        weir_tcp tcp{};
        tcp.sport = weir_be16_from(sport);
        tcp.dport = weir_be16_from(dport);
        tcp.offset = 5 << 4;
        tcp.flags = flags;
        Frame frame(
            std::vector<std::uint8_t>(sizeof(eth) + sizeof(ip) + sizeof(tcp) + data.size()));
        frame.put(0, eth);
        frame.put(ip_at, ip);
        frame.put(tcp_at, tcp);
        if (!data.empty())
            std::memcpy(&frame.bytes_[tcp_at + sizeof(tcp)], data.data(), data.size());
        ip.checksum = complement(frame.sum(ip_at, tcp_at));
        tcp.checksum = complement(frame.sum(tcp_at, frame.bytes_.size()) + frame.pseudo_header());
        frame.put(ip_at, ip);
        frame.put(tcp_at, tcp);
        return frame;
    }

    // Without a checksum of its own (RFC 768).
    static Frame udp(const weir_mac& from, const weir_mac& to, const weir_addr& src,
                     std::uint16_t sport, const weir_addr& dst, std::uint16_t dport) {
        Frame frame = tcp(from, to, src, sport, dst, dport, 0);
        auto ip = frame.take<weir_ipv4>(ip_at);
        ip.length = weir_be16_from(sizeof(ip) + sizeof(weir_udp));
        ip.protocol = WEIR_PROTO_UDP;
        ip.checksum = {};
        frame.bytes_.resize(tcp_at + sizeof(weir_udp));
        frame.put(ip_at, ip);
        ip.checksum = complement(frame.sum(ip_at, tcp_at));
        frame.put(ip_at, ip);
        frame.put(tcp_at, weir_udp{weir_be16_from(sport),
                                   weir_be16_from(dport),
                                   weir_be16_from(sizeof(weir_udp)),
                                   {}});
        return frame;
    }

    // The same as IP fragments of `size` payload bytes each, a multiple of eight.
    std::vector<Frame> fragments(std::uint16_t id, std::size_t size) const {
        std::vector<Frame> parts;
        for (std::size_t at = tcp_at; at < bytes_.size(); at += size) {
            const std::size_t end = std::min(at + size, bytes_.size());
            Frame part({bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(tcp_at)});
            part.bytes_.insert(part.bytes_.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(at),
                               bytes_.begin() + static_cast<std::ptrdiff_t>(end));
            auto ip = part.take<weir_ipv4>(ip_at);
            ip.length = weir_be16_from(static_cast<std::uint16_t>(part.bytes_.size() - ip_at));
            ip.id = weir_be16_from(id);
            ip.fragment = weir_be16_from(static_cast<std::uint16_t>(
                (at - tcp_at) / 8 | (end < bytes_.size() ? WEIR_IPV4_MORE_FRAGMENTS : 0)));
            ip.checksum = {};
            part.put(ip_at, ip);
            ip.checksum = complement(part.sum(ip_at, tcp_at));
            part.put(ip_at, ip);
            parts.push_back(std::move(part));
        }
        return parts;
    }

    bool operator==(const Frame&) const = default;

    bool ip_checksum_right() const { return fold(sum(ip_at, tcp_at)) == 0xffff; }

    const std::vector<std::uint8_t>& bytes() const { return bytes_; }
    bool is_from(const weir_mac& mac) const { return same(eth().src, mac); }
    bool is_to(const weir_mac& mac) const { return same(eth().dst, mac); }
    // TCP has its ports where UDP has them.
    std::uint16_t source_port() const { return weir_be16_to(take<weir_udp>(tcp_at).sport); }
    std::uint16_t destination_port() const { return weir_be16_to(take<weir_udp>(tcp_at).dport); }

    // Wherever they lie.
    static bool same(const weir_mac& a, const weir_mac& b) {
        return std::memcmp(&a, &b, sizeof(a)) == 0;
    }

    // RFC 1071: the sum over everything that is covered, the checksum included, is all ones.
    bool checksums_right() const {
        return fold(sum(ip_at, tcp_at)) == 0xffff &&
               fold(sum(tcp_at, bytes_.size()) + pseudo_header()) == 0xffff;
    }

  private:
    static constexpr std::size_t ip_at = sizeof(weir_eth);
    static constexpr std::size_t tcp_at = ip_at + sizeof(weir_ipv4);

    const weir_eth& eth() const { return *reinterpret_cast<const weir_eth*>(bytes_.data()); }

    template <class Header>
    void put(std::size_t at, const Header& header) {
        std::memcpy(&bytes_[at], &header, sizeof(header));
    }
    template <class Header>
    Header take(std::size_t at) const {
        Header header;
        std::memcpy(&header, &bytes_[at], sizeof(header));
        return header;
    }

    std::uint32_t sum(std::size_t from, std::size_t to) const {
        std::uint32_t total = 0;
        for (std::size_t i = from; i < to; i++)
            total += (i - from) % 2 ? bytes_[i] : bytes_[i] << 8;
        return total;
    }
    std::uint32_t pseudo_header() const {
        return sum(ip_at + 12, ip_at + 20) + WEIR_PROTO_TCP +
               static_cast<std::uint32_t>(bytes_.size() - tcp_at);
    }
    static std::uint16_t fold(std::uint32_t total) {
        while (total >> 16) total = (total & 0xffff) + (total >> 16);
        return static_cast<std::uint16_t>(total);
    }
    static weir_be16 complement(std::uint32_t total) {
        return weir_be16_from(static_cast<std::uint16_t>(~fold(total)));
    }

    std::vector<std::uint8_t> bytes_;
};

}  // namespace weir
