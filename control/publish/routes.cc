// SPDX-License-Identifier: Apache-2.0
#include "control/publish/routes.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>

#include "control/publish/convert.h"

namespace weir::publish {

Result<PortRange> source_ports_beside_kernel() {
    unsigned low = 32768;
    unsigned high = 60999;
    std::ifstream("/proc/sys/net/ipv4/ip_local_port_range") >> low >> high;
    const unsigned below = low > 1024 ? low - 1024 : 0;
    const unsigned above = high < 65535 ? 65535 - high : 0;
    if (std::max(below, above) < 256)
        return Error{
            fmt::format("net.ipv4.ip_local_port_range {} {} leaves no source ports to weir; "
                        "narrow it, or give `snat` addresses of weir's own",
                        low, high)};
    if (below >= above) return PortRange{1024, static_cast<std::uint16_t>(low - 1)};
    return PortRange{static_cast<std::uint16_t>(high + 1), 65535};
}

Route Routes::over_host_link(const NextHop& hop) const {
    const HostLink& link = engine_.host_link();
    Route route;
    route.known = true;
    route.port = 0;
    route.next_hop = to_mac(link.host.mac);
    route.source = link.addresses.dataplane.address;
    route.text = hop.kind == NextHop::Kind::local ? "this host" : "this host, which routes on";
    return route;
}

Route Routes::to(const IpAddress& backend, std::uint16_t id) const {
    const NextHop* hop = hops_.find(backend);
    Route route;
    if (!hop) {
        route.text = "not looked up yet";
        return route;
    }
    if (hop->kind == NextHop::Kind::local) return over_host_link(*hop);
    route.text = hop->reason;
    if (hop->kind == NextHop::Kind::unreachable) return route;
    const auto& ports = engine_.ports();
    const auto port = std::ranges::find(ports, hop->ifindex, &Port::ifindex);
    if (port == ports.end()) return over_host_link(*hop);
    if (hop->kind == NextHop::Kind::unresolved) return route;

    route.known = true;
    route.port = static_cast<std::uint8_t>(port - ports.begin() + 1);
    route.next_hop = to_mac(hop->mac);
    route.source = hop->source;
    route.source_low = host_ports_.low;
    route.source_high = host_ports_.high;
    if (!snat_.empty()) {
        route.source = snat_[id % snat_.size()];
        route.source_low = 1024;
        route.source_high = 65535;
    }
    route.text = fmt::format("{} via {} ({})", hop->via.to_string(), port->configured.name,
                             weir::to_string(hop->mac));
    return route;
}

bool Routes::settled(const std::vector<IpAddress>& backends) const {
    return std::ranges::all_of(backends, [this](const IpAddress& address) {
        const NextHop* hop = hops_.find(address);
        return hop && (hop->kind != NextHop::Kind::unresolved || to(address, 0).known);
    });
}

}  // namespace weir::publish
