// SPDX-License-Identifier: Apache-2.0
#include "control/publish/balancer.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "bpf/shared/flow_record.h"
#include "control/net/address.h"
#include "control/publish/convert.h"
#include "control/publish/delivery.h"
#include "control/publish/icmp_peers.h"
#include "control/publish/listens.h"
#include "control/publish/sizing.h"

namespace weir::publish {
namespace {

const char* name_of(config::Method method) {
    switch (method) {
        case config::Method::ip_hash:
            return "ip_hash";
        case config::Method::maglev:
            return "maglev";
        default:
            return "round_robin";
    }
}

std::uint8_t method_of(config::Method method, config::HashKey key) {
    switch (method) {
        case config::Method::ip_hash:
            return WEIR_METHOD_IP_HASH;
        case config::Method::maglev:
            return key == config::HashKey::client_address ? WEIR_METHOD_MAGLEV_ADDRESS
                                                          : WEIR_METHOD_MAGLEV;
        default:
            return WEIR_METHOD_ROUND_ROBIN;
    }
}

std::uint16_t span_of(config::Milliseconds time) {
    return weir_span_of_ms(static_cast<std::uint64_t>(std::max<std::int64_t>(time.count(), 1)));
}

// The configuration would fit, were it not for what it has replaced.
Error still_in_use(const char* what, std::size_t room) {
    return Error{fmt::format(
        "flows use {} that were removed, beside which the tables of this run have no "
        "room for all of the configuration's (they hold {}); try again when those flows "
        "have ended, or restart weir",
        what, room)};
}

}  // namespace

Balancer::Balancer(tables::View view, tables::Writer::WaitSeen wait_seen)
    : writer_(view, std::move(wait_seen)), ids_(*view.control) {
    if (writer_.generation() != 0) adopt();
}

// What was published before belongs to flows until forget_unused() has looked.
void Balancer::adopt() {
    ids_.adopt(writer_.view(), writer_.services(), writer_.backends());
    for (const auto& [id, key] : ids_.backends.keys()) {
        const weir_backend& record = writer_.backends()[id];
        Backend backend;
        backend.address = from_addr(record.addr);
        backend.port = weir_be16_to(record.port);
        backend.upstream = record.upstream;
        backend.name = weir::to_string(backend.address, backend.port);
        backend.delivery.forward = forward_of(record.mode);
        backend.delivery.tunnel_port = weir_be16_to(record.tunnel_port);
        backend.delivery.checksum = record.flags & WEIR_BACKEND_CHECKSUM;
        backend.delivery.mss_clamp = record.mss != 0;
        backend.delivery.mss = record.mss;
        backend.removed = true;
        backends_[id] = backend;
    }
    for (const weir_service& record : writer_.services()) {
        if (!(record.flags & WEIR_SERVICE_USED)) continue;
        Service service;
        service.record = record;
        service.removed = true;
        const bool range = record.port_high != 0;
        service.info.id = record.id;
        service.info.address = from_addr(record.addr).to_string();
        service.info.port = range ? record.port_low : weir_be16_to(record.port);
        service.info.last_port = range ? record.port_high : service.info.port;
        service.info.protocol = record.protocol == WEIR_PROTO_UDP ? "udp" : "tcp";
        service.info.upstream = service.info.method = service.info.mode = "-";
        service.info.draining = true;
        services_[record.id] = service;
    }
}

Status Balancer::number_upstreams(const config::Model& model,
                                  std::map<std::uint32_t, Upstream>& upstreams) {
    for (const config::Upstream& configured : model.upstreams) {
        const auto number = ids_.upstreams.number(upstream_name(configured.key));
        if (!number) return still_in_use("upstreams", writer_.view().upstreams.size());
        Upstream upstream;
        if (const auto known = upstreams_.find(*number); known != upstreams_.end())
            upstream = known->second;
        if (upstream.method != configured.method) upstream.built = false;
        upstream.name = configured.name;
        upstream.method = configured.method;
        upstream.hash_key = configured.hash_key;
        upstream.delivery = configured.delivery;
        upstream.servers.clear();
        upstream.check.reset();
        upstream.v4 = upstream.v6 = upstream.quic = false;
        for (const config::Server& server : configured.servers)
            for (const IpAddress& address : server.addresses) {
                const auto id = ids_.backends.number(
                    backend_key(*number, to_addr(address), weir_be16_from(server.port),
                                mode_of(configured.delivery.forward)));
                if (!id) return still_in_use("backends", writer_.view().control->backend_capacity);
                upstream.servers.emplace_back(static_cast<std::uint16_t>(*id), &server);
            }
        upstreams[*number] = std::move(upstream);
    }
    return success();
}

Status Balancer::number_service(const config::Service& configured, const config::Upstream& upstream,
                                const IpAddress& address,
                                std::map<std::uint32_t, Service>& services) {
    Service service;
    weir_service& record = service.record;
    record = service_at(configured, address);
    record.idle = span_of(configured.proxy_timeout);
    record.connect = span_of(configured.proxy_connect_timeout);
    record.method = method_of(upstream.method, upstream.hash_key);
    if (upstream.stateless) record.flags |= WEIR_SERVICE_STATELESS;
    if (upstream.delivery.to_peer) record.flags |= WEIR_SERVICE_PEERS;
    if (upstream.delivery.forward == config::Forward::transparent)
        record.flags |= WEIR_SERVICE_BY_PORT;
    if (configured.quic_cid) {
        record.cid_offset = configured.quic_cid->offset;
        record.cid_length = configured.quic_cid->length;
    }
    const auto id = ids_.services.number(service_key(record));
    const auto number = ids_.upstreams.number(upstream_name(upstream.key));
    if (!id || !number) return still_in_use("services", writer_.view().control->service_capacity);
    // nginx: the server with the address is preferred to the one with the wildcard
    if (services.contains(*id) && !configured.address) return success();
    record.id = *id;
    record.upstream = *number;
    service.upstream = *number;
    service.any_address = !configured.address;
    service.info = {*id,
                    address.to_string(),
                    configured.port,
                    configured.is_range() ? configured.last_port : configured.port,
                    configured.protocol == config::Protocol::udp ? "udp" : "tcp",
                    upstream.name,
                    name_of(upstream.method),
                    to_text(upstream.delivery.forward),
                    upstream.stateless,
                    false};
    services[*id] = service;
    return success();
}

Status Balancer::number_services(const config::Model& model, const std::vector<IpAddress>& wildcard,
                                 std::map<std::uint32_t, Service>& services) {
    for (const config::Service& configured : model.services)
        for (const IpAddress& address : addresses_of(model, configured, wildcard))
            if (auto done = number_service(configured, model.upstreams[configured.upstream],
                                           address, services);
                !done)
                return done;
    return success();
}

// What the services of an upstream ask of it: probes, connection ids, and families.
void Balancer::note_services(std::map<std::uint32_t, Upstream>& upstreams,
                             const config::Model& model) {
    for (const config::Service& service : model.services) {
        const auto number =
            ids_.upstreams.number(upstream_name(model.upstreams[service.upstream].key));
        Upstream& upstream = upstreams[*number];
        const bool v4 = service.address ? service.address->is_v4() : !service.ipv6_wildcard;
        (v4 ? upstream.v4 : upstream.v6) = true;
        if (service.quic_cid) upstream.quic = true;
        if (!service.health_check || upstream.check) continue;
        upstream.check = service.health_check;
        upstream.check_port = service.port;
    }
}

Status Balancer::configure(const config::Model& model, const std::vector<IpAddress>& wildcard) {
    const auto geometry = tables::Geometry::of(*writer_.view().control, 1);
    if (const auto why = shortage(geometry, needs_of(model, wildcard)); !why.empty())
        return Error{why + "; restart weir to make room"};
    auto owned = with_icmp_peers(model);  // upstream.servers points into it
    std::map<std::uint32_t, Upstream> upstreams;
    std::map<std::uint32_t, Service> services;
    auto numbered = number_upstreams(owned, upstreams);
    if (numbered) numbered = number_services(owned, wildcard, services);
    if (!numbered) {
        forget_strangers();
        return numbered;
    }

    note_services(upstreams, owned);
    for (auto& [number, upstream] : upstreams_) {
        if (upstreams.contains(number)) continue;
        writer_.release_slots(upstream.slots);
        writer_.release_slots(upstream.turns);
        writer_.release_slots(upstream.cids);
    }
    std::set<std::uint32_t> before;
    for (auto& [id, backend] : backends_) {
        if (!backend.removed) before.insert(id);
        backend.removed = true;
    }
    for (const auto& [number, upstream] : upstreams) {
        writer_.view().upstreams[number].name = ids_.upstreams.keys().at(number);
        take_servers(number, upstream, before);
    }
    for (auto& [id, service] : services_)
        if (!services.contains(id)) {
            service.removed = true;
            services[id] = service;
        }
    services_ = std::move(services);
    upstreams_ = std::move(upstreams);
    model_ = std::move(owned);
    return success();
}

// The backends that the servers of an upstream stand for; `before`: those that had servers before.
void Balancer::take_servers(std::uint32_t number, const Upstream& upstream,
                            const std::set<std::uint32_t>& before) {
    std::set<std::uint16_t> seen;
    const config::Server* line = nullptr;
    std::size_t at = 0;  // which address of the server line
    for (const auto& [id, server] : upstream.servers) {
        at = server == line ? at + 1 : 0;
        line = server;
        Backend& backend = backends_[id];
        const bool first = seen.insert(id).second;
        backend.address = server->addresses[at];
        backend.port = server->port;
        backend.upstream = number;
        backend.upstream_name = upstream.name;
        backend.name = server->name;
        backend.delivery = upstream.delivery;
        backend.weight = (first ? 0 : backend.weight) + server->weight;
        backend.backup = server->backup && (first || backend.backup);
        backend.down = server->down && (first || backend.down);
        backend.removed = backend.retired = false;
        if (!upstream.check || !before.contains(id)) {  // not probed before: presumed healthy
            backend.healthy = true;
            backend.reason.clear();
        }
    }
}

// Gives back numbers that no backend, service or upstream of this balancer bears.
void Balancer::forget_strangers() {
    const auto forget = [](auto& numbers, const auto& bearers, const auto& used_otherwise) {
        const auto keys = numbers.keys();
        for (const auto& [number, key] : keys)
            if (!bearers.contains(number) && !used_otherwise(number)) {
                numbers.forget(number);
            }
    };
    const auto never = [](std::uint32_t) { return false; };
    const auto by_a_backend = [this](std::uint32_t upstream) {
        return std::ranges::any_of(
            backends_, [=](const auto& entry) { return entry.second.upstream == upstream; });
    };
    forget(ids_.backends, backends_, never);
    forget(ids_.services, services_, never);
    forget(ids_.upstreams, upstreams_, by_a_backend);
    for (std::uint32_t i = 0; i < writer_.view().upstreams.size(); i++)
        if (!ids_.upstreams.keys().contains(i)) writer_.view().upstreams[i] = weir_upstream{};
}

void Balancer::note_health(std::uint16_t id, bool healthy, const std::string& reason) {
    const auto backend = backends_.find(id);
    if (backend == backends_.end()) return;
    backend->second.healthy = healthy;
    backend->second.reason = healthy ? "" : reason;
}

void Balancer::drain() {
    draining_ = true;
}

bool Balancer::forget_unused(std::uint64_t now) {
    const auto retired = [](const auto& entry) { return entry.second.retired; };
    if (std::ranges::none_of(backends_, retired) && std::ranges::none_of(services_, retired))
        return false;
    writer_.begin();  // from here on no worker starts flows by the generation before

    std::set<std::uint32_t> backends;
    std::set<std::uint32_t> services;
    for (const weir_flow& flow : writer_.view().flows) {
        if (!weir_flow_live(&flow, weir_tick(now))) continue;
        backends.insert(flow.backend_id);
        services.insert(flow.service_id);
    }
    const auto unused = [](const std::set<std::uint32_t>& used) {
        return [&used](const auto& entry) {
            return entry.second.retired && !used.contains(entry.first);
        };
    };
    const std::size_t forgotten =
        std::erase_if(backends_, unused(backends)) + std::erase_if(services_, unused(services));
    if (forgotten > 0) forget_strangers();
    return forgotten > 0;
}

std::size_t Balancer::live_flows(std::uint64_t now) const {
    return static_cast<std::size_t>(
        std::ranges::count_if(writer_.view().flows, [now](const weir_flow& flow) {
            return weir_flow_live(&flow, weir_tick(now)) && flow.state < WEIR_FLOW_CLOSED;
        }));
}

std::vector<ProbeTarget> Balancer::probe_targets() const {
    std::vector<ProbeTarget> targets;
    std::set<std::uint16_t> seen;
    for (const auto& [number, upstream] : upstreams_) {
        if (!upstream.check) continue;
        for (const auto& [id, server] : upstream.servers) {
            if (server->down || !seen.insert(id).second) continue;
            const Backend& backend = backends_.at(id);
            const std::uint16_t own = backend.port != 0 ? backend.port : upstream.check_port;
            targets.push_back(
                {id, backend.address, upstream.check->port.value_or(own), *upstream.check});
        }
    }
    return targets;
}

std::vector<IpAddress> Balancer::backend_addresses() const {
    std::set<IpAddress> addresses;
    for (const auto& [id, backend] : backends_) addresses.insert(backend.address);
    return {addresses.begin(), addresses.end()};
}

}  // namespace weir::publish
