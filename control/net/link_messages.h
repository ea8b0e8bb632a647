// SPDX-License-Identifier: Apache-2.0
// Rtnetlink's messages about links, addresses and neighbours, turned into values. Called by
// NetworkView and by the host link's set-up; pure functions of the message.
#pragma once

#include <optional>

#include "control/net/links.h"
#include "control/net/netlink.h"

namespace weir {

std::optional<Link> parse_link(const nlmsghdr* message);
std::optional<InterfaceAddress> parse_address(const nlmsghdr* message);

struct NeighbourEntry {
    int ifindex = 0;
    IpAddress address;
    Neighbour neighbour;
};
std::optional<NeighbourEntry> parse_neighbour(const nlmsghdr* message);

}  // namespace weir
