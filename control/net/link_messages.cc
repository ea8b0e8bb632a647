// SPDX-License-Identifier: Apache-2.0
// Rtnetlink's link, address and neighbour messages, field by field. See link_messages.h.
#include "control/net/link_messages.h"

#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <cstring>

namespace weir {

std::optional<Link> parse_link(const nlmsghdr* message) {
    if (message->nlmsg_type != RTM_NEWLINK || !nlmsg_valid_hdr(message, sizeof(ifinfomsg))) {
        return std::nullopt;
    }
    const auto* info = static_cast<const ifinfomsg*>(nlmsg_data(message));
    const NetlinkAttributes attributes(message, sizeof *info);
    Link link;
    link.index = info->ifi_index;
    link.name = attributes.text(IFLA_IFNAME);
    const NetlinkAttributes details(attributes.find(IFLA_LINKINFO));
    link.kind = details.text(IFLA_INFO_KIND);
    link.mac = attributes.mac(IFLA_ADDRESS).value_or(MacAddress{});
    link.mtu = attributes.number(IFLA_MTU);
    link.up = info->ifi_flags & IFF_UP;
    link.carrier = info->ifi_flags & IFF_RUNNING;
    link.loopback = info->ifi_flags & IFF_LOOPBACK;
    link.ethernet = info->ifi_type == ARPHRD_ETHER;
    link.resolves = link.ethernet && !(info->ifi_flags & IFF_NOARP);
    link.master = static_cast<int>(attributes.number(IFLA_MASTER));
    link.peer = static_cast<int>(attributes.number(IFLA_LINK));
    if (link.kind == "vlan" && !attributes.has(IFLA_LINK_NETNSID)) {
        const NetlinkAttributes vlan(details.find(IFLA_INFO_DATA));
        const auto id = vlan.data(IFLA_VLAN_ID);  // in host order
        if (id.size() == sizeof link.vlan_id)
            std::memcpy(&link.vlan_id, id.data(), sizeof link.vlan_id);
        const auto protocol = vlan.data(IFLA_VLAN_PROTOCOL);  // in network order
        if (protocol.size() == 2)
            link.vlan_protocol = static_cast<std::uint16_t>(protocol[0] << 8 | protocol[1]);
    }
    return link;
}

std::optional<InterfaceAddress> parse_address(const nlmsghdr* message) {
    if (message->nlmsg_type != RTM_NEWADDR || !nlmsg_valid_hdr(message, sizeof(ifaddrmsg))) {
        return std::nullopt;
    }
    const auto* info = static_cast<const ifaddrmsg*>(nlmsg_data(message));
    const NetlinkAttributes attributes(message, sizeof *info);
    // IFA_ADDRESS is the other end on a point-to-point link; IFA_LOCAL, where present, is ours.
    auto ours = attributes.address(IFA_LOCAL);
    if (!ours) ours = attributes.address(IFA_ADDRESS);
    if (!ours) return std::nullopt;
    const std::uint32_t flags =
        attributes.has(IFA_FLAGS) ? attributes.number(IFA_FLAGS) : info->ifa_flags;
    InterfaceAddress address;
    address.ifindex = static_cast<int>(info->ifa_index);
    address.network = {*ours, info->ifa_prefixlen};
    address.global = info->ifa_scope == RT_SCOPE_UNIVERSE;
    address.usable =
        !(flags & IFA_F_DADFAILED) && (!(flags & IFA_F_TENTATIVE) || (flags & IFA_F_OPTIMISTIC));
    return address;
}

std::optional<NeighbourEntry> parse_neighbour(const nlmsghdr* message) {
    if (!nlmsg_valid_hdr(message, sizeof(ndmsg))) return std::nullopt;
    const auto* info = static_cast<const ndmsg*>(nlmsg_data(message));
    if (info->ndm_family != AF_INET && info->ndm_family != AF_INET6) return std::nullopt;
    if (info->ndm_flags & NTF_PROXY) return std::nullopt;
    const NetlinkAttributes attributes(message, sizeof *info);
    const auto address = attributes.address(NDA_DST);
    if (!address) return std::nullopt;
    NeighbourEntry entry;
    entry.ifindex = info->ndm_ifindex;
    entry.address = *address;
    entry.neighbour.state = info->ndm_state;
    if (const auto mac = attributes.mac(NDA_LLADDR)) {
        entry.neighbour.mac = *mac;
    } else {
        // No MAC, whatever the state says: never forward to zeros.
        entry.neighbour.state &= NUD_INCOMPLETE | NUD_FAILED;
    }
    return entry;
}

}  // namespace weir
