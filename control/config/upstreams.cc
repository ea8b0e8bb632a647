// SPDX-License-Identifier: Apache-2.0
// See upstreams.h. The order of checks and their texts are nginx's.
#include "control/config/upstreams.h"

#include <fmt/format.h>

#include "control/config/parse.h"
#include "control/config/values.h"

namespace weir::config {
namespace {

std::string may_not_have_port(const Url& url) {
    return fmt::format("upstream \"{}\" may not have port {}", url.host, url.port);
}

bool only_backups(const Upstream& upstream) {
    for (const Server& server : upstream.servers)
        if (!server.backup) return false;
    return true;
}

}  // namespace

Result<std::size_t> Upstreams::declare(const Parse& parse, const std::string& name) {
    for (std::size_t i = 0; i < entries.size(); ++i) {
        UpstreamEntry& entry = entries[i];
        const std::string& known = entry.declared ? entry.upstream.name : entry.url.host;
        if (!same_ignoring_case(known, name)) continue;
        if (entry.declared) return parse.error(fmt::format("duplicate upstream \"{}\"", name));
        if (entry.url.port_given)
            return Parse::error_at(entry.upstream.source, may_not_have_port(entry.url));
        entry.declared = true;
        entry.upstream.name = name;
        entry.upstream.source = parse.source();
        return i;
    }
    UpstreamEntry entry;
    entry.declared = true;
    entry.upstream.name = name;
    entry.upstream.source = parse.source();
    entries.push_back(std::move(entry));
    return entries.size() - 1;
}

Result<std::size_t> Upstreams::refer(const Parse& parse, const Url& url) {
    for (std::size_t i = 0; i < entries.size(); ++i) {
        const UpstreamEntry& entry = entries[i];
        if (entry.declared) {
            if (!same_ignoring_case(entry.upstream.name, url.host)) continue;
            if (url.port_given) return parse.error(may_not_have_port(url));
            return i;
        }
        if (same_ignoring_case(entry.url.host, url.host) && entry.url.port == url.port &&
            entry.url.port_given == url.port_given)
            return i;
    }
    UpstreamEntry entry;
    entry.url = url;
    entry.upstream.name = url.text;
    entry.upstream.source = parse.source();
    entries.push_back(std::move(entry));
    return entries.size() - 1;
}

Status Upstreams::complete(const Parse& parse) {
    for (UpstreamEntry& entry : entries) {
        Upstream& upstream = entry.upstream;
        const auto refuse = [&](const std::string& text) {
            return Parse::error_at(upstream.source, text);
        };
        if (entry.declared) {
            if (only_backups(upstream))
                return refuse(fmt::format("no servers in upstream \"{}\"", upstream.name));
            continue;
        }
        if (entry.url.port == 0)
            return refuse(fmt::format("no port in upstream \"{}\"", entry.url.host));
        auto addresses = addresses_of(parse, entry.url);
        if (!addresses)
            return refuse(fmt::format("{} in upstream \"{}\"", addresses.error(), entry.url.host));
        Server server;
        server.name = entry.url.text;
        server.addresses = *std::move(addresses);
        server.port = entry.url.port;
        server.source = upstream.source;
        upstream.implicit = true;
        upstream.servers.push_back(std::move(server));
    }
    return success();
}

Result<std::vector<IpAddress>> addresses_of(const Parse& parse, const Url& url) {
    if (url.address) return std::vector<IpAddress>{reachable(*url.address)};
    if (!parse.options().resolve) return std::vector<IpAddress>{};
    auto found = parse.options().resolver(url.host);
    if (!found) return Error{found.error()};
    if (found->empty()) return Error{"host not found"};
    for (IpAddress& address : *found) address = reachable(address);
    return found;
}

}  // namespace weir::config
