// SPDX-License-Identifier: Apache-2.0
// Single changes to an interface over rtnetlink and /proc/sys/net. See interface.h.
#include "control/net/interface.h"

#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/veth.h>
#include <net/if.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "control/log/system_error.h"
#include "control/net/link_messages.h"

namespace weir {
namespace {

Status outcome(int error, const std::string& what) {
    if (error == 0) return success();
    std::string hint;
    if (error == EPERM) hint = "; it needs CAP_NET_ADMIN";
    return Error{"cannot " + what + " (" + system_error(error) + ")" + hint};
}

NetlinkRequest link_request(int type, const Link& link) {
    NetlinkRequest request(type, NLM_F_REQUEST);
    ifinfomsg header{};
    header.ifi_index = link.index;
    request.header(header);
    return request;
}

NetlinkRequest address_request(int type, int flags, const Link& link, const Network& network) {
    NetlinkRequest request(type, flags);
    ifaddrmsg header{};
    header.ifa_family = static_cast<unsigned char>(family_of(network.address));
    header.ifa_prefixlen = static_cast<unsigned char>(network.prefix);
    header.ifa_scope = RT_SCOPE_UNIVERSE;
    header.ifa_index = static_cast<unsigned>(link.index);
    request.header(header)
        .attribute(IFA_LOCAL, network.address)
        .attribute(IFA_ADDRESS, network.address);
    return request;
}

Status add(Netlink& netlink, const Link& link, const Network& network, std::uint32_t flags) {
    auto request =
        address_request(RTM_NEWADDR, NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL, link, network);
    if (flags != 0) request.attribute(IFA_FLAGS, flags);
    const int error = netlink.run(request);
    return outcome(error == EEXIST ? 0 : error,
                   "add address " + to_string(network) + " to " + link.name);
}

std::string sysctl_path(const std::string& family, const std::string& name,
                        const std::string& key) {
    return "/proc/sys/net/" + family + "/conf/" + name + "/" + key;
}

}  // namespace

Result<Link> find_link(Netlink& netlink, const std::string& name) {
    if (name.empty() || name.size() >= IFNAMSIZ) {
        return Error{"\"" + name + "\" cannot be the name of an interface: 1 to 15 characters"};
    }
    NetlinkRequest request(RTM_GETLINK, NLM_F_REQUEST);
    request.header(ifinfomsg{}).attribute(IFLA_IFNAME, name);
    std::optional<Link> found;
    const int error = netlink.run(request, [&](const nlmsghdr* message) {
        if (auto link = parse_link(message)) found = std::move(link);
    });
    if (error) return Error{"no interface \"" + name + "\" (" + system_error(error) + ")"};
    if (!found) return Error{"no interface \"" + name + "\""};
    return std::move(*found);
}

bool link_exists(Netlink& netlink, const std::string& name) {
    return find_link(netlink, name).ok();
}

Status add_address(Netlink& netlink, const Link& link, const Network& network) {
    return add(netlink, link, network, 0);
}

Status add_undoubted_address(Netlink& netlink, const Link& link, const Network& network) {
    return add(netlink, link, network, network.address.is_v6() ? IFA_F_NODAD : 0);
}

Status remove_address(Netlink& netlink, const Link& link, const Network& network) {
    const int error = netlink.run(address_request(RTM_DELADDR, NLM_F_REQUEST, link, network));
    return outcome(error == EADDRNOTAVAIL ? 0 : error,
                   "remove address " + to_string(network) + " from " + link.name);
}

Status set_mac(Netlink& netlink, const Link& link, const MacAddress& mac) {
    if (link.mac == mac) return success();
    NetlinkRequest request = link_request(RTM_NEWLINK, link);
    request.attribute(IFLA_ADDRESS, mac);
    return outcome(netlink.run(request), "set the MAC of " + link.name + " to " + to_string(mac));
}

Status set_mtu(Netlink& netlink, const Link& link, unsigned mtu) {
    if (link.mtu == mtu) return success();
    NetlinkRequest request = link_request(RTM_NEWLINK, link);
    request.attribute(IFLA_MTU, std::uint32_t{mtu});
    return outcome(netlink.run(request),
                   "set the MTU of " + link.name + " to " + std::to_string(mtu));
}

Status set_up(Netlink& netlink, const Link& link, bool up) {
    NetlinkRequest request(RTM_NEWLINK, NLM_F_REQUEST);
    ifinfomsg header{};
    header.ifi_index = link.index;
    header.ifi_flags = up ? IFF_UP : 0;
    header.ifi_change = IFF_UP;
    request.header(header);
    return outcome(netlink.run(request), "set " + link.name + (up ? " up" : " down"));
}

Status remove_link(Netlink& netlink, const std::string& name) {
    Result<Link> link = find_link(netlink, name);
    if (!link) return success();
    const int error = netlink.run(link_request(RTM_DELLINK, *link));
    return outcome(error == ENODEV ? 0 : error, "remove interface " + name);
}

Status set_permanent_neighbour(Netlink& netlink, const Link& link, const IpAddress& address,
                               const MacAddress& mac) {
    NetlinkRequest request(RTM_NEWNEIGH, NLM_F_REQUEST | NLM_F_CREATE | NLM_F_REPLACE);
    ndmsg header{};
    header.ndm_family = static_cast<unsigned char>(family_of(address));
    header.ndm_ifindex = link.index;
    header.ndm_state = NUD_PERMANENT;
    request.header(header).attribute(NDA_DST, address).attribute(NDA_LLADDR, mac);
    return outcome(netlink.run(request),
                   "set the neighbour " + address.to_string() + " on " + link.name);
}

Status set_sysctl(const std::string& family, const std::string& name, const std::string& key,
                  const std::string& value) {
    const std::string path = sysctl_path(family, name, key);
    const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd < 0) return outcome(errno == ENOENT ? 0 : errno, "open " + path);
    const ssize_t written = ::write(fd, value.data(), value.size());
    const int error = written < 0 ? errno : 0;
    ::close(fd);
    return outcome(error, "write " + value + " to " + path);
}

Result<std::string> read_sysctl(const std::string& family, const std::string& name,
                                const std::string& key) {
    const std::string path = sysctl_path(family, name, key);
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return Error{"cannot open " + path + " (" + system_error(errno) + ")"};
    std::array<char, 64> text{};
    const ssize_t got = ::read(fd, text.data(), text.size());
    const int error = got < 0 ? errno : 0;
    ::close(fd);
    if (error) return Error{"cannot read " + path + " (" + system_error(error) + ")"};
    std::string value(text.data(), static_cast<std::size_t>(got));
    while (!value.empty() && value.back() == '\n') value.pop_back();
    return value;
}

Status create_veth(Netlink& netlink, const std::string& name, const std::string& peer_name) {
    NetlinkRequest request(RTM_NEWLINK, NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL);
    request.header(ifinfomsg{}).attribute(IFLA_IFNAME, name);
    request.nest(IFLA_LINKINFO, [&](NetlinkRequest& info) {
        info.attribute(IFLA_INFO_KIND, std::string("veth"));
        info.nest(IFLA_INFO_DATA, [&](NetlinkRequest& data) {
            data.nest(VETH_INFO_PEER, [&](NetlinkRequest& peer) {
                peer.header(ifinfomsg{}).attribute(IFLA_IFNAME, peer_name);
            });
        });
    });
    if (const int error = netlink.run(request)) {
        return Error{"cannot create the veth pair " + name + ", " + peer_name + " (" +
                     system_error(error) + ")" +
                     (error == EPERM ? "; it needs CAP_NET_ADMIN" : "")};
    }
    return success();
}

}  // namespace weir
