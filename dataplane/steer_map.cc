// SPDX-License-Identifier: Apache-2.0
// Fills the map of a steering program. See steer_map.h.
#include "dataplane/steer_map.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

namespace weir::steer {
namespace {

std::vector<weir_steer_key> keys_of(int map) {
    std::vector<weir_steer_key> keys;
    weir_steer_key key{};
    const weir_steer_key* previous = nullptr;
    while (bpf_map_get_next_key(map, previous, &key) == 0) {
        keys.push_back(key);
        previous = &keys.back();
    }
    return keys;
}

using Ranges = std::vector<std::pair<unsigned, unsigned>>;  // of ports, both ends included

// Sorted, and without overlaps; the two that are closest become one while there are too many: the
// ports between them go to weir, which gives their packets back.
Ranges fitting(Ranges ranges) {
    std::ranges::sort(ranges);
    Ranges made;
    for (const auto& [low, high] : ranges)
        if (!made.empty() && low <= made.back().second + 1)
            made.back().second = std::max(made.back().second, high);
        else
            made.emplace_back(low, high);
    while (made.size() > WEIR_STEER_RANGES) {
        std::size_t closest = 1;
        const auto gap = [&](std::size_t i) { return made[i].first - made[i - 1].second; };
        for (std::size_t i = 2; i < made.size(); i++)
            if (gap(i) < gap(closest)) closest = i;
        made[closest - 1].second = made[closest].second;
        made.erase(made.begin() + static_cast<std::ptrdiff_t>(closest));
    }
    return made;
}

weir_steer_ports ports_of(const Ranges& ranges) {
    weir_steer_ports ports;
    for (auto& range : ports.range) range = {1, 0};
    std::size_t i = 0;
    for (const auto& [low, high] : fitting(ranges))
        ports.range[i++] = {static_cast<std::uint16_t>(low), static_cast<std::uint16_t>(high)};
    return ports;
}

}  // namespace

Entries entries_of(std::span<const weir_service> services, std::span<const weir_backend> backends,
                   std::span<const weir_port> ports, unsigned port) {
    // Two upstreams may name one server, two services one address.
    std::map<weir_steer_key, Ranges, KeyOrder> all;
    for (const weir_port& vlan : ports) {
        if (vlan.tags == 0 || vlan.parent != port) continue;
        weir_steer_key key{};
        key.kind = WEIR_STEER_VLAN;
        for (unsigned i = 0; i < vlan.tags && i < WEIR_TAGS; i++)
            key.peer.word[i] = weir_steer_tag(&vlan.tag[i]);
        all[key] = {{0, 0xffff}};
    }
    for (const weir_service& service : services) {
        if (!(service.flags & WEIR_SERVICE_USED)) continue;
        const weir_steer_key key{
            {}, service.addr, service.port, service.protocol, WEIR_STEER_SERVICE};
        if (service.port_high == 0)
            all[key].emplace_back(0, 0xffff);
        else
            all[key].emplace_back(service.port_low, service.port_high);
    }
    for (const weir_backend& backend : backends) {
        if (!(backend.flags & WEIR_BACKEND_USED)) continue;
        if (backend.mode == WEIR_MODE_NAT)
            all[{backend.addr, backend.snat, backend.port, 0, WEIR_STEER_BACKEND}].emplace_back(
                backend.snat_low, backend.snat_high);
        if (backend.mode != WEIR_MODE_TRANSPARENT) continue;
        all[{backend.addr, {}, backend.port, 0, WEIR_STEER_BACKEND}].emplace_back(0, 0xffff);
        all[{backend.addr, backend.snat, {}, 0, WEIR_STEER_BACKEND}];  // none
    }
    Entries entries;
    for (const auto& [key, ranges] : all) entries.emplace(key, ports_of(ranges));
    return entries;
}

Status replace_entries(int map, const Entries& entries) {
    for (const auto& [key, ports] : entries) {
        const int error = bpf_map_update_elem(map, &key, &ports, BPF_ANY);
        if (error == -E2BIG)
            return Error{"more services and backends than the steering map holds (" +
                         std::to_string(WEIR_STEER_CAPACITY) + ")"};
        if (error != 0)
            return Error{std::string("writing the steering map failed: ") + std::strerror(-error)};
    }
    for (const weir_steer_key& key : keys_of(map))
        if (!entries.contains(key)) bpf_map_delete_elem(map, &key);
    return success();
}

}  // namespace weir::steer
