// SPDX-License-Identifier: Apache-2.0
#include "control/publish/delivery.h"

#include <fmt/format.h>

#include <algorithm>

#include "control/publish/convert.h"

namespace weir::publish {
namespace {

using config::Forward;
using Way = Route::Way;

constexpr unsigned ipv4_header = 20;
constexpr unsigned ipv6_header = 40;
constexpr unsigned udp_header = 8;
constexpr unsigned tcp_header = 20;

// What the MSS of a SYN may be at most so that no segment outgrows the way; 0: nothing to do,
// because the mode adds no byte and the hosts know the MTU of their own links.
std::uint16_t fitting_mss(Forward forward, bool backend_v4, unsigned mtu, ClientFamilies clients) {
    const unsigned outer = backend_v4 ? ipv4_header : ipv6_header;
    const bool translates = forward == Forward::nat && (backend_v4 ? clients.v6 : clients.v4);
    unsigned headers = tcp_header + (clients.v6 || translates ? ipv6_header : ipv4_header);
    if (forward == Forward::ipip)
        headers += outer;
    else if (forward == Forward::gue)
        headers += outer + udp_header;
    else if (!translates)
        return 0;
    return mtu > headers ? static_cast<std::uint16_t>(mtu - headers) : std::uint16_t{0};
}

}  // namespace

std::uint8_t mode_of(Forward forward) {
    switch (forward) {
        case Forward::transparent:
            return WEIR_MODE_TRANSPARENT;
        case Forward::dsr:
            return WEIR_MODE_DSR;
        case Forward::ipip:
            return WEIR_MODE_IPIP;
        case Forward::gue:
            return WEIR_MODE_GUE;
        default:
            return WEIR_MODE_NAT;
    }
}

Forward forward_of(std::uint8_t mode) {
    for (const Forward forward : {Forward::transparent, Forward::dsr, Forward::ipip, Forward::gue})
        if (mode_of(forward) == mode) return forward;
    return Forward::nat;
}

std::string impossible(const config::Delivery& delivery, const IpAddress& backend,
                       const Route& route) {
    const std::string mode = delivery.forward == Forward::transparent
                                 ? "proxy_bind $remote_addr transparent"
                                 : fmt::format("forward {}", to_text(delivery.forward));
    if (delivery.forward != Forward::nat && route.way == Way::local)
        return fmt::format(
            "{} is an address of this host, which \"{}\" cannot reach; use \"forward "
            "nat\"",
            backend.to_string(), mode);
    if (delivery.forward == Forward::dsr && route.way == Way::router)
        return fmt::format(
            "{} is behind a router, which \"{}\" cannot pass: the packet keeps the "
            "client's destination; use ipip or gue",
            backend.to_string(), mode);
    const bool one_link =
        delivery.forward == Forward::dsr || delivery.forward == Forward::transparent;
    if (one_link && route.way == Way::host)
        return fmt::format(
            "{} is behind none of the ports, where \"{}\" cannot reach it; make its "
            "interface a port, or use \"forward nat\"",
            backend.to_string(), mode);
    const bool from_here =
        delivery.forward != Forward::dsr && delivery.forward != Forward::transparent;
    if (from_here && !delivery.bind && route.known && route.source.is_unspecified())
        return fmt::format(
            "this host has no address to reach {} from; give one by \"snat\" or "
            "\"proxy_bind\"",
            backend.to_string());
    return {};
}

void fill_way(weir_backend& record, const config::Delivery& delivery, const IpAddress& backend,
              const Route& route, ClientFamilies clients) {
    record.mode = mode_of(delivery.forward);
    record.tunnel_port = weir_be16_from(delivery.tunnel_port);
    if (delivery.checksum) record.flags |= WEIR_BACKEND_CHECKSUM;
    if (!route.known) return;
    record.flags |= WEIR_BACKEND_REACHABLE;
    record.out_port = route.port;
    record.next_hop = route.next_hop;
    record.mtu = route.mtu;
    record.link_mtu = route.link_mtu;
    record.snat = to_addr(route.source);
    record.snat_low = route.source_low;
    record.snat_high = route.source_high;
    if (delivery.to_peer) record.snat = to_addr(route.own);  // what the other one's list has
    // Over the host link, only the link's own address comes back.
    if (delivery.bind && route.port != 0) {
        record.snat = to_addr(*delivery.bind);
        record.snat_low = route.beside_kernel_low;
        record.snat_high = route.beside_kernel_high;
    }
    if (!delivery.mss_clamp) return;
    record.mss = delivery.mss != 0
                     ? delivery.mss
                     : fitting_mss(delivery.forward, backend.is_v4(), route.mtu, clients);
}

}  // namespace weir::publish
