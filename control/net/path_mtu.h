// SPDX-License-Identifier: Apache-2.0
// How long packets may be on the way to backends behind routers, as those routers tell the host by
// ICMP. Only of tunnels, whose outer header is the balancer's own: of other packets the packet
// program tells the client (icmp.h). The kernel learns nothing from these messages, since no tunnel
// device of its own sent the packet. Control publishes what is known, and the packet program then
// answers the client. A path may widen again, so nothing is believed for longer than ten minutes
// (RFC 1191 section 6.3).
//
// Whoever can send ICMP to the balancer can say such things. So only addresses that are watched
// count, and no path gets narrower than 552 bytes, or 1280 with IPv6.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/icmp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "control/net/too_big.h"
#include "dataplane/tables/result.h"

namespace weir {

class PathMtus {
  public:
    using OnChange = std::function<void()>;

    // A host without IPv6 has one socket only.
    static Result<std::unique_ptr<PathMtus>> open(
        boost::asio::io_context& io, OnChange callback,
        std::chrono::seconds lifetime = std::chrono::minutes(10));

    // Replaces the set of addresses that messages may be about.
    void watch(const std::vector<IpAddress>& addresses);

    unsigned find(const IpAddress& address) const;  // 0: nothing is known

  private:
    using Clock = std::chrono::steady_clock;
    using Socket = boost::asio::ip::icmp::socket;
    struct Known {
        unsigned mtu = 0;
        Clock::time_point until;
    };

    PathMtus(boost::asio::io_context& io, OnChange callback, std::chrono::seconds lifetime);
    Status listen(Socket& socket, boost::asio::ip::icmp protocol);
    void wait(Socket& socket, bool v4);
    void receive(Socket& socket, bool v4);
    void learn(const TooBig& too_big);
    void forget_in_time();

    OnChange callback_;
    std::chrono::seconds lifetime_;
    Socket v4_;
    Socket v6_;
    boost::asio::steady_timer timer_;
    std::set<IpAddress> watched_;
    std::map<IpAddress, Known> known_;
};

}  // namespace weir
