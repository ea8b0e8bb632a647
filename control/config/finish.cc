// SPDX-License-Identifier: Apache-2.0
// The end of http{} or stream{}: what was read becomes upstreams and services of the model. Called
// by the handlers of the two blocks, after their closing brace.
#include <fmt/format.h>

#include "control/config/parse.h"

namespace weir::config {
namespace {

Service service_of(const Proxy& proxy, const ServerBlock& server, const Listen& listen) {
    Service service;
    service.address = listen.address;
    service.ipv6_wildcard = listen.ipv6_wildcard;
    service.port = listen.port;
    service.protocol = listen.protocol;
    service.source = listen.source;
    const auto inherit = [](Milliseconds& value, const auto& inner, const auto& outer) {
        if (inner)
            value = *inner;
        else if (outer)
            value = *outer;
    };
    inherit(service.proxy_timeout, server.proxy_timeout, proxy.proxy_timeout);
    inherit(service.proxy_connect_timeout, server.proxy_connect_timeout,
            proxy.proxy_connect_timeout);
    if (server.health_check) {
        service.health_check = server.health_check;
        inherit(service.health_check->timeout, server.health_check_timeout,
                proxy.health_check_timeout);
    }
    return service;
}

}  // namespace

Status finish(Parse& parse, Proxy& proxy, bool http) {
    if (auto done = proxy.upstreams.complete(parse); !done) return done;
    for (const ServerBlock& server : proxy.servers) {
        if (server.upstream) continue;
        if (!http) return Parse::error_at(server.source, "no handler for server");
        return Parse::error_at(server.source, "no \"proxy_pass\" is defined for server",
                               "an L4 balancer serves no files; every server needs \"location / { "
                               "proxy_pass http://UPSTREAM; }\"");
    }

    const std::size_t first = parse.model.upstreams.size();
    for (UpstreamEntry& entry : proxy.upstreams.entries)
        parse.model.upstreams.push_back(std::move(entry.upstream));
    for (const ServerBlock& server : proxy.servers) {
        for (const Listen& listen : server.listens) {
            Service service = service_of(proxy, server, listen);
            service.upstream = first + *server.upstream;
            service.http = http;
            parse.model.services.push_back(std::move(service));
        }
    }
    return success();
}

}  // namespace weir::config
