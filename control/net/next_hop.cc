// SPDX-License-Identifier: Apache-2.0
// NextHops: routes are looked up again in slices after any change of routes, links or addresses;
// neighbours come from the NetworkView; a timer asks the kernel to resolve what is missing. See
// next_hop.h.
#include "control/net/next_hop.h"

#include <linux/neighbour.h>

#include <boost/asio/post.hpp>
#include <set>

#include "control/log/log.h"
#include "control/log/system_error.h"

namespace weir {
namespace {

constexpr std::size_t slice =
    128;  // route look-ups in one turn of the event loop: about a millisecond
constexpr unsigned refresh_seconds = 5;

}  // namespace

Result<std::unique_ptr<NextHops>> NextHops::open(boost::asio::io_context& io, NetworkView& view,
                                                 OnChange callback) {
    Result<Netlink> netlink = Netlink::open();
    if (!netlink) return Error{netlink.error()};
    std::unique_ptr<NextHops> hops(
        new NextHops(io, view, std::move(*netlink), std::move(callback)));
    view.on_change([raw = hops.get(), alive = std::weak_ptr(hops->alive_)](const Changes& changes) {
        if (!alive.expired()) raw->network_changed(changes);
    });
    hops->tick();
    return hops;
}

NextHops::NextHops(boost::asio::io_context& io, NetworkView& view, Netlink netlink,
                   OnChange callback)
    : io_(io),
      view_(view),
      netlink_(std::move(netlink)),
      callback_(std::move(callback)),
      timer_(io) {}

void NextHops::watch(const std::vector<IpAddress>& addresses) {
    const std::set<IpAddress> wanted(addresses.begin(), addresses.end());
    std::erase_if(entries_, [&](const auto& item) { return !wanted.contains(item.first); });
    for (const IpAddress& address : wanted) {
        const auto [item, added] = entries_.try_emplace(address);
        if (!added) continue;
        set_route(item->second, address);
        update(item->second);
        solicit(item->second);
    }
}

const NextHop* NextHops::find(const IpAddress& address) const {
    const auto found = entries_.find(address);
    return found == entries_.end() ? nullptr : &found->second.hop;
}

void NextHops::network_changed(const Changes& changes) {
    if (changes.links || changes.routes) {
        const bool running = !pending_.empty();
        pending_.clear();
        for (const auto& [address, entry] : entries_) pending_.push_back(address);
        if (!running) look_up_pending();
        return;
    }
    std::vector<IpAddress> changed;
    for (auto& [address, entry] : entries_) {
        if (update(entry)) changed.push_back(address);
    }
    if (!changed.empty()) callback_(changed);
}

void NextHops::look_up_pending() {
    std::vector<IpAddress> changed;
    for (std::size_t i = 0; i < slice && !pending_.empty(); ++i) {
        const IpAddress address = pending_.back();
        pending_.pop_back();
        const auto found = entries_.find(address);
        if (found == entries_.end()) continue;
        set_route(found->second, address);
        if (update(found->second)) changed.push_back(address);
        if (found->second.hop.kind == NextHop::Kind::unresolved) solicit(found->second);
    }
    if (!pending_.empty()) {
        boost::asio::post(io_, [this, alive = std::weak_ptr(alive_)] {
            if (!alive.expired()) look_up_pending();
        });
    }
    if (!changed.empty()) callback_(changed);
}

void NextHops::set_route(Entry& entry, const IpAddress& address) {
    Route route = find_route(netlink_, address);
    if (route.ifindex != entry.route.ifindex || route.via != entry.route.via) {
        entry.has_mac = false;
    }
    entry.route = std::move(route);
}

bool NextHops::update(Entry& entry) {
    const Route& route = entry.route;
    NextHop hop;
    hop.ifindex = route.ifindex;
    hop.source = route.source;
    hop.via = route.via;
    const Link* link = view_.link(route.ifindex);
    hop.mtu = route.mtu != 0 || !link ? route.mtu : link->mtu;
    hop.link_mtu = link ? link->mtu : 0;
    const Neighbour* neighbour = view_.neighbour(route.ifindex, route.via);

    if (neighbour && neighbour->has_mac()) {
        entry.has_mac = true;
        hop.mac = neighbour->mac;
    } else if (neighbour && neighbour->failed()) {
        entry.has_mac = false;
    } else if (entry.has_mac) {
        hop.mac = entry.hop.mac;
    }

    if (route.kind == Route::Kind::local) {
        hop.kind = NextHop::Kind::local;
        hop.mac = {};
    } else if (route.kind == Route::Kind::unreachable) {
        hop.kind = NextHop::Kind::unreachable;
        hop.mac = {};
        hop.reason = route.reason;
    } else if (link && !link->resolves) {
        hop.kind = NextHop::Kind::unreachable;
        hop.mac = {};
        hop.reason = "interface " + link->name + " has no link-layer addresses";
    } else if (entry.has_mac) {
        hop.kind = NextHop::Kind::direct;
    } else {
        hop.kind = NextHop::Kind::unresolved;
        const char* protocol = route.via.is_v4() ? "ARP" : "neighbour discovery";
        hop.reason = route.via.to_string() + " has not answered " + protocol + " on " +
                     (link ? link->name : "interface " + std::to_string(route.ifindex));
    }
    if (hop == entry.hop) return false;
    entry.hop = std::move(hop);
    return true;
}

// NTF_USE makes the kernel act as if it had a packet to send: a missing or failed entry is
// solicited, a stale one probed after its usual delay, a reachable one kept from garbage
// collection.
void NextHops::solicit(const Entry& entry) {
    if (entry.hop.kind != NextHop::Kind::unresolved && entry.hop.kind != NextHop::Kind::direct)
        return;
    const Neighbour* neighbour = view_.neighbour(entry.hop.ifindex, entry.hop.via);
    if (neighbour && (neighbour->state & (NUD_PERMANENT | NUD_NOARP))) return;
    NetlinkRequest request(RTM_NEWNEIGH, NLM_F_REQUEST | NLM_F_CREATE);
    ndmsg header{};
    header.ndm_family = static_cast<unsigned char>(family_of(entry.hop.via));
    header.ndm_ifindex = entry.hop.ifindex;
    header.ndm_state = NUD_NONE;
    header.ndm_flags = NTF_USE;
    request.header(header).attribute(NDA_DST, entry.hop.via);
    if (const int error = netlink_.run(request)) {
        log::debug("the kernel does not resolve {} ({})", entry.hop.via.to_string(),
                   system_error(error));
    }
}

void NextHops::tick() {
    timer_.expires_after(std::chrono::seconds(1));
    timer_.async_wait([this](const boost::system::error_code& code) {
        if (code) return;
        ++seconds_;
        for (const auto& [address, entry] : entries_) {
            const bool due =
                entry.hop.kind == NextHop::Kind::unresolved || seconds_ % refresh_seconds == 0;
            if (due) solicit(entry);
        }
        tick();
    });
}

}  // namespace weir
