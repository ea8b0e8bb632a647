// SPDX-License-Identifier: Apache-2.0
// Which ports are VLANs of other ports: those that the configuration says so of, and VLAN devices
// of the kernel whose lower device is a port as well. Called by choose_ports(); opens nothing.
#pragma once

#include <vector>

#include "control/net/links.h"
#include "control/publish/engine.h"

namespace weir::publish {

// The same ports, VLANs behind the ports that an engine opens, each with its tags and its parent.
// A VLAN device whose lower device is no port stays a port like any other: the kernel then takes
// its tags off and puts them on.
Result<std::vector<Port>> with_vlans(std::vector<Port> ports, const std::vector<Link>& links);

// "VLAN 10 of eth0", "VLAN 100.10 of eth0"
std::string vlan_text(const Port& port, const std::vector<Port>& ports);

}  // namespace weir::publish
