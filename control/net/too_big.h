// SPDX-License-Identifier: Apache-2.0
// What an ICMP or ICMPv6 message says of a tunnel's packet that was too long for a router on its
// way. PathMtus reads messages with it; plain functions, no system calls.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "control/net/address.h"

namespace weir {

struct TooBig {
    IpAddress destination;  // of the packet that was too long
    unsigned mtu = 0;       // how long it may be
};

// `packet` is what a raw ICMP socket hands over: with its IPv4 header. None: it says nothing of a
// tunnel's packet (IP or UDP in IP), or no length that can be true.
std::optional<TooBig> too_big_of_v4(std::span<const std::uint8_t> packet);

// Likewise of ICMPv6, whose sockets hand over the message alone.
std::optional<TooBig> too_big_of_v6(std::span<const std::uint8_t> message);

}  // namespace weir
