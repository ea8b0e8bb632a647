// SPDX-License-Identifier: Apache-2.0
// The stage that overlaps a batch's cache misses. A flow that is not in the cache costs two lines,
// its bucket and itself, and the second is known only once the first is here; so all buckets are
// asked for, then all flows, then all backends, and decide() finds them. It looks no further than
// the packet program's first choice, and decides nothing. For a packet that starts a flow it asks
// for the place that this will take, and for the references of the flow that was there before.
//
// Clients' packets and replies go different ways through decide(). Taken one kind after the other,
// the branches are foreseen; mixed as they arrive, each costs a misprediction every other time.
#include <rte_prefetch.h>

#include "bpf/shared/program.h"
#include "dataplane/offered.h"
#include "dataplane/stages.h"

namespace weir::stage {
namespace {

// What a new flow reads of the one before in the place that it takes, if that is the first one.
void ask_for_heritage(weir_env& env, std::uint32_t number) {
    if (env.flows[number].protocol == 0) return;
    for (const int reply : {0, 1}) {
        const std::uint64_t hash = weir_flow_hash(&env, number, reply);
        if (hash != 0) rte_prefetch0(&env.flow_refs[weir_ref_bucket(&env, hash, 0)]);
    }
}

}  // namespace

void prefetch(weir_env& env, Batch& batch) {
    std::array<const weir_flow*, batch_capacity> flows;
    Bits starts = 0;

    batch.to_service = 0;
    each(batch.left, [&](unsigned i) {
        const weir_packet& packet = batch.packet[i];
        batch.to_service |= Bits{weir_service_find(&env, &packet.tuple) != nullptr} << i;
        rte_prefetch0(&env.flow_refs[weir_ref_bucket(&env, packet.hash, 0)]);
    });
    each(batch.left, [&](unsigned i) {
        const weir_packet& packet = batch.packet[i];
        flows[i] = offered(env, weir_ref_bucket(&env, packet.hash, 0), packet.hash);
        if (flows[i] || (batch.to_service >> i & 1) == 0) return rte_prefetch0(flows[i]);
        rte_prefetch0(&env.flows[weir_claim_home(&env, packet.hash)]);
        starts |= Bits{1} << i;
    });
    each(starts,
         [&](unsigned i) { ask_for_heritage(env, weir_claim_home(&env, batch.packet[i].hash)); });
    each(batch.left, [&](unsigned i) {
        if (!flows[i]) return;
        rte_prefetch0(weir_env_backend(&env, flows[i]->backend_id));
        rte_prefetch0(weir_env_counters(&env, flows[i]->backend_id));
    });
}

}  // namespace weir::stage
