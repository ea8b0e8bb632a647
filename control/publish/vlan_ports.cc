// SPDX-License-Identifier: Apache-2.0
#include "control/publish/vlan_ports.h"

#include <fmt/format.h>

#include <algorithm>

#include "bpf/shared/wire.h"
#include "control/log/log.h"

namespace weir::publish {
namespace {

weir_tag tag_of(std::uint16_t protocol, std::uint16_t id) {
    return {weir_be16_from(protocol), weir_be16_from(id)};
}

const Port* port_named(const std::vector<Port>& ports, const std::string& device) {
    const auto found = std::ranges::find_if(ports, [&](const Port& port) {
        return port.configured.device == device && port.configured.parent.empty();
    });
    return found == ports.end() ? nullptr : &*found;
}

// A VLAN with what its tags are and which device they cross, wherever that is.
struct Vlan {
    std::vector<weir_tag> tags;
    std::string parent;
};

// IEEE 802.1ad: the outer one of two is a service tag.
Vlan as_configured(const config::Port& port) {
    Vlan vlan{{}, port.parent};
    if (port.vlans.size() == 2) vlan.tags.push_back(tag_of(WEIR_ETH_QINQ, port.vlans.front()));
    if (!port.vlans.empty()) vlan.tags.push_back(tag_of(WEIR_ETH_VLAN, port.vlans.back()));
    return vlan;
}

Vlan as_the_kernel_has_it(const Link& device, const std::vector<Link>& links) {
    Vlan vlan;
    const Link* at = &device;
    while (at->vlan_id != 0 && vlan.tags.size() < WEIR_TAGS) {
        vlan.tags.insert(vlan.tags.begin(), tag_of(at->vlan_protocol, at->vlan_id));
        const auto lower = std::ranges::find(links, at->peer, &Link::index);
        if (lower == links.end()) return {};
        at = &*lower;
    }
    vlan.parent = at->name;
    return vlan;
}

}  // namespace

Result<std::vector<Port>> with_vlans(std::vector<Port> ports, const std::vector<Link>& links) {
    std::vector<Port> opened;
    std::vector<Port> vlans;
    std::vector<std::string> parents;
    for (Port& port : ports) {
        const auto device = std::ranges::find(links, port.ifindex, &Link::index);
        Vlan vlan = as_configured(port.configured);
        const bool configured = !vlan.tags.empty();
        if (!configured && device != links.end() && device->vlan_id != 0)
            vlan = as_the_kernel_has_it(*device, links);
        const bool found = !vlan.tags.empty() && port_named(ports, vlan.parent);
        if (configured && !found)
            return Error{
                fmt::format("port \"{}\" is a VLAN of \"{}\", which is no port; add \"port {};\"",
                            port.configured.device, vlan.parent, vlan.parent)};
        if (!found) {
            if (!vlan.tags.empty())
                log::notice(
                    "port {}: its frames take the slower way through the kernel, which handles the "
                    "tags; "
                    "\"port {};\" would let weir do that",
                    port.configured.name, vlan.parent);
            opened.push_back(port);
            continue;
        }
        port.tags = std::move(vlan.tags);
        port.driver = "vlan";
        port.mode = "tagged";
        vlans.push_back(port);
        parents.push_back(vlan.parent);
    }
    for (std::size_t i = 0; i < vlans.size(); i++) {
        const Port* parent = port_named(opened, parents[i]);
        if (!parent)
            return Error{fmt::format(
                "port \"{}\" is a VLAN of \"{}\", which is a VLAN itself; name the device below, "
                "and both tags as vlan=OUTER.INNER",
                vlans[i].configured.device, parents[i])};
        vlans[i].parent = static_cast<std::size_t>(parent - opened.data());
    }
    std::ranges::move(vlans, std::back_inserter(opened));
    return opened;
}

std::string vlan_text(const Port& port, const std::vector<Port>& ports) {
    std::string ids;
    for (const weir_tag& tag : port.tags)
        ids += fmt::format("{}{}", ids.empty() ? "" : ".", weir_be16_to(tag.tci));
    return fmt::format("VLAN {} of {}", ids, ports[port.parent].configured.name);
}

}  // namespace weir::publish
