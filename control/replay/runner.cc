// SPDX-License-Identifier: Apache-2.0
#include "control/replay/runner.h"

#include <array>
#include <cstring>
#include <span>

namespace weir::replay {
namespace {

template <class Record>
void clear(std::span<Record> records) {
    if (!records.empty()) std::memset(static_cast<void*>(records.data()), 0, records.size_bytes());
}

void clear(const tables::View& view) {
    *view.control = {};
    clear(view.services);
    clear(view.backends);
    clear(view.slots);
    clear(view.sources);
    clear(view.upstreams);
    clear(view.workers);
    clear(view.counters);
    clear(view.flows);
    clear(view.flow_refs);
    clear(view.fragments);
}

}  // namespace

Result<tables::View> Runner::open(const tables::Geometry& geometry) {
    auto made = make_tables(geometry);
    if (!made) return made;
    view_ = *made;
    clear(view_);
    return view_;
}

Result<Fate> Runner::send(const Frame& frame, std::uint64_t now) {
    const auto counted = [this](unsigned reason) {
        std::uint64_t packets = 0;
        for (const weir_worker& worker : view_.workers) packets += worker.reason[reason];
        return packets;
    };
    std::array<std::uint64_t, WEIR_REASON_CAPACITY> before;
    for (unsigned i = 0; i < before.size(); i++) before[i] = counted(i);
    Fate fate;
    if (const auto status = pass(frame, now, fate); !status) return Error{status.error()};
    for (unsigned i = 0; i < before.size(); i++)
        for (const auto after = counted(i); before[i] < after; before[i]++)
            fate.reasons.push_back(static_cast<weir_reason>(i));
    return fate;
}

}  // namespace weir::replay
