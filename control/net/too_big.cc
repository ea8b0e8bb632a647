// SPDX-License-Identifier: Apache-2.0
#include "control/net/too_big.h"

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>

#include <algorithm>
#include <cstring>

namespace weir {
namespace {

// As Linux' net.ipv4.route.min_pmtu: shorter ones are lies, or not worth a tunnel.
constexpr unsigned shortest_v4 = 552;
constexpr unsigned shortest_v6 = 1280;  // RFC 8201 section 4

using Bytes = std::span<const std::uint8_t>;

// A header at the front of `bytes`; false when they end before it does.
template <class T>
bool read(Bytes bytes, T& header) {
    if (bytes.size() < sizeof header) return false;
    std::memcpy(&header, bytes.data(), sizeof header);
    return true;
}

bool is_tunnel(unsigned protocol) {
    return protocol == IPPROTO_IPIP || protocol == IPPROTO_IPV6 || protocol == IPPROTO_UDP;
}

Bytes behind_v4(Bytes packet, const ip& header) {
    return packet.subspan(std::min<std::size_t>(packet.size(), std::size_t{header.ip_hl} * 4));
}

}  // namespace

// RFC 792, RFC 1191 section 4
std::optional<TooBig> too_big_of_v4(Bytes packet) {
    ip header;
    icmphdr message;
    ip quoted;
    if (!read(packet, header)) return std::nullopt;
    const Bytes body = behind_v4(packet, header);
    if (!read(body, message) || !read(body.subspan(sizeof message), quoted)) return std::nullopt;
    if (message.type != ICMP_DEST_UNREACH || message.code != ICMP_FRAG_NEEDED) return std::nullopt;
    if (quoted.ip_v != 4 || !is_tunnel(quoted.ip_p)) return std::nullopt;
    const unsigned mtu = ntohs(message.un.frag.mtu);
    if (mtu == 0 || mtu >= ntohs(quoted.ip_len)) return std::nullopt;
    return TooBig{boost::asio::ip::address_v4(ntohl(quoted.ip_dst.s_addr)),
                  std::max(mtu, shortest_v4)};
}

// RFC 4443 section 3.2
std::optional<TooBig> too_big_of_v6(Bytes message) {
    icmp6_hdr header;
    ip6_hdr quoted;
    if (!read(message, header) || !read(message.subspan(sizeof header), quoted))
        return std::nullopt;
    if (header.icmp6_type != ICMP6_PACKET_TOO_BIG || !is_tunnel(quoted.ip6_nxt))
        return std::nullopt;
    const std::uint32_t mtu = ntohl(header.icmp6_mtu);
    if (mtu >= ntohs(quoted.ip6_plen) + sizeof quoted) return std::nullopt;
    boost::asio::ip::address_v6::bytes_type bytes;
    std::memcpy(bytes.data(), &quoted.ip6_dst, bytes.size());
    return TooBig{boost::asio::ip::address_v6(bytes), std::max<unsigned>(mtu, shortest_v6)};
}

}  // namespace weir
