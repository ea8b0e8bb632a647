// SPDX-License-Identifier: Apache-2.0
// A warning where clients and backends would meet at one address: a `listen` whose address is also
// given as source address toward backends, by `snat` or `proxy_bind`. It works while one balancer
// alone has that address. Called at the end of parsing; it refuses nothing.
#include <fmt/format.h>

#include <algorithm>

#include "control/config/parse.h"

namespace weir::config {
namespace {

bool has_server(const Upstream& upstream, bool v4) {
    return std::ranges::any_of(upstream.servers, [v4](const Server& server) {
        return std::ranges::any_of(server.addresses,
                                   [v4](const IpAddress& at) { return at.is_v4() == v4; });
    });
}

// The directive that makes it a source address; empty: none does.
std::string given_by(const Model& model, const IpAddress& address) {
    const bool snat =
        std::ranges::find(model.dataplane.snat, address) != model.dataplane.snat.end();
    for (const Upstream& upstream : model.upstreams) {
        const Delivery& delivery = upstream.delivery;
        if (delivery.forward != Forward::nat || !has_server(upstream, address.is_v4())) continue;
        if (delivery.bind == address) return fmt::format("proxy_bind {}", address.to_string());
        if (snat && !delivery.bind) return fmt::format("snat {}", address.to_string());
    }
    return "";
}

}  // namespace

void warn_of_shared_sources(Parse& parse) {
    std::vector<IpAddress> warned;
    for (const Service& service : parse.model.services) {
        if (!service.address || std::ranges::find(warned, *service.address) != warned.end())
            continue;
        const std::string directive = given_by(parse.model, *service.address);
        if (directive.empty()) continue;
        warned.push_back(*service.address);
        parse.warn_at(service.source,
                      fmt::format("\"{}\" takes the address of this \"listen\" as source toward "
                                  "backends: when it moves to another balancer, or several have "
                                  "it, replies of backends go astray; use one that this balancer "
                                  "has alone",
                                  directive));
    }
}

}  // namespace weir::config
