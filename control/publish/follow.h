// SPDX-License-Identifier: Apache-2.0
// Ports follow the kernel's interfaces of their names: one that is deleted and made again (a VLAN
// by the network's scripts, a reloaded driver) has another number, one may get another MAC. Called
// by the engines after a change; tells the log, and changes nothing but the ports.
#pragma once

#include <vector>

#include "control/net/links.h"
#include "control/publish/engine.h"

namespace weir::publish {

struct Followed {
    bool changed = false;               // of any port anything
    std::vector<std::size_t> lost;      // places of ports whose interface is gone now
    std::vector<std::size_t> replaced;  // and of those that have another one now

    bool moved() const { return !lost.empty() || !replaced.empty(); }
};

// A port without an interface has ifindex 0 and the mode "gone".
Followed follow_interfaces(std::vector<Port>& ports, const NetworkView& network);

}  // namespace weir::publish
