// SPDX-License-Identifier: Apache-2.0
#include "dataplane/tables/writer.h"

#include <algorithm>
#include <utility>

#include "bpf/shared/hash.h"

namespace weir::tables {
namespace {

std::uint32_t lines_of(SlotRange range) {
    return (range.count + WEIR_SLOTS_PER_LINE - 1) / WEIR_SLOTS_PER_LINE;
}

}  // namespace

Writer::Writer(View view, WaitSeen wait_seen)
    : view_(view), wait_seen_(std::move(wait_seen)), arena_(view.control->slot_lines) {
    if (generation() == 0) return;
    for (const weir_service& service : services()) {
        if (!(service.flags & WEIR_SERVICE_USED)) continue;
        // Services of one upstream name the same ranges: the second take fails, and only one is
        // released.
        for (const SlotRange range : {SlotRange{service.slot_base, service.slot_count},
                                      SlotRange{service.turn_base, service.turn_count},
                                      SlotRange{service.cid_base, service.cid_count}})
            if (range.count > 0 &&
                arena_.take_at(range.base / WEIR_SLOTS_PER_LINE, lines_of(range)))
                released_.push_back(range);
    }
}

void Writer::begin() {
    wait_seen_(generation());
    for (const SlotRange range : resting_)
        arena_.give_back(range.base / WEIR_SLOTS_PER_LINE, lines_of(range));
    resting_.clear();
}

SlotRange Writer::write_slots(std::span<const std::uint16_t> backends) {
    SlotRange range{0, static_cast<std::uint32_t>(backends.size())};
    if (range.count == 0) return range;
    const auto line = arena_.take(lines_of(range));
    if (!line) return SlotRange{};
    range.base = *line * WEIR_SLOTS_PER_LINE;
    unpublished_.insert(range.base);
    for (std::uint32_t i = 0; i < range.count; i++)
        view_.slots[*line + i / WEIR_SLOTS_PER_LINE].backend[i % WEIR_SLOTS_PER_LINE] = backends[i];
    return range;
}

void Writer::release_slots(SlotRange range) {
    if (range.count == 0) return;
    if (unpublished_.erase(range.base) > 0)  // no reader has ever known it
        arena_.give_back(range.base / WEIR_SLOTS_PER_LINE, lines_of(range));
    else
        released_.push_back(range);
}

bool Writer::place(std::span<weir_service> half, const weir_service& service) const {
    const auto home = static_cast<std::uint32_t>(
        weir_hash_service(&service.addr, service.port, service.protocol));
    for (std::uint32_t i = 0; i < WEIR_SERVICE_PROBES; i++) {
        weir_service& record = half[(home + i) & (view_.control->service_capacity - 1)];
        if (record.flags & WEIR_SERVICE_USED) continue;
        record = service;
        record.flags |= WEIR_SERVICE_USED;
        return true;
    }
    return false;
}

std::optional<std::uint16_t> Writer::source(const weir_addr& address) const {
    constexpr weir_addr none{};
    for (std::size_t i = 0; i < view_.sources.size(); i++) {
        weir_source& record = view_.sources[i];
        if (weir_addr_equal(&record.addr, &none)) record.addr = address;
        if (weir_addr_equal(&record.addr, &address)) return static_cast<std::uint16_t>(i);
    }
    return std::nullopt;
}

void Writer::set_interfaces(std::span<const weir_interface> interfaces) {
    interfaces_ = {};
    std::ranges::copy(interfaces.first(std::min(interfaces.size(), interfaces_.size())),
                      interfaces_.begin());
}

void Writer::write_interfaces(std::uint64_t generation) const {
    std::ranges::copy(interfaces_, view_.control->interfaces[generation & 1]);
    std::uint16_t least = 0xffff;
    for (const auto& half : view_.control->interfaces)  // a packet may still be with the other
        for (const weir_interface& interface : half)
            if (interface.mtu != 0) least = std::min(least, interface.mtu);
    view_.control->reply_mtu = least;
}

std::string Writer::publish(std::span<const weir_service> services,
                            std::span<const weir_backend> backends) {
    const std::uint64_t next = generation() + 1;
    const std::size_t service_capacity = view_.control->service_capacity;
    const std::size_t backend_capacity = view_.control->backend_capacity;
    const auto idle_services =
        view_.services.subspan((next & 1) * service_capacity, service_capacity);
    const auto idle_backends =
        view_.backends.subspan((next & 1) * backend_capacity, backend_capacity);

    if (backends.size() > backend_capacity)
        return "more backends than the tables of this run hold (" +
               std::to_string(backend_capacity) + "); restart weir to make room";
    std::ranges::fill(idle_services, weir_service{});
    for (const weir_service& service : services)
        if (!place(idle_services, service))
            return "more services than the tables of this run hold (" +
                   std::to_string(service_capacity) + " places); restart weir to make room";
    for (std::size_t id = 0; id < backends.size(); id++) {
        idle_backends[id] = backends[id];
        if (!(backends[id].flags & WEIR_BACKEND_REACHABLE) || backends[id].mode != WEIR_MODE_NAT)
            continue;
        const auto index = source(backends[id].snat);
        if (!index)
            return "more source addresses have been in use than the tables of this run hold (" +
                   std::to_string(view_.sources.size()) + "); restart weir to make room";
        idle_backends[id].source = *index;
    }
    std::fill(idle_backends.begin() + static_cast<std::ptrdiff_t>(backends.size()),
              idle_backends.end(), weir_backend{});

    // Both halves count: a packet may still be with the other.
    std::uint32_t flags = 0;
    for (const auto& half : {this->services(), std::span<const weir_service>(idle_services)})
        for (const weir_service& service : half) {
            if (service.port_high != 0) flags |= WEIR_CONTROL_RANGES;
            if (service.flags & WEIR_SERVICE_STATELESS) flags |= WEIR_CONTROL_STATELESS;
        }
    view_.control->flags = flags;

    write_interfaces(next);

    // release: whoever reads the number sees the half and the slots written above
    __atomic_store_n(&view_.control->generation, next, __ATOMIC_RELEASE);
    resting_.insert(resting_.end(), released_.begin(), released_.end());
    released_.clear();
    unpublished_.clear();
    return {};
}

std::span<const weir_service> Writer::services() const {
    const std::size_t capacity = view_.control->service_capacity;
    return view_.services.subspan((generation() & 1) * capacity, capacity);
}

std::span<const weir_backend> Writer::backends() const {
    const std::size_t capacity = view_.control->backend_capacity;
    return view_.backends.subspan((generation() & 1) * capacity, capacity);
}

}  // namespace weir::tables
