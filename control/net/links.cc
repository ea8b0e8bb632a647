// SPDX-License-Identifier: Apache-2.0
// NetworkView: one socket for reading tables, one for notifications. Links and addresses are read
// again after a change (there are few); neighbours are applied one by one (there may be thousands).
// See links.h.
#include "control/net/links.h"

#include <linux/neighbour.h>
#include <netlink/netlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "control/log/log.h"
#include "control/log/system_error.h"
#include "control/net/link_messages.h"

namespace weir {
namespace {

constexpr auto coalesce_time = std::chrono::milliseconds(10);
constexpr int receive_buffer = 1 << 20;
// One turn of the event loop reads at most this many datagrams, so that a storm cannot starve the
// rest.
constexpr int datagrams_per_turn = 64;

constexpr int groups[] = {RTNLGRP_LINK,        RTNLGRP_NEIGH,      RTNLGRP_IPV4_IFADDR,
                          RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE,
                          RTNLGRP_IPV4_RULE,   RTNLGRP_IPV6_RULE};

Error failed(const char* what, int error) {
    return Error{std::string("cannot ") + what + " by netlink (" + system_error(error) + ")"};
}

}  // namespace

bool Neighbour::has_mac() const {
    return state & (NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT | NUD_NOARP);
}

bool Neighbour::failed() const {
    return state & NUD_FAILED;
}

Result<std::unique_ptr<NetworkView>> NetworkView::open(boost::asio::io_context& io) {
    Result<Netlink> netlink = Netlink::open();
    if (!netlink) return Error{netlink.error()};
    std::unique_ptr<NetworkView> view(new NetworkView(io, std::move(*netlink)));
    if (Status status = view->subscribe(); !status) return Error{status.error()};
    if (Status status = view->refresh(); !status) return Error{status.error()};
    view->wait();
    return view;
}

NetworkView::NetworkView(boost::asio::io_context& io, Netlink netlink)
    : netlink_(std::move(netlink)), notifications_(io), timer_(io) {}

Status NetworkView::subscribe() {
    const int fd = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
    if (fd < 0) return failed("open a socket for notifications", errno);
    notifications_.assign(fd);
    // The forced form passes net.core.rmem_max, but needs CAP_NET_ADMIN.
    if (::setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &receive_buffer, sizeof receive_buffer) < 0) {
        ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    }
    sockaddr_nl local{};
    local.nl_family = AF_NETLINK;
    if (::bind(fd, reinterpret_cast<sockaddr*>(&local), sizeof local) < 0) {
        return failed("bind", errno);
    }
    for (const int group : groups) {
        if (::setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) < 0) {
            return failed("ask for notifications", errno);
        }
    }
    return success();
}

const Link* NetworkView::link(int ifindex) const {
    const auto found = std::find_if(links_.begin(), links_.end(),
                                    [&](const Link& link) { return link.index == ifindex; });
    return found == links_.end() ? nullptr : &*found;
}

const Link* NetworkView::link(const std::string& name) const {
    const auto found = std::find_if(links_.begin(), links_.end(),
                                    [&](const Link& link) { return link.name == name; });
    return found == links_.end() ? nullptr : &*found;
}

std::vector<InterfaceAddress> NetworkView::addresses_of(int ifindex) const {
    std::vector<InterfaceAddress> found;
    std::copy_if(addresses_.begin(), addresses_.end(), std::back_inserter(found),
                 [&](const InterfaceAddress& address) { return address.ifindex == ifindex; });
    return found;
}

const Neighbour* NetworkView::neighbour(int ifindex, const IpAddress& address) const {
    const auto found = neighbours_.find({ifindex, address});
    return found == neighbours_.end() ? nullptr : &found->second;
}

Status NetworkView::refresh() {
    if (Status status = read_links(); !status) return status;
    return read_neighbours();
}

