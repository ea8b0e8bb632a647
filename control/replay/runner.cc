// SPDX-License-Identifier: Apache-2.0
#include "control/replay/runner.h"

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
    const weir_worker before = view_.workers[0];
    Fate fate;
    if (const auto status = pass(frame, now, fate); !status) return Error{status.error()};
    for (unsigned i = 0; i < WEIR_REASON_CAPACITY; i++)
        for (auto count = before.reason[i]; count < view_.workers[0].reason[i]; count++)
            fate.reasons.push_back(static_cast<weir_reason>(i));
    return fate;
}

}  // namespace weir::replay
