// SPDX-License-Identifier: Apache-2.0
// Where packets for each backend go: out of which interface, to which MAC, from which source
// address; or to this host itself. Control watches all backend addresses and publishes what
// changes, so that neither engine ever resolves anything. It sends no packet of its own: it asks
// the kernel to resolve (NTF_USE).
//
// A MAC once learned stays in use while the kernel probes it again or has forgotten it, and is
// dropped when the kernel says that the neighbour does not answer.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "control/net/links.h"
#include "control/net/netlink.h"
#include "control/net/route.h"

namespace weir {

struct NextHop {
    enum class Kind {
        local,        // the address is this host's own
        direct,       // through `ifindex` to `mac`
        unresolved,   // through `ifindex`, MAC not known (yet)
        unreachable,  // no way, see `reason`
    };
    Kind kind = Kind::unresolved;
    int ifindex = 0;
    IpAddress source;  // the host's address toward the backend
    IpAddress via;     // gateway, or the backend itself
    MacAddress mac{};
    unsigned mtu = 0;       // the route's, or the interface's
    unsigned link_mtu = 0;  // the interface's
    std::string reason;     // a sentence for unresolved and unreachable

    bool operator==(const NextHop&) const = default;
};

class NextHops {
  public:
    using OnChange = std::function<void(const std::vector<IpAddress>& changed)>;

    // `view` must outlive this and have been opened on the same io_context.
    static Result<std::unique_ptr<NextHops>> open(boost::asio::io_context& io, NetworkView& view,
                                                  OnChange callback);

    // Replaces the set of watched addresses. New ones are looked up before this returns (without a
    // callback); those that stay keep what is known.
    void watch(const std::vector<IpAddress>& addresses);

    const NextHop* find(const IpAddress& address) const;  // null when not watched

  private:
    struct Entry {
        NextHop hop;
        Route route;
        bool has_mac = false;  // hop.mac was learned for route's interface and via
    };

    NextHops(boost::asio::io_context& io, NetworkView& view, Netlink netlink, OnChange callback);
    void network_changed(const Changes& changes);
    void look_up_pending();
    bool update(Entry& entry);
    void set_route(Entry& entry, const IpAddress& address);
    void solicit(const Entry& entry);
    void tick();

    boost::asio::io_context& io_;
    NetworkView& view_;
    Netlink netlink_;
    OnChange callback_;
    boost::asio::steady_timer timer_;
    unsigned seconds_ = 0;
    std::map<IpAddress, Entry> entries_;
    std::vector<IpAddress> pending_;  // routes to look up again, last first
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace weir
