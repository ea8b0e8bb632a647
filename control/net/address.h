// SPDX-License-Identifier: Apache-2.0
// Addresses as control handles them, and their forms on netlink and in text. Plain values; no
// system calls.
#pragma once

#include <array>
#include <boost/asio/ip/address.hpp>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "dataplane/tables/result.h"

namespace weir {

using IpAddress = boost::asio::ip::address;
using MacAddress = std::array<std::uint8_t, 6>;

// An address and its prefix length, host bits kept: 10.0.0.7/24.
struct Network {
    IpAddress address;
    unsigned prefix = 0;

    bool operator==(const Network&) const = default;
};

Result<Network> parse_network(const std::string& text);
std::string to_string(const Network& network);
std::string to_string(const IpAddress& address, std::uint16_t port);  // 10.0.0.1:80, [::1]:80
Result<MacAddress> parse_mac(const std::string& text);
std::string to_string(const MacAddress& mac);

int family_of(const IpAddress& address);     // AF_INET or AF_INET6
unsigned bits_of(const IpAddress& address);  // 32 or 128

// Network byte order, 4 or 16 bytes.
std::string to_bytes(const IpAddress& address);
std::optional<IpAddress> from_bytes(std::span<const std::uint8_t> bytes);

// The two ends of the link to the host's own stack: the first address of the network is the host's,
// the second one the dataplane's.
struct LinkAddresses {
    Network host;
    Network dataplane;
};
Result<LinkAddresses> link_addresses(const std::string& local_network);

}  // namespace weir
