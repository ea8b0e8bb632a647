// SPDX-License-Identifier: Apache-2.0
// What the kernel and the driver of an interface have counted. Called when weirctl asks for ports.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "control/net/netlink.h"

namespace weir {

struct LinkCounters {
    std::uint64_t rx_packets = 0;
    std::uint64_t rx_bytes = 0;
    std::uint64_t tx_packets = 0;
    std::uint64_t tx_bytes = 0;
    std::uint64_t rx_errors = 0;
    std::uint64_t tx_errors = 0;
    std::uint64_t rx_dropped = 0;  // missed ones included
    std::uint64_t tx_dropped = 0;
};
Result<LinkCounters> link_counters(Netlink& netlink, int ifindex);

// `ethtool -S`: those of the driver's counters that have this word in their name; none where the
// driver has no counters.
std::vector<std::pair<std::string, std::uint64_t>> driver_counters(const std::string& interface,
                                                                   const std::string& word);

}  // namespace weir
