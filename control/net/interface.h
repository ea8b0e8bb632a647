// SPDX-License-Identifier: Apache-2.0
// Changes to one kernel interface, each one but create_veth() idempotent: what already is as asked
// for is success. Used by the host link and by control for the TAPs of DPDK ports.
#pragma once

#include <string>

#include "control/net/links.h"
#include "control/net/netlink.h"

namespace weir {

Result<Link> find_link(Netlink& netlink, const std::string& name);  // an error names the interface
bool link_exists(Netlink& netlink, const std::string& name);

Status add_address(Netlink& netlink, const Link& link, const Network& network);
// Usable at once: no duplicate address detection (RFC 4862), for links that have nobody else.
Status add_undoubted_address(Netlink& netlink, const Link& link, const Network& network);
Status remove_address(Netlink& netlink, const Link& link, const Network& network);
Status set_mac(Netlink& netlink, const Link& link, const MacAddress& mac);
Status set_mtu(Netlink& netlink, const Link& link, unsigned mtu);
Status set_up(Netlink& netlink, const Link& link, bool up);
Status create_veth(Netlink& netlink, const std::string& name, const std::string& peer_name);
Status remove_link(Netlink& netlink, const std::string& name);  // a missing one is success

// An entry that the kernel never resolves or forgets.
Status set_permanent_neighbour(Netlink& netlink, const Link& link, const IpAddress& address,
                               const MacAddress& mac);

// net.ipv4.conf.<name>.<key> (or ipv6). A kernel without the family is success.
Status set_sysctl(const std::string& family, const std::string& name, const std::string& key,
                  const std::string& value);
Result<std::string> read_sysctl(const std::string& family, const std::string& name,
                                const std::string& key);

}  // namespace weir
