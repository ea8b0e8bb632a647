// SPDX-License-Identifier: Apache-2.0
// The end of http{} or stream{}: what was read becomes upstreams and services of the model. Called
// by the handlers of the two blocks, after their closing brace.
#include <fmt/format.h>

#include <set>

#include "control/config/parse.h"

namespace weir::config {
namespace {

Service service_of(const Proxy& proxy, const ServerBlock& server, const Listen& listen) {
    Service service;
    service.address = listen.address;
    service.ipv6_wildcard = listen.ipv6_wildcard;
    service.port = listen.port;
    service.last_port = listen.last_port;
    service.protocol = listen.protocol;
    service.source = listen.source;
    if (server.quic && listen.protocol == Protocol::udp) service.quic_cid = server.quic->cid;
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

// The upstreams of the model, one for each way that some server{} has to the servers of one.
class Ways {
  public:
    Ways(Parse& parse, Proxy& proxy)
        : parse_(parse), proxy_(proxy), first_(parse.model.upstreams.size()) {
        for (const UpstreamEntry& entry : proxy.upstreams.entries)
            parse.model.upstreams.push_back(entry.upstream);
        taken_.resize(proxy.upstreams.entries.size());
    }

    Result<std::size_t> of(const ServerBlock& server) {
        const UpstreamEntry& entry = proxy_.upstreams.entries[*server.upstream];
        auto delivery = delivery_of(proxy_, server, entry);
        if (!delivery) return Error{delivery.error()};
        const std::size_t index = place(*server.upstream, *delivery);
        if (auto done = check_delivery(server, parse_.model.upstreams[index]); !done)
            return Error{done.error()};
        if (auto done = check_stateless(entry, *delivery); !done) return Error{done.error()};
        parse_.model.upstreams[index].stateless = entry.stateless.has_value();
        return index;
    }

    // An upstream that no server{} names is reached in its own way, should one ever.
    void name_all() {
        for (std::size_t i = 0; i < taken_.size(); i++)
            if (taken_[i].empty()) {
                const auto& forward = proxy_.upstreams.entries[i].forward;
                if (forward) parse_.model.upstreams[first_ + i].delivery.forward = forward->forward;
            }
        std::set<std::string> keys;
        for (Upstream& upstream : parse_.model.upstreams) {
            const Forward forward = upstream.delivery.forward;
            upstream.key = upstream.name;
            if (forward != Forward::nat) upstream.key += fmt::format("/{}", to_text(forward));
            const std::string plain = upstream.key;
            for (unsigned n = 2; !keys.insert(upstream.key).second; n++)
                upstream.key = fmt::format("{}#{}", plain, n);
        }
    }

  private:
    std::size_t place(std::size_t entry, const Delivery& delivery) {
        auto& upstreams = parse_.model.upstreams;
        for (const std::size_t index : taken_[entry])
            if (upstreams[index].delivery == delivery) return index;
        std::size_t index = first_ + entry;
        if (!taken_[entry].empty()) {
            index = upstreams.size();
            upstreams.push_back(upstreams[first_ + entry]);
        }
        upstreams[index].delivery = delivery;
        taken_[entry].push_back(index);
        return index;
    }

    static Status check_stateless(const UpstreamEntry& entry, const Delivery& delivery) {
        if (!entry.stateless) return success();
        const auto refuse = [&](const std::string& what, const std::string& why) {
            return Parse::error_at(*entry.stateless,
                                   fmt::format("\"stateless\" is not possible with {}", what), why);
        };
        if (!keeps_destination(delivery.forward))
            return refuse(fmt::format("\"{}\"", delivery.forward == Forward::nat
                                                    ? "forward nat"
                                                    : "proxy_bind $remote_addr transparent"),
                          "replies could not be told apart without flows: use \"forward dsr\", "
                          "ipip or gue");
        if (entry.upstream.method == Method::round_robin)
            return refuse(
                "round robin",
                "the next packet of a connection would have another turn: add \"maglev\"");
        if (entry.upstream.method == Method::ip_hash)
            return refuse("\"ip_hash\"",
                          "it falls back to round robin when servers are down: use \"maglev "
                          "$remote_addr\"");
        if (delivery.session_drop)
            return refuse("\"proxy_session_drop on\"", "there are no sessions to drop");
        return success();
    }

    Parse& parse_;
    Proxy& proxy_;
    std::size_t first_;
    std::vector<std::vector<std::size_t>> taken_;  // by entry: its upstreams that are in use
};

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

    Ways ways(parse, proxy);
    for (const ServerBlock& server : proxy.servers) {
        auto upstream = ways.of(server);
        if (!upstream) return Error{upstream.error()};
        for (const Listen& listen : server.listens) {
            Service service = service_of(proxy, server, listen);
            service.upstream = *upstream;
            service.http = http;
            parse.model.services.push_back(std::move(service));
        }
    }
    ways.name_all();
    return success();
}

}  // namespace weir::config
