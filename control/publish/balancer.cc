// SPDX-License-Identifier: Apache-2.0
#include "control/publish/balancer.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "bpf/shared/flow_record.h"
#include "control/publish/convert.h"

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

}  // namespace

Balancer::Balancer(tables::View view, tables::Writer::WaitSeen wait_seen)
    : writer_(view, std::move(wait_seen)), ids_(*view.control) {
    if (writer_.generation() == 0) return;
    ids_.adopt(view, writer_.services(), writer_.backends());
    // What was published before belongs to flows until forget_unused() has looked.
    for (const auto& [id, key] : ids_.backends.keys()) {
        const weir_backend& record = writer_.backends()[id];
        Backend backend;
        backend.address = from_addr(record.addr);
        backend.port = weir_be16_to(record.port);
        backend.upstream = record.upstream;
        backend.name = fmt::format("{}:{}", backend.address.to_string(), backend.port);
        backend.removed = true;
        backends_[id] = backend;
    }
    for (const weir_service& record : writer_.services()) {
        if (!(record.flags & WEIR_SERVICE_USED)) continue;
        Service service;
        service.record = record;
        service.removed = true;
        service.info = {record.id,
                        from_addr(record.addr).to_string(),
                        weir_be16_to(record.port),
                        record.protocol == WEIR_PROTO_UDP ? "udp" : "tcp",
                        "-",
                        "-",
                        true};
        services_[record.id] = service;
    }
}

Status Balancer::number_upstreams(const config::Model& model,
                                  std::map<std::uint32_t, Upstream>& upstreams) {
    for (const config::Upstream& configured : model.upstreams) {
        const auto number = ids_.upstreams.number(upstream_name(configured.name));
        if (!number)
            return Error{
                fmt::format("more upstreams than the tables of this run hold ({}); "
                            "restart weir to make room",
                            writer_.view().upstreams.size())};
        Upstream upstream;
        if (const auto known = upstreams_.find(*number); known != upstreams_.end())
            upstream = known->second;
        if (upstream.method != configured.method) upstream.built = false;
        upstream.name = configured.name;
        upstream.method = configured.method;
        upstream.hash_key = configured.hash_key;
        upstream.servers.clear();
        upstream.check.reset();
        for (const config::Server& server : configured.servers)
            for (const IpAddress& address : server.addresses) {
                const auto id = ids_.backends.number(
                    backend_key(*number, to_addr(address), weir_be16_from(server.port)));
                if (!id)
                    return Error{
                        fmt::format("more backends than the tables of this run hold ({}); "
                                    "restart weir to make room",
                                    writer_.view().control->backend_capacity)};
                upstream.servers.emplace_back(static_cast<std::uint16_t>(*id), &server);
            }
        upstreams[*number] = std::move(upstream);
    }
    return success();
}

Status Balancer::number_services(const config::Model& model, const std::vector<IpAddress>& wildcard,
                                 std::map<std::uint32_t, Service>& services) {
    for (const config::Service& configured : model.services) {
        std::vector<IpAddress> addresses = wildcard;
        if (configured.address) addresses = {*configured.address};
        const config::Upstream& upstream = model.upstreams[configured.upstream];
        for (const IpAddress& address : addresses) {
            if (address.is_v6() || (!configured.address && configured.ipv6_wildcard)) continue;
            const auto protocol = static_cast<std::uint8_t>(configured.protocol);
            Service service;
            service.record.addr = to_addr(address);
            service.record.port = weir_be16_from(configured.port);
            service.record.protocol = protocol;
            service.record.idle = span_of(configured.proxy_timeout);
            service.record.connect = span_of(configured.proxy_connect_timeout);
            service.record.method = method_of(upstream.method, upstream.hash_key);
            const auto id = ids_.services.number(
                service_key(service.record.addr, service.record.port, protocol));
            const auto number = ids_.upstreams.number(upstream_name(upstream.name));
            if (!id || !number)
                return Error{
                    "more services than the tables of this run hold; restart weir to make room"};
            // nginx: the server with the address is preferred to the one with the wildcard
            if (services.contains(*id) && !configured.address) continue;
            service.record.id = *id;
            service.record.upstream = *number;
            service.upstream = *number;
            service.info = {*id,
                            address.to_string(),
                            configured.port,
                            configured.protocol == config::Protocol::udp ? "udp" : "tcp",
                            upstream.name,
                            name_of(upstream.method),
                            false};
            services[*id] = service;
        }
    }
    return success();
}

