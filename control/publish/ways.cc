// SPDX-License-Identifier: Apache-2.0
#include "control/publish/ways.h"

#include <fmt/format.h>

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

}  // namespace weir::publish
