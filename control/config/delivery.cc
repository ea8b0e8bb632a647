// SPDX-License-Identifier: Apache-2.0
// From the words of upstream{}, server{} and the block around them to one Delivery, and the refusal
// of every combination that cannot work. Called by finish() for each server{}, once all of http{}
// or stream{} has been read. What only the routes can tell is found at start (publish/delivery.h).
#include <fmt/format.h>

#include <set>

#include "control/config/parse.h"

namespace weir::config {

const char* to_text(Forward forward) {
    switch (forward) {
        case Forward::transparent:
            return "transparent";
        case Forward::dsr:
            return "dsr";
        case Forward::ipip:
            return "ipip";
        case Forward::gue:
            return "gue";
        default:
            return "nat";
    }
}

namespace {

std::string mode_text(Forward forward) {
    if (forward == Forward::transparent) return "\"proxy_bind $remote_addr transparent\"";
    return fmt::format("\"forward {}\"", to_text(forward));
}

const char* family_text(bool v4) {
    return v4 ? "IPv4" : "IPv6";
}

// Only the packet's addresses decide the family of what arrives.
bool keeps_family(Forward forward) {
    return forward == Forward::dsr || forward == Forward::transparent;
}

Status check_port(Forward forward, const Listen& listen, const Server& server) {
    if (server.port == 0 && !keeps_destination(forward))
        return Parse::error_at(server.source,
                               fmt::format("no port in upstream \"{}\"", server.name),
                               fmt::format("the server on \"{}\" reaches it by {}, which needs one",
                                           listen.text(), mode_text(forward)));
    if (!keeps_destination(forward) || server.port == 0 || server.port == listen.port)
        return success();
    return Parse::error_at(
        server.source,
        fmt::format("{} cannot change the port of \"{}\" to that of server \"{}\"",
                    mode_text(forward), listen.text(), server.name),
        fmt::format("packets arrive as the client sent them: listen on port {}, let the server "
                    "have port {}, or none in a stream upstream (server ADDRESS;), or use "
                    "\"forward nat\"",
                    server.port, listen.port));
}

Status check_family(Forward forward, const Listen& listen, const Server& server) {
    if (!keeps_family(forward)) return success();
    for (const IpAddress& address : server.addresses) {
        if (address.is_v4() == listen.is_v4()) continue;
        return Parse::error_at(
            server.source,
            fmt::format("{} cannot bring {} packets of \"{}\" to {} server \"{}\"",
                        mode_text(forward), family_text(listen.is_v4()), listen.text(),
                        family_text(address.is_v4()), server.name),
            forward == Forward::dsr
                ? "packets keep the address that the client used: give the server an address of "
                  "the same family, or use nat, ipip or gue"
                : "the client's address cannot be kept in the other family: give the server an "
                  "address of the same family, or remove proxy_bind");
    }
    return success();
}

// A literal address only: of a host name, other addresses may work.
Status check_loopback(Forward forward, const Server& server) {
    const auto url = parse_url(server.name, UrlUse::server);
    if (!url || !url->address || server.addresses.empty()) return success();
    const IpAddress& address = server.addresses.front();
    if (!address.is_loopback()) return success();
    if (forward != Forward::nat)
        return Parse::error_at(
            server.source,
            fmt::format("{} cannot reach server \"{}\" on this host", mode_text(forward),
                        server.name),
            "its replies would not come back through the balancer, or never leave it: use "
            "\"forward nat\", or put the server on another machine");
    if (address.is_v6())
        return Parse::error_at(
            server.source, fmt::format("server \"{}\" cannot be reached", server.name),
            "the kernel takes no packet for ::1 from any link (RFC 4291 section 2.5.3): give an "
            "address of one of its interfaces, or 127.0.0.1, which IPv6 clients reach as well");
    return success();
}

Status check_bind(const Delivery& delivery, const Server& server) {
    if (!delivery.bind) return success();
    for (const IpAddress& address : server.addresses)
        if (address.is_v4() != delivery.bind->is_v4())
            return Parse::error_at(
                server.source,
                fmt::format("\"proxy_bind {}\" cannot be the source address toward server \"{}\"",
                            delivery.bind->to_string(), server.name),
                "both must be IPv4, or both IPv6: divide the servers into two upstreams");
    return success();
}

Status check_quic(const ServerBlock& server, const Upstream& upstream) {
    if (!server.quic) return success();
    const auto refuse = [&](const std::string& text, const std::string& detail) {
        return Parse::error_at(server.quic->source, text, detail);
    };
    bool udp = false;
    for (const Listen& listen : server.listens) udp = udp || listen.protocol == Protocol::udp;
    if (!udp) return refuse("\"quic_cid\" needs a \"listen ... udp\"", "QUIC connections are UDP");
    const unsigned highest = server.quic->cid.length == 1 ? 255 : 65534;
    std::set<std::uint16_t> ids;
    for (const Server& backend : upstream.servers) {
        if (!backend.server_id) continue;
        ids.insert(*backend.server_id);
        if (*backend.server_id > highest)
            return Parse::error_at(
                backend.source,
                fmt::format("invalid parameter \"server_id={}\"", *backend.server_id),
                fmt::format("with length={} of quic_cid it is at most {}", server.quic->cid.length,
                            highest));
    }
    if (ids.empty())
        return refuse(
            fmt::format("no server in upstream \"{}\" has a \"server_id=\"", upstream.name),
            "connections are routed by the number that their server has put into the "
            "connection id: give each server its own");
    return success();
}

}  // namespace

Result<Delivery> delivery_of(const Proxy& proxy, const ServerBlock& server,
                             const UpstreamEntry& entry) {
    const DeliveryWords& own = server.delivery;
    const auto& forward = own.forward ? own.forward : entry.forward;
    const auto& near_bind = server.location_bind ? server.location_bind : own.bind;
    const auto& bind = near_bind ? near_bind : proxy.delivery.bind;
    Delivery delivery;
    if (forward) {
        delivery.forward = forward->forward;
        delivery.tunnel_port = forward->tunnel_port.value_or(delivery.tunnel_port);
        delivery.checksum = forward->checksum.value_or(false);
    }
    if (const auto& mss = own.mss ? own.mss : proxy.delivery.mss) {
        delivery.mss_clamp = mss->clamp;
        delivery.mss = mss->mss;
    }
    delivery.session_drop = own.session_drop.value_or(proxy.delivery.session_drop.value_or(false));
    if (!bind) return delivery;

    const bool tunnel = delivery.forward == Forward::ipip || delivery.forward == Forward::gue;
    if (delivery.forward == Forward::nat && bind->transparent) {
        delivery.forward = Forward::transparent;
    } else if (delivery.forward == Forward::nat || (tunnel && !bind->transparent)) {
        delivery.bind = bind->address;
    } else if (near_bind && (bind->transparent || bind->address)) {
        return Parse::error_at(bind->source,
                               fmt::format("\"proxy_bind\" is not possible with \"forward {}\"",
                                           to_text(delivery.forward)),
                               "the servers see the client's address anyway: remove proxy_bind");
    }
    return delivery;
}

Status check_delivery(const ServerBlock& server, const Upstream& upstream) {
    const Delivery& delivery = upstream.delivery;
    for (const Server& backend : upstream.servers) {
        for (const Listen& listen : server.listens) {
            if (auto done = check_port(delivery.forward, listen, backend); !done) return done;
            if (auto done = check_family(delivery.forward, listen, backend); !done) return done;
        }
        if (auto done = check_loopback(delivery.forward, backend); !done) return done;
        if (auto done = check_bind(delivery, backend); !done) return done;
    }
    return check_quic(server, upstream);
}

}  // namespace weir::config
