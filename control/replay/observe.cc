// SPDX-License-Identifier: Apache-2.0
#include "control/replay/observe.h"

#include <algorithm>
#include <cstring>

#include "bpf/shared/parse.h"
#include "control/publish/convert.h"

namespace weir::replay {
namespace {

MacAddress mac_at(const Packet& packet, std::size_t offset) {
    MacAddress mac;
    std::memcpy(mac.data(), packet.bytes.data() + offset, mac.size());
    return mac;
}

VlanTags tags_at(const Bytes& bytes, unsigned count) {
    VlanTags tags;
    for (std::size_t at = 12; tags.size() < count; at += sizeof(weir_tag)) {
        weir_tag tag;
        std::memcpy(&tag, bytes.data() + at, sizeof(tag));
        tags.push_back({weir_be16_to(tag.tpid),
                        static_cast<std::uint16_t>(weir_be16_to(tag.tci) & WEIR_VLAN_ID_MASK)});
    }
    if (tags.size() == 1 && tags[0].id == 0) tags.clear();
    return tags;
}

bool has(const std::vector<Seen::Side>& sides, const MacAddress& mac) {
    return std::ranges::any_of(sides, [&](const Seen::Side& side) { return side.door.mac == mac; });
}

}  // namespace

Observer::Observer(const config::Model& model, std::set<IpAddress> own)
    : model_(model), own_(std::move(own)) {
    for (const config::Upstream& upstream : model.upstreams)
        for (const config::Server& server : upstream.servers)
            backends_.insert(server.addresses.begin(), server.addresses.end());
}

void Observer::look(const Packet& packet) {
    Bytes bytes = packet.bytes;  // parse takes what it could write
    weir_packet parsed{};
    if (weir_parse(&parsed, bytes.data(), bytes.data() + bytes.size(),
                   static_cast<std::uint32_t>(bytes.size()), 0) != WEIR_REASON_NONE)
        return;
    const IpAddress source = publish::from_addr(parsed.tuple.src);
    const IpAddress destination = publish::from_addr(parsed.tuple.dst);
    const VlanTags tags = tags_at(bytes, parsed.tags);
    const Door to{mac_at(packet, 0), tags};
    const Door from{mac_at(packet, 6), tags};

    if (is_service(parsed.tuple) && !has(addressed_, from.mac)) {
        add(addressed_, to, destination);
        clients_.insert(from.mac);
    } else if (is_reply(parsed.tuple)) {
        add(replied_, to, destination);
    }
    if (backends_.contains(source)) links_[source].emplace(from.mac, to);
    if (backends_.contains(destination)) links_[destination].emplace(to.mac, from);
}

Seen Observer::seen() const {
    Seen seen;
    seen.sides = addressed_;
    for (const Seen::Side& side : replied_) {
        if (clients_.contains(side.door.mac)) continue;
        for (const IpAddress& address : side.addresses) add(seen.sides, side.door, address);
    }
    for (const auto& [backend, links] : links_)
        for (const auto& [mac, other] : links) {
            if (std::ranges::find(seen.sides, other, &Seen::Side::door) == seen.sides.end())
                continue;
            seen.neighbors[backend] = mac;
            seen.behind[backend] = other;
        }
    return seen;
}

bool Observer::is_service(const weir_tuple& tuple) const {
    const IpAddress address = publish::from_addr(tuple.dst);
    return std::ranges::any_of(model_.services, [&](const config::Service& service) {
        const std::uint16_t port = weir_be16_to(tuple.dport);
        if (port < service.port || port > std::max(service.port, service.last_port)) return false;
        if (static_cast<std::uint32_t>(service.protocol) != tuple.protocol) return false;
        if (service.address) return *service.address == address;
        if (service.ipv6_wildcard != address.is_v6()) return false;
        return own_.empty() ? !backends_.contains(address) : own_.contains(address);
    });
}

bool Observer::is_reply(const weir_tuple& tuple) const {
    const IpAddress address = publish::from_addr(tuple.src);
    if (!backends_.contains(address)) return false;
    return std::ranges::any_of(model_.upstreams, [&](const config::Upstream& upstream) {
        return std::ranges::any_of(upstream.servers, [&](const config::Server& server) {
            return (server.port == 0 || server.port == weir_be16_to(tuple.sport)) &&
                   std::ranges::find(server.addresses, address) != server.addresses.end();
        });
    });
}

void Observer::add(std::vector<Seen::Side>& sides, const Door& door, const IpAddress& address) {
    auto side = std::ranges::find(sides, door, &Seen::Side::door);
    if (side == sides.end()) side = sides.insert(sides.end(), {door, {}});
    if (std::ranges::find(side->addresses, address) == side->addresses.end())
        side->addresses.push_back(address);
}

}  // namespace weir::replay
