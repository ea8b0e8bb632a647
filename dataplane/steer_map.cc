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

// Two upstreams may name one server, two services one address; the map has room for one range.
void widen(Entries& entries, const weir_steer_key& key, std::uint16_t low, std::uint16_t high) {
    const auto [entry, added] = entries.try_emplace(key, low, high);
    entry->second.low = std::min(entry->second.low, low);
    entry->second.high = std::max(entry->second.high, high);
}

}  // namespace

Entries entries_of(std::span<const weir_service> services, std::span<const weir_backend> backends) {
    Entries entries;
    for (const weir_service& service : services) {
        if (!(service.flags & WEIR_SERVICE_USED)) continue;
        const weir_steer_key key{
            {}, service.addr, service.port, service.protocol, WEIR_STEER_SERVICE};
        if (service.port_high == 0)
            widen(entries, key, 0, 0xffff);
        else
            widen(entries, key, service.port_low, service.port_high);
    }
    for (const weir_backend& backend : backends) {
        if (!(backend.flags & WEIR_BACKEND_USED)) continue;
        if (backend.mode == WEIR_MODE_NAT)
            widen(entries, {backend.addr, backend.snat, backend.port, 0, WEIR_STEER_BACKEND},
                  backend.snat_low, backend.snat_high);
        else if (backend.mode == WEIR_MODE_TRANSPARENT)
            widen(entries, {backend.addr, {}, {}, 0, WEIR_STEER_BACKEND}, 0, 0xffff);
    }
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
