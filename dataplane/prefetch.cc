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
const weir_flow* offered_to_client(weir_env& env, const weir_packet& packet) {
    const weir_control& control = *env.control;
    const std::uint32_t tag = weir_flow_tag(packet.hash);
    const std::uint32_t bucket = weir_first_bucket(packet.hash, control.flow_buckets);
    const std::uint32_t i = weir_tag_next(&env.flow_tags[bucket], tag, 0);
    if (i < WEIR_FLOWS_PER_BUCKET) return &env.flows[bucket * WEIR_FLOWS_PER_BUCKET + i];
    rte_prefetch0(&env.flow_tags[weir_second_bucket(bucket, tag, control.flow_buckets)]);
    return nullptr;
}

const weir_flow* offered_to_reply(weir_env& env, const weir_packet& packet) {
    const weir_ref_place place = weir_ref_place_of(&env, packet.hash);
    const weir_flow_refs& refs = env.flow_refs[place.bucket[0]];
    const std::uint32_t i = weir_ref_next(&env, &refs, place.tag, 0);
    if (i < WEIR_REFS_PER_BUCKET) return &env.flows[weir_ref_number(&env, refs.ref[i])];
    rte_prefetch0(&env.flow_refs[place.bucket[1]]);
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
    const weir_control& control = *env.control;
    const Kinds kinds = sort(env, batch);
    const std::span clients(kinds.clients.data(), kinds.client_count);
    const std::span others(kinds.others.data(), kinds.other_count);
    std::array<const weir_flow*, batch_capacity> flows;
    unsigned count = 0;

    for (const unsigned i : clients)
        rte_prefetch0(
            &env.flow_tags[weir_first_bucket(batch.packet[i].hash, control.flow_buckets)]);
    for (const unsigned i : others)
        rte_prefetch0(&env.flow_refs[weir_first_bucket(batch.packet[i].hash, control.ref_buckets)]);
    for (const unsigned i : clients) {
        batch.order[count] = static_cast<std::uint8_t>(i);
        rte_prefetch0(flows[count++] = offered_to_client(env, batch.packet[i]));
    }
    for (const unsigned i : others) {
        batch.order[count] = static_cast<std::uint8_t>(i);
        rte_prefetch0(flows[count++] = offered_to_reply(env, batch.packet[i]));
    }
    prefetch_backends(env, {flows.data(), count});
    batch.undecided = count;
}

}  // namespace weir::stage
