// SPDX-License-Identifier: Apache-2.0
// The pass over the flow table. The tags (4 bytes a flow) are read first, so an empty table costs a
// thirty-second of its size. Called by the reports only.
#include "control/api/flow_scan.h"

#include "bpf/shared/flow.h"
#include "bpf/shared/host_env.h"

namespace weir::api {
namespace {

constexpr std::size_t buckets_between_clock_reads = 512;

// A copy of a flow that a worker may be writing; protocol 0 if it is not there or changed hands
// meanwhile.
weir_flow copy_of(const std::uint32_t& tag, const weir_flow& flow) {
    // acquire: pairs with weir_env_publish; a real tag means that the flow has been written
    const std::uint32_t before = __atomic_load_n(&tag, __ATOMIC_ACQUIRE);
    if (before == 0 || before == WEIR_TAG_BUSY) return {};
    weir_flow copy = flow;
    // the copy must be done before the second look
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    if (__atomic_load_n(&tag, __ATOMIC_RELAXED) != before) copy.protocol = 0;
    return copy;
}

void scan_bucket(const weir_flow_tags& tags, const weir_flow* flows, std::uint32_t now,
                 const std::function<void(const weir_flow&)>& visit) {
    for (std::size_t i = 0; i < WEIR_FLOWS_PER_BUCKET; i++) {
        const weir_flow flow = copy_of(tags.tag[i], flows[i]);
        if (weir_flow_live(&flow, now)) visit(flow);
    }
}

}  // namespace

ScanResult scan_flows(const tables::View& view, std::uint64_t now, std::chrono::milliseconds budget,
                      const std::function<void(const weir_flow&)>& visit) {
    ScanResult result;
    result.entries = view.flow_tags.size() * WEIR_FLOWS_PER_BUCKET;
    const auto deadline = std::chrono::steady_clock::now() + budget;
    for (std::size_t bucket = 0; bucket < view.flow_tags.size(); bucket++) {
        if (bucket % buckets_between_clock_reads == 0 && bucket > 0 &&
            std::chrono::steady_clock::now() >= deadline)
            break;
        scan_bucket(view.flow_tags[bucket], &view.flows[bucket * WEIR_FLOWS_PER_BUCKET],
                    weir_tick(now), visit);
        result.read += WEIR_FLOWS_PER_BUCKET;
    }
    return result;
}

}  // namespace weir::api
