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

}  // namespace

namespace {

// The tables hold no more ranges of one address and protocol (WEIR_SERVICE_PROBES).
void add_range(Entries& entries, const weir_service& service) {
    for (std::uint16_t i = 0; i < WEIR_STEER_RANGES; i++) {
        const weir_steer_key key{
            {}, service.addr, weir_be16_from(i), service.protocol, WEIR_STEER_RANGE};
        if (entries.try_emplace(key, service.port_low, service.port_high).second) return;
    }
}

void add_transparent(Entries& entries, const weir_backend& backend) {
    entries[{backend.addr, {}, backend.port, 0, WEIR_STEER_TRANSPARENT}] = {0, 0xffff};
    entries[{backend.addr, backend.snat, backend.port, 0, WEIR_STEER_HOST}] = {0, 0xffff};
}

}  // namespace

Entries entries_of(std::span<const weir_service> services, std::span<const weir_backend> backends) {
    Entries entries;
    for (const weir_service& service : services) {
        if (!(service.flags & WEIR_SERVICE_USED)) continue;
        if (service.port_high != 0) {
            add_range(entries, service);
            continue;
        }
        entries[{{}, service.addr, service.port, service.protocol, WEIR_STEER_SERVICE}] = {0,
                                                                                           0xffff};
    }
    for (const weir_backend& backend : backends) {
        if (!(backend.flags & WEIR_BACKEND_USED) || backend.mode >= WEIR_MODE_DSR) continue;
        if (backend.mode == WEIR_MODE_TRANSPARENT) {
            add_transparent(entries, backend);
            continue;
        }
        const weir_steer_key key{backend.addr, backend.snat, backend.port, 0, WEIR_STEER_BACKEND};
        // Two upstreams may name one server; the map has room for one range.
        const auto [entry, added] = entries.try_emplace(key, backend.snat_low, backend.snat_high);
        entry->second.low = std::min(entry->second.low, backend.snat_low);
        entry->second.high = std::max(entry->second.high, backend.snat_high);
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
