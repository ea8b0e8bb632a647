// SPDX-License-Identifier: Apache-2.0
// The link between the packet path and this host's own stack, over which backends on the host's own
// addresses are reached: a veth pair for the XDP engine, a TAP of the dataplane for DPDK. Control
// makes it at start, takes an existing one over after a crash, and removes it at exit.
//
//     packet path  169.254.77.2         <- weir0d | weir0 ->  169.254.77.1         host
//                  fd77:6569:7200::2                          fd77:6569:7200::1
//
// To the host the dataplane is one neighbour for each family (permanent entries, no ARP, no
// neighbour discovery) that all flows to local backends come from. The host's forwarding switches
// are left alone. Where the kernel has no IPv6, the link has none.
#pragma once

#include <optional>
#include <string>

#include "control/net/interface.h"

namespace weir {

struct HostLink {
    Link host;       // weir0, or the TAP
    Link dataplane;  // weir0d; for a TAP only its MAC is set: that of the dataplane's end
    LinkAddresses addresses;
    std::optional<LinkAddresses> addresses6;  // none: the kernel has no IPv6
};

// What the link shall have.
struct LinkNetworks {
    LinkAddresses v4;
    LinkAddresses v6;
};
Result<LinkNetworks> link_networks(const std::string& network, const std::string& network6);

// The veth pair of the XDP engine. An interface of either name that is no such pair is refused, not
// replaced.
Result<HostLink> create_host_link(Netlink& netlink, const std::string& host_name,
                                  const std::string& dataplane_name, const LinkNetworks& networks);

// The same configuration for an interface that exists already, the TAP of the DPDK engine.
Result<HostLink> configure_host_link(Netlink& netlink, const std::string& name,
                                     const LinkNetworks& networks, const MacAddress& dataplane_mac);

// Removes the pair; success when there is none.
Status remove_host_link(Netlink& netlink, const std::string& host_name);

}  // namespace weir
