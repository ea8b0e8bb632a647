// SPDX-License-Identifier: Apache-2.0
#include "control/publish/follow.h"

#include "control/log/log.h"

namespace weir::publish {

Followed follow_interfaces(std::vector<Port>& ports, const NetworkView& network) {
    Followed followed;
    for (std::size_t i = 0; i < ports.size(); i++) {
        Port& port = ports[i];
        if (port.configured.kind != config::Port::Kind::interface) continue;
        const std::string& device = port.configured.device;
        const Link* link = network.link(device);
        const int ifindex = link ? link->index : 0;
        if (ifindex != port.ifindex) {
            followed.changed = true;
            if (!link) {
                log::alert("interface {} of port {} is gone; weir waits for it", device,
                           port.configured.name);
                followed.lost.push_back(i);
                port.mode = "gone";
            } else {
                log::warn("port {} has interface number {} now: {} has been made again",
                          port.configured.name, ifindex, device);
                followed.replaced.push_back(i);
            }
            port.ifindex = ifindex;
        }
        if (link && link->mac != port.mac) {
            log::notice("port {} has the MAC {} now", port.configured.name,
                        weir::to_string(link->mac));
            port.mac = link->mac;
            followed.changed = true;
        }
    }
    return followed;
}

}  // namespace weir::publish
