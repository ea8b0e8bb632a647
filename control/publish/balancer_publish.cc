// SPDX-License-Identifier: Apache-2.0
// The second half of the balancer: from what it knows to the records of one generation, and to the
// directory that people read.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "control/net/address.h"
#include "control/publish/balancer.h"
#include "control/publish/convert.h"
#include "control/publish/delivery.h"

namespace weir::publish {
namespace {

// Services that a packet may meet, by address and protocol: those of one port each, and ranges.
class Covered {
  public:
    // An earlier one takes all that this one would get.
    bool contains(const weir_service& record) const {
        const auto [address, low, high, protocol] = service_key(record);
        const auto ranges = ranges_.find({address, protocol});
        return exact_.contains(service_key(record)) ||
               (ranges != ranges_.end() && std::ranges::any_of(ranges->second, [&](auto range) {
                    return range.first <= low && high <= range.second;
                }));
    }

    void add(const weir_service& record) {
        const auto [address, low, high, protocol] = service_key(record);
        exact_.insert(service_key(record));
        if (record.port_high != 0) ranges_[{address, protocol}].emplace_back(low, high);
    }

  private:
    using Range = std::pair<std::uint16_t, std::uint16_t>;
    std::set<ServiceKey> exact_;
    std::map<std::pair<std::array<std::uint32_t, 4>, std::uint8_t>, std::vector<Range>> ranges_;
};

}  // namespace

Status Balancer::build_slots(Upstream& upstream, const std::vector<Route>& routes) {
    std::vector<Peer> peers;
    for (const auto& [id, server] : upstream.servers) {
        const Backend& backend = backends_.at(id);
        peers.push_back({id, weir::to_string(backend.address, backend.port), server->weight,
                         server->backup, !server->down && backend.healthy && routes[id].known});
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

// The table from server id to backend: whoever has an id keeps its connections, well or not.
Status Balancer::build_cids(Upstream& upstream) {
    std::vector<std::uint16_t> made;
    if (upstream.quic)
        for (const auto& [id, server] : upstream.servers) {
            if (!server->server_id) continue;
            if (made.size() <= *server->server_id)
                made.resize(*server->server_id + 1u, WEIR_NO_BACKEND);
            made[*server->server_id] = id;
        }
    if (made == upstream.cid_slots) return success();
    const auto cids = writer_.write_slots(made);
    if (cids.count != made.size())
        return Error{fmt::format(
            "no room for the server ids of upstream \"{}\"; give lower ones, or restart weir to "
            "make room",
            upstream.name)};
    writer_.release_slots(upstream.cids);
    upstream.cids = cids;
    upstream.cid_slots = std::move(made);
    return success();
}

weir_backend Balancer::backend_record(const Backend& backend, Route& route) const {
    weir_backend record{};
    record.addr = to_addr(backend.address);
    record.port = weir_be16_from(backend.port);
    record.upstream = static_cast<std::uint16_t>(backend.upstream);
    record.flags = WEIR_BACKEND_USED;
    if (auto why = impossible(backend.delivery, backend.address, route); !why.empty()) {
        route = Route{};
        route.text = std::move(why);
    }
    ClientFamilies clients;
    if (const auto upstream = upstreams_.find(backend.upstream); upstream != upstreams_.end())
        clients = {upstream->second.v4, upstream->second.v6};
    fill_way(record, backend.delivery, backend.address, route, clients);
    if (!backend.removed && !backend.down && (!backend.healthy || !route.known))
        record.flags |= WEIR_BACKEND_DOWN;
    if (backend.delivery.session_drop && (backend.removed || backend.down || !backend.healthy))
        record.flags |= WEIR_BACKEND_RESET;
    return record;
}

// In the order in which the packet program shall prefer them where ranges overlap: those with an
// address of their own, those of any address, those that drain.
std::vector<weir_service> Balancer::service_records() const {
    std::vector<weir_service> of_an_address;
    std::vector<weir_service> of_any;
    std::vector<weir_service> draining;
    for (const auto& [id, service] : services_) {
        weir_service record = service.record;
        record.flags |= WEIR_SERVICE_USED;
        if (model_.dataplane.reset_unknown) record.flags |= WEIR_SERVICE_RESET_UNKNOWN;
        const auto upstream = upstreams_.find(service.upstream);
        const bool stateless = record.flags & WEIR_SERVICE_STATELESS;
        if (service.removed || draining_) record.flags |= WEIR_SERVICE_DRAINING;
        record.slot_base = record.slot_count = record.turn_base = record.turn_count = 0;
        record.cid_base = record.cid_count = 0;
        // A stateless service has no known flows: while weir drains, all it has are old ones.
        if (!service.removed && (!draining_ || stateless)) {
            record.slot_base = upstream->second.slots.base;
            record.slot_count = upstream->second.slots.count;
            record.turn_base = upstream->second.turns.base;
            record.turn_count = upstream->second.turns.count;
            if (record.cid_length != 0) {
                record.cid_base = upstream->second.cids.base;
                record.cid_count = static_cast<std::uint16_t>(upstream->second.cids.count);
            }
        }
        (service.removed       ? draining
         : service.any_address ? of_any
                               : of_an_address)
            .push_back(record);
    }
    Covered covered;
    for (const weir_service& record : of_an_address) covered.add(record);
    std::vector<weir_service> records = std::move(of_an_address);
    for (const auto* more : {&of_any, &draining})
        for (const weir_service& record : *more) {
            if (covered.contains(record)) continue;
            covered.add(record);
            records.push_back(record);
        }
    return records;
}

Status Balancer::publish(const RouteTo& route_to) {
    writer_.begin();
    std::vector<Route> routes(backends_.empty() ? 0 : backends_.rbegin()->first + 1);
    std::vector<weir_backend> backend_records(routes.size());
    for (const auto& [id, backend] : backends_) {
        routes[id] = route_to(backend.address, static_cast<std::uint16_t>(id));
        backend_records[id] = backend_record(backend, routes[id]);
    }
    for (auto& [number, upstream] : upstreams_) {
        auto built = build_slots(upstream, routes);
        if (built) built = build_cids(upstream);
        if (!built) return built;
    }
    if (auto why = writer_.publish(service_records(), backend_records); !why.empty())
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
                         to_text(backend.delivery.forward),
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

}  // namespace weir::publish
