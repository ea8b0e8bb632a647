// SPDX-License-Identifier: Apache-2.0
// The pass over the flow table, a line a flow, however few live. Called by the reports only.
#include "control/api/flow_scan.h"

#include "bpf/shared/host_env.h"
#include "bpf/shared/reference.h"

namespace weir::api {
namespace {

constexpr std::size_t flows_between_clock_reads = 4096;

// A copy of a flow that a worker may be writing; nothing if it has changed hands meanwhile.
weir_flow copy_of(const weir_flow& flow) {
    const weir_flow copy = flow;
    // the copy must be done before the second look
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    const weir_tuple before = weir_client_of(&copy);
    const weir_tuple after = weir_client_of(&flow);
    return weir_tuple_equal(&before, &after) ? copy : weir_flow{};
}

}  // namespace

ScanResult scan_flows(const tables::View& view, std::uint64_t now, std::chrono::milliseconds budget,
                      const std::function<void(const weir_flow&)>& visit) {
    ScanResult result;
    result.entries = view.flows.size();
    const auto deadline = std::chrono::steady_clock::now() + budget;
    for (const weir_flow& flow : view.flows) {
        if (result.read % flows_between_clock_reads == 0 && result.read > 0 &&
            std::chrono::steady_clock::now() >= deadline)
            break;
        const weir_flow copy = copy_of(flow);
        if (weir_flow_live(&copy, weir_tick(now))) visit(copy);
        result.read++;
    }
    return result;
}

}  // namespace weir::api