Status Balancer::configure(const config::Model& model, const std::vector<IpAddress>& wildcard) {
    auto owned = model;  // upstream.servers points into it
    std::map<std::uint32_t, Upstream> upstreams;
    std::map<std::uint32_t, Service> services;
    auto numbered = number_upstreams(owned, upstreams);
    if (numbered) numbered = number_services(owned, wildcard, services);
    if (!numbered) {
        forget_strangers();
        return numbered;
    }

    for (const config::Service& service : owned.services)
        if (service.health_check) {
            const auto number =
                ids_.upstreams.number(upstream_name(owned.upstreams[service.upstream].name));
            auto& check = upstreams[*number].check;
            if (!check) check = service.health_check;
        }
    for (auto& [number, upstream] : upstreams_) {
        if (upstreams.contains(number)) continue;
        writer_.release_slots(upstream.slots);
        writer_.release_slots(upstream.turns);
    }
    std::set<std::uint32_t> before;
    for (auto& [id, backend] : backends_) {
        if (!backend.removed) before.insert(id);
        backend.removed = true;
    }
    for (const auto& [number, upstream] : upstreams) {
        writer_.view().upstreams[number].name = upstream_name(upstream.name);
        std::set<std::uint16_t> seen;
        std::map<std::uint16_t, std::size_t> nth;  // which address of the server line comes next
        const config::Server* line = nullptr;
        std::size_t at = 0;
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

Status Balancer::build_slots(Upstream& upstream, const std::vector<Route>& routes) {
    std::vector<Peer> peers;
    for (const auto& [id, server] : upstream.servers) {
        const Backend& backend = backends_.at(id);
        peers.push_back({id, fmt::format("{}:{}", backend.address.to_string(), backend.port),
                         server->weight, server->backup,
                         !server->down && backend.healthy && routes[id].known});
    }
    if (upstream.built && peers == upstream.peers) return success();
    const SlotTables made = slot_tables(upstream.method, peers);
    const auto slots = writer_.write_slots(made.slots);
    const auto turns = writer_.write_slots(made.turns);
    if (slots.count != made.slots.size() || turns.count != made.turns.size()) {
        writer_.release_slots(slots);
        writer_.release_slots(turns);
        return Error{fmt::format(
            "no room for the slots of upstream \"{}\"; restart weir to make room", upstream.name)};
    }
    writer_.release_slots(upstream.slots);
    writer_.release_slots(upstream.turns);
    upstream.slots = slots;
    upstream.turns = turns;
    upstream.peers = std::move(peers);
    upstream.built = true;
    return success();
}

Status Balancer::publish(const RouteTo& route_to) {
    writer_.begin();
    std::vector<Route> routes(backends_.empty() ? 0 : backends_.rbegin()->first + 1);
    std::vector<weir_backend> backend_records(routes.size());
    for (const auto& [id, backend] : backends_) {
        Route& route = routes[id] = route_to(backend.address, static_cast<std::uint16_t>(id));
        weir_backend& record = backend_records[id];
        record.addr = to_addr(backend.address);
        record.port = weir_be16_from(backend.port);
        record.upstream = static_cast<std::uint16_t>(backend.upstream);
        record.flags = WEIR_BACKEND_USED;
        if (!route.known) continue;
        record.flags |= WEIR_BACKEND_REACHABLE;
        record.snat = to_addr(route.source);
        record.out_port = route.port;
        record.next_hop = route.next_hop;
        record.snat_low = route.source_low;
        record.snat_high = route.source_high;
    }
    for (auto& [number, upstream] : upstreams_)
        if (const auto status = build_slots(upstream, routes); !status) return status;

    std::vector<weir_service> service_records;
    for (auto& [id, service] : services_) {
        weir_service record = service.record;
        record.flags = WEIR_SERVICE_USED;
        if (service.removed || draining_) {
            record.flags |= WEIR_SERVICE_DRAINING;
            record.slot_base = record.slot_count = record.turn_base = record.turn_count = 0;
        } else {
            const Upstream& upstream = upstreams_.at(service.upstream);
            record.slot_base = upstream.slots.base;
            record.slot_count = upstream.slots.count;
            record.turn_base = upstream.turns.base;
            record.turn_count = upstream.turns.count;
        }
        service_records.push_back(record);
    }
    if (auto why = writer_.publish(service_records, backend_records); !why.empty())
        return Error{std::move(why)};
    for (auto& [id, backend] : backends_) backend.retired = backend.removed;
    for (auto& [id, service] : services_) service.retired = service.removed;
    describe(routes);
    return success();
}

void Balancer::describe(const std::vector<Route>& routes) {
    directory_.generation = writer_.generation();
    directory_.services.clear();
    directory_.backends.clear();
    for (const auto& [id, service] : services_) {
        directory_.services.push_back(service.info);
        directory_.services.back().draining = service.removed || draining_;
    }
    std::set<std::uint16_t> chosen;  // stands in a slot
    for (const auto& [number, upstream] : upstreams_) {
        const bool primary = std::ranges::any_of(
            upstream.peers, [](const Peer& peer) { return peer.usable && !peer.backup; });
        for (const Peer& peer : upstream.peers)
            if (peer.usable && peer.backup != primary) chosen.insert(peer.backend);
    }
    for (const auto& [number, backend] : backends_) {
        const auto id = static_cast<std::uint16_t>(number);
        BackendInfo info{id,
                         backend.upstream_name.empty() ? "-" : backend.upstream_name,
                         backend.name,
                         backend.address.to_string(),
                         backend.port,
                         backend.weight,
                         backend.backup,
                         chosen.contains(id) && !backend.removed && !draining_,
                         "up",
                         "",
                         routes[id].text};
        if (backend.removed) {
            info.state = "draining";
        } else if (backend.down) {
            info.state = "down";
        } else if (!backend.healthy) {
            info.state = "unhealthy";
            info.reason = backend.reason;
        } else if (!routes[id].known) {
            info.state = "unreachable";
            info.reason = routes[id].text;
        } else if (!chosen.contains(id)) {
            info.state = "standby";
        }
        directory_.backends.push_back(std::move(info));
    }
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
            targets.push_back({id, backend.address, upstream.check->port.value_or(backend.port),
                               *upstream.check});
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