Status NetworkView::read_links() {
    NetlinkRequest links(RTM_GETLINK, NLM_F_DUMP);
    links.header(ifinfomsg{});
    int error = netlink_.dump(
        links, [this] { links_.clear(); },
        [this](const nlmsghdr* message) {
            if (auto link = parse_link(message)) links_.push_back(std::move(*link));
        });
    if (error) return failed("read the interfaces", error);

    NetlinkRequest addresses(RTM_GETADDR, NLM_F_DUMP);
    addresses.header(ifaddrmsg{});
    error = netlink_.dump(
        addresses, [this] { addresses_.clear(); },
        [this](const nlmsghdr* message) {
            if (auto address = parse_address(message)) addresses_.push_back(*address);
        });
    if (error) return failed("read the addresses", error);
    return success();
}

Status NetworkView::read_neighbours() {
    NetlinkRequest request(RTM_GETNEIGH, NLM_F_DUMP);
    request.header(ndmsg{});
    const int error = netlink_.dump(
        request, [this] { neighbours_.clear(); },
        [this](const nlmsghdr* message) { apply_neighbour(message); });
    if (error) return failed("read the neighbours", error);
    return success();
}

void NetworkView::wait() {
    notifications_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                              [this](const boost::system::error_code& code) {
                                  if (code) return;  // being destroyed
                                  receive();
                                  wait();
                              });
}

void NetworkView::receive() {
    alignas(nlmsghdr) static std::array<char, 65536> buffer;  // one thread
    for (int i = 0; i < datagrams_per_turn; ++i) {
        const ssize_t got = ::recv(notifications_.native_handle(), buffer.data(), buffer.size(), 0);
        if (got < 0) {
            if (errno == ENOBUFS) {
                lost_ = true;
                schedule();
                continue;
            }
            return;
        }
        int left = static_cast<int>(got);
        for (auto* message = reinterpret_cast<nlmsghdr*>(buffer.data()); nlmsg_ok(message, left);
             message = nlmsg_next(message, &left)) {
            apply(message);
        }
    }
}

void NetworkView::apply(const nlmsghdr* message) {
    switch (message->nlmsg_type) {
        case RTM_NEWLINK:
        case RTM_DELLINK:
        case RTM_NEWADDR:
        case RTM_DELADDR:
            pending_.links = true;
            break;
        case RTM_NEWROUTE:
        case RTM_DELROUTE:
        case RTM_NEWRULE:
        case RTM_DELRULE:
            pending_.routes = true;
            break;
        case RTM_NEWNEIGH:
        case RTM_DELNEIGH:
            pending_.neighbours = true;
            apply_neighbour(message);
            break;
        default:
            return;
    }
    schedule();
}

void NetworkView::apply_neighbour(const nlmsghdr* message) {
    const auto entry = parse_neighbour(message);
    if (!entry) return;
    const std::pair key{entry->ifindex, entry->address};
    if (message->nlmsg_type == RTM_DELNEIGH) {
        neighbours_.erase(key);
    } else {
        neighbours_[key] = entry->neighbour;
    }
}

void NetworkView::schedule() {
    if (scheduled_) return;
    scheduled_ = true;
    timer_.expires_after(coalesce_time);
    timer_.async_wait([this](const boost::system::error_code& code) {
        if (!code) deliver();
    });
}

void NetworkView::deliver() {
    scheduled_ = false;
    Changes changes = std::exchange(pending_, {});
    Status read = success();
    if (std::exchange(lost_, false)) {
        changes = {true, true, true};
        read = refresh();
    } else if (changes.links) {
        read = read_links();
    }
    if (!read) log::error("{}", read.error());
    for (const OnChange& callback : callbacks_) callback(changes);
}

std::vector<Link> default_ports(const std::vector<Link>& links,
                                const std::vector<InterfaceAddress>& addresses) {
    static constexpr std::string_view software[] = {"bridge", "tun", "dummy", "ifb", "vrf"};
    std::vector<Link> ports;
    for (const Link& link : links) {
        if (!link.ethernet || link.loopback || !link.up || link.master) continue;
        if (link.name.starts_with("weir")) continue;
        if (std::find(std::begin(software), std::end(software), link.kind) != std::end(software)) {
            continue;
        }
        const bool addressed =
            std::any_of(addresses.begin(), addresses.end(), [&](const InterfaceAddress& address) {
                return address.ifindex == link.index && address.global;
            });
        if (addressed) ports.push_back(link);
    }
    return ports;
}

}  // namespace weir
