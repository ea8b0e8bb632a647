// SPDX-License-Identifier: Apache-2.0
#include "control/publish/routes.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <optional>

#include "control/publish/convert.h"

namespace weir::publish {

Result<PortRange> source_ports_beside_kernel() {
    unsigned low = 32768;
    unsigned high = 60999;
    std::ifstream("/proc/sys/net/ipv4/ip_local_port_range") >> low >> high;
    const unsigned below = low > WEIR_LEAST_SOURCE_PORT ? low - WEIR_LEAST_SOURCE_PORT : 0;
    const unsigned above = high < 65535 ? 65535 - high : 0;
    if (std::max(below, above) < 256)
        return Error{
            fmt::format("net.ipv4.ip_local_port_range {} {} leaves no source ports to weir; "
                        "narrow it, or give `snat` addresses of weir's own",
                        low, high)};
    if (below >= above)
        return PortRange{WEIR_LEAST_SOURCE_PORT, static_cast<std::uint16_t>(low - 1)};
    return PortRange{static_cast<std::uint16_t>(high + 1), 65535};
}

namespace {

Route over_host_link(const NextHop& hop, const IpAddress& backend, const HostLink& link) {
    Route route;
    if (backend.is_v6() && !link.addresses6) {
        route.text = "this host, but its kernel has no IPv6 for the link to it";
        return route;
    }
    const bool local = hop.kind == NextHop::Kind::local;
    if (backend.is_v6() && backend.is_loopback()) {
        route.text = "the kernel takes no packet for ::1 from a link";
        return route;
    }
    route.known = true;
    route.way = local ? Route::Way::local : Route::Way::host;
    route.next_hop = to_mac(link.host.mac);
    route.mtu = route.link_mtu = static_cast<std::uint16_t>(std::min(link.host.mtu, 65535u));
    route.source = route.own =
        (backend.is_v4() ? link.addresses : *link.addresses6).dataplane.address;
    route.text = local ? "this host" : "this host, which routes on";
    return route;
}

// The backend's share of the addresses of its family; none: there are none.
std::optional<IpAddress> nth_source(const std::vector<IpAddress>& snat, bool v4, std::uint16_t id) {
    std::vector<IpAddress> family;
    for (const IpAddress& address : snat)
        if (address.is_v4() == v4) family.push_back(address);
    if (family.empty()) return std::nullopt;
    return family[id % family.size()];
}

}  // namespace

Route route_over(const NextHop& hop, const IpAddress& backend, const std::vector<Port>& ports,
                 const HostLink& link, const std::vector<IpAddress>& snat, PortRange host_ports,
                 std::uint16_t id) {
    if (hop.kind == NextHop::Kind::local) return over_host_link(hop, backend, link);
    Route route;
    route.text = hop.reason;
    if (hop.kind == NextHop::Kind::unreachable) return route;
    const auto port = std::ranges::find(ports, hop.ifindex, &Port::ifindex);
    if (port == ports.end()) return over_host_link(hop, backend, link);
    if (hop.kind == NextHop::Kind::unresolved) return route;

    route.known = true;
    route.way = hop.via == backend ? Route::Way::neighbour : Route::Way::router;
    route.port = static_cast<std::uint8_t>(port - ports.begin() + 1);
    route.next_hop = to_mac(hop.mac);
    route.mtu = static_cast<std::uint16_t>(std::min(hop.mtu, 65535u));
    route.link_mtu = static_cast<std::uint16_t>(std::min(hop.link_mtu, 65535u));
    route.source = route.own = hop.source;
    route.source_low = route.beside_kernel_low = host_ports.low;
    route.source_high = route.beside_kernel_high = host_ports.high;
    if (const auto source = nth_source(snat, backend.is_v4(), id)) {
        route.source = *source;
        route.source_low = WEIR_LEAST_SOURCE_PORT;
        route.source_high = 65535;
    }
    route.text = fmt::format("{} via {} ({})", hop.via.to_string(), port->configured.name,
                             weir::to_string(hop.mac));
    return route;
}

Route Routes::to(const IpAddress& backend, std::uint16_t id) const {
    const NextHop* hop = hops_.find(backend);
    Route route;
    if (!hop) {
        route.text = "not looked up yet";
        return route;
    }
    route = route_over(*hop, backend, engine_.ports(), engine_.host_link(), snat_, host_ports_, id);
    const unsigned narrow = paths_.find(backend);
    if (narrow != 0 && (route.mtu == 0 || narrow < route.mtu))
        route.mtu = static_cast<std::uint16_t>(narrow);
    return route;
}

bool Routes::settled(const std::vector<IpAddress>& backends) const {
    return std::ranges::all_of(backends, [this](const IpAddress& address) {
        const NextHop* hop = hops_.find(address);
        return hop && (hop->kind != NextHop::Kind::unresolved || to(address, 0).known);
    });
}

}  // namespace weir::publish
