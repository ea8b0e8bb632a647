// SPDX-License-Identifier: Apache-2.0
#include "control/publish/ways.h"

#include <fmt/format.h>

#include <algorithm>

#include "control/net/route.h"
#include "control/publish/delivery.h"

namespace weir::publish {

Status check_ways(Netlink& netlink, const config::Model& model) {
    for (const config::Upstream& upstream : model.upstreams) {
        if (upstream.delivery.forward == config::Forward::nat) continue;
        for (const config::Server& server : upstream.servers)
            for (const IpAddress& address : server.addresses) {
                const weir::Route found = find_route(netlink, address);
                if (found.kind == weir::Route::Kind::unreachable) continue;
                Route route;
                route.way = found.kind == weir::Route::Kind::local ? Route::Way::local
                            : found.via != address                 ? Route::Way::router
                                                                   : Route::Way::neighbour;
                const std::string why = impossible(upstream.delivery, address, route);
                if (why.empty()) continue;
                return Error{fmt::format(
                    "server \"{}\" of upstream \"{}\" cannot be reached in {}:{}"
                    "\n  {}",
                    server.name, upstream.name, server.source.file, server.source.line, why)};
            }
    }
    return success();
}

std::vector<std::string> doubtful_sources(Netlink& netlink, const config::Model& model) {
    std::vector<std::string> sentences;
    const auto look_at = [&](const IpAddress& address, const std::string& directive) {
        for (const config::Port& port : model.dataplane.ports)  // what weir itself will put there
            for (const std::string& text : port.addresses)
                if (const auto own = parse_network(text); own && own->address == address) return;
        if (find_route(netlink, address).kind == weir::Route::Kind::local) return;
        std::string sentence = fmt::format(
            "\"{} {}\": this host does not have the address, so replies to it will not "
            "come here unless a router sends them",
            directive, address.to_string());
        if (std::ranges::find(sentences, sentence) == sentences.end())
            sentences.push_back(std::move(sentence));
    };
    for (const IpAddress& address : model.dataplane.snat) look_at(address, "snat");
    for (const config::Upstream& upstream : model.upstreams)
        if (upstream.delivery.bind) look_at(*upstream.delivery.bind, "proxy_bind");
    return sentences;
}

}  // namespace weir::publish
