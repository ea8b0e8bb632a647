// SPDX-License-Identifier: Apache-2.0
// What the kernel knows about its interfaces: links, addresses and neighbours of this network
// namespace, kept current from netlink notifications. The lead of control, the next hops and the
// publisher read it and are called after a change. It never changes anything in the kernel.
//
// Notifications are coalesced: the first one starts a short timer, and all that come until it fires
// make one call. A lost notification (ENOBUFS) reads everything again, so the view is never stale
// for long.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "control/net/address.h"
#include "control/net/netlink.h"

namespace weir {

struct Link {
    int index = 0;
    std::string name;
    std::string kind;  // "veth", "bridge", "tun", "bond", ...; empty for a physical interface
    MacAddress mac{};
    unsigned mtu = 0;
    bool up = false;       // administratively
    bool carrier = false;  // lower layer is up
    bool loopback = false;
    bool ethernet = false;      // ARPHRD_ETHER
    bool resolves = false;      // has link-layer addresses to resolve (no IFF_NOARP)
    int master = 0;             // bridge, bond or VRF that it is enslaved to
    int peer = 0;               // IFLA_LINK: the other end of a veth, the lower device of a VLAN
    std::uint16_t vlan_id = 0;  // of a VLAN of a device in this namespace; else 0
    std::uint16_t vlan_protocol = 0;  // its ethertype

    bool operator==(const Link&) const = default;
};

struct InterfaceAddress {
    int ifindex = 0;
    Network network;
    bool global = false;  // scope global: not link-local, not loopback
    bool usable = false;  // duplicate address detection is over

    bool operator==(const InterfaceAddress&) const = default;
};

struct Neighbour {
    std::uint16_t state = 0;  // NUD_*
    MacAddress mac{};

    bool has_mac() const;  // a MAC that may be used now, stale or not
    bool failed() const;
};

struct Changes {
    bool links = false;  // links or addresses
    bool routes = false;
    bool neighbours = false;
};

class NetworkView {
  public:
    using OnChange = std::function<void(const Changes&)>;

    static Result<std::unique_ptr<NetworkView>> open(boost::asio::io_context& io);

    const std::vector<Link>& links() const { return links_; }
    const Link* link(int ifindex) const;  // null when there is none
    const Link* link(const std::string& name) const;
    std::vector<InterfaceAddress> addresses_of(int ifindex) const;
    const std::vector<InterfaceAddress>& addresses() const { return addresses_; }
    const Neighbour* neighbour(int ifindex, const IpAddress& address) const;

    // Subscribers are called in the order of their subscription and live as long as the view.
    void on_change(OnChange callback) { callbacks_.push_back(std::move(callback)); }

    // Reads everything again now; nothing is called back.
    Status refresh();

  private:
    NetworkView(boost::asio::io_context& io, Netlink netlink);
    Status subscribe();
    Status read_links();
    Status read_neighbours();
    void wait();
    void receive();
    void apply(const nlmsghdr* message);
    void apply_neighbour(const nlmsghdr* message);
    void schedule();
    void deliver();

    Netlink netlink_;
    boost::asio::posix::stream_descriptor notifications_;
    boost::asio::steady_timer timer_;
    bool scheduled_ = false;
    bool lost_ = false;
    Changes pending_;
    std::vector<OnChange> callbacks_;
    std::vector<Link> links_;
    std::vector<InterfaceAddress> addresses_;
    std::map<std::pair<int, IpAddress>, Neighbour> neighbours_;
};

// The interfaces that a configuration without `port` means: Ethernet, up, with a global address of
// their own, and neither enslaved nor made by software (loopback, bridge, tun, dummy) nor by weir
// itself (weir*).
std::vector<Link> default_ports(const std::vector<Link>& links,
                                const std::vector<InterfaceAddress>& addresses);

}  // namespace weir
