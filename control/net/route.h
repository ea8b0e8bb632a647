// SPDX-License-Identifier: Apache-2.0
// Asks the kernel where a packet to an address would go (RTM_GETROUTE: all rules, metrics and
// multipath are the kernel's own decision). Called by NextHops and by `weirctl explain`; changes
// nothing.
#pragma once

#include "control/net/address.h"
#include "control/net/netlink.h"

namespace weir {

struct Route {
    enum class Kind { local, direct, unreachable };
    Kind kind = Kind::unreachable;
    int ifindex = 0;
    IpAddress via;       // the gateway, or the destination itself when it is on the link
    IpAddress source;    // what the kernel would use as source address
    unsigned mtu = 0;    // of the route itself; 0: its interface's
    std::string reason;  // only for unreachable
};

Route find_route(Netlink& netlink, const IpAddress& destination);

}  // namespace weir
