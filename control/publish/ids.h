// SPDX-License-Identifier: Apache-2.0
// The numbers by which tables and flows name upstreams, services and backends. A number keeps its
// meaning for as long as a flow may carry it: it is given out anew only after forget(). Adopts what
// a former control has published, so that a restarted weir goes on with the same numbers.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <tuple>

#include "dataplane/tables/view.h"

namespace weir::publish {

// Numbers from 0 up to `capacity`, one for each key.
template <class Key>
class Numbers {
  public:
    explicit Numbers(std::uint32_t capacity) : capacity_(capacity) {}

    // The key's number; a new one is the lowest that is free. Nothing when all are taken.
    std::optional<std::uint32_t> number(const Key& key) {
        if (const auto known = numbers_.find(key); known != numbers_.end()) return known->second;
        while (lowest_ < capacity_ && keys_.contains(lowest_)) lowest_++;
        if (lowest_ == capacity_) return std::nullopt;
        adopt(key, lowest_);
        return lowest_++;
    }

    void adopt(const Key& key, std::uint32_t number) {
        numbers_[key] = number;
        keys_.insert_or_assign(number, key);
    }

    void forget(std::uint32_t number) {
        const auto known = keys_.find(number);
        if (known == keys_.end()) return;
        numbers_.erase(known->second);
        keys_.erase(known);
        lowest_ = std::min(lowest_, number);
    }

    const std::map<std::uint32_t, Key>& keys() const { return keys_; }

  private:
    std::uint32_t capacity_;
    std::uint32_t lowest_ = 0;  // none below it is free
    std::map<Key, std::uint32_t> numbers_;
    std::map<std::uint32_t, Key> keys_;
};

// An upstream is known by the hash of its name (weir_upstream.name), which survives a restart in
// the tables.
std::uint64_t upstream_name(const std::string& name);

// (upstream, address in network order, port in host order, enum weir_mode): another mode is another
// backend, because a flow is what its mode has made it.
using BackendKey =
    std::tuple<std::uint32_t, std::array<std::uint32_t, 4>, std::uint16_t, std::uint8_t>;
// (address in network order, first and last port in host order, protocol)
using ServiceKey =
    std::tuple<std::array<std::uint32_t, 4>, std::uint16_t, std::uint16_t, std::uint8_t>;

BackendKey backend_key(std::uint32_t upstream, const weir_addr& addr, weir_be16 port,
                       std::uint8_t mode);
ServiceKey service_key(const weir_service& service);

struct Ids {
    explicit Ids(const weir_control& control);

    // What the tables of an earlier run say.
    void adopt(const tables::View& view, std::span<const weir_service> services,
               std::span<const weir_backend> backends);

    Numbers<std::uint64_t> upstreams;
    Numbers<BackendKey> backends;
    Numbers<ServiceKey> services;
};

}  // namespace weir::publish
