// SPDX-License-Identifier: Apache-2.0
// The stage that overlaps a batch's cache misses. A flow that is not in the cache costs two lines,
// its bucket and itself, and the second is known only once the first is here; so all buckets are
// asked for, then all flows, then all backends, and decide() finds them. It looks no further than
// the packet program's first choice, decides nothing, and writes nothing but the batch's order.
//
// Clients' packets and replies go different ways through decide(). Taken one kind after the other,
// the branches are foreseen; mixed as they arrive, each costs a misprediction every other time.
#include <rte_prefetch.h>

#include <span>

#include "bpf/shared/program.h"
#include "dataplane/stages.h"

namespace weir::stage {
namespace {

using Indices = std::array<std::uint8_t, batch_capacity>;

struct Kinds {
    Indices clients;
    Indices others;
    unsigned client_count = 0;
    unsigned other_count = 0;
};

Kinds sort(weir_env& env, const Batch& batch) {
    Kinds kinds;
    for (unsigned i = 0; i < batch.count; i++) {
        if (batch.reason[i] != WEIR_REASON_NONE) continue;
        const bool client = weir_service_find(&env, &batch.packet[i].tuple) != nullptr;
        kinds.clients[kinds.client_count] = kinds.others[kinds.other_count] =
            static_cast<std::uint8_t>(i);
        kinds.client_count += client;
        kinds.other_count += !client;
    }
    return kinds;
}

// Where the flow may be, or the bucket to look into next.
const weir_flow* offered(weir_env& env, const weir_packet& packet) {
    const std::uint32_t bits = weir_ref_bits(&env);
    const weir_flow_refs& refs = env.flow_refs[weir_ref_bucket(&env, packet.hash, 0)];
    const std::uint32_t i = weir_match(refs.ref, bits, weir_ref_tag(packet.hash, bits), 0);
    if (i < WEIR_REFS_PER_BUCKET) return &env.flows[weir_ref_number(&env, refs.ref[i])];
    rte_prefetch0(&env.flow_refs[weir_ref_bucket(&env, packet.hash, 1)]);
    return nullptr;
}

void prefetch_backends(weir_env& env, std::span<const weir_flow* const> flows) {
    for (const weir_flow* flow : flows) {
        if (!flow) continue;
        rte_prefetch0(weir_env_backend(&env, flow->backend_id));
        rte_prefetch0(weir_env_counters(&env, flow->backend_id));
    }
}

}  // namespace

void prefetch(weir_env& env, Batch& batch) {
    const Kinds kinds = sort(env, batch);
    const std::span clients(kinds.clients.data(), kinds.client_count);
    const std::span others(kinds.others.data(), kinds.other_count);
    std::array<const weir_flow*, batch_capacity> flows;
    unsigned count = 0;

    for (const unsigned i : clients) batch.order[count++] = static_cast<std::uint8_t>(i);
    for (const unsigned i : others) batch.order[count++] = static_cast<std::uint8_t>(i);
    const std::span order(batch.order.data(), count);
    for (const unsigned i : order)
        rte_prefetch0(&env.flow_refs[weir_ref_bucket(&env, batch.packet[i].hash, 0)]);
    for (unsigned at = 0; at < count; at++)
        rte_prefetch0(flows[at] = offered(env, batch.packet[order[at]]));
    prefetch_backends(env, {flows.data(), count});
    batch.undecided = count;
}

}  // namespace weir::stage
