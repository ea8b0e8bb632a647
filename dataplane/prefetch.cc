// SPDX-License-Identifier: Apache-2.0
// The stage that overlaps a batch's cache misses. A flow that is not in the cache costs two lines,
// its bucket and itself, and the second is known only once the first is here; so all buckets are
// asked for, then all flows, then all backends, and decide() finds them. It looks no further than
// the packet program's first choice, and decides nothing. For packets that start flows it
// asks for the places that these will take, and for the references of the flows that were there
// before.
//
// Clients' packets and replies go different ways through decide(). Taken one kind after the other,
// the branches are foreseen; mixed as they arrive, each costs a misprediction every other time.
#include <rte_prefetch.h>

#include "bpf/shared/program.h"
#include "dataplane/offered.h"
#include "dataplane/places.h"
#include "dataplane/stages.h"

namespace weir::stage {
namespace {

// What replies to the flow that this packet may start will read, if it is the next but `turns` to
// have its turn. A guess that is wrong, or none, costs the time of the misses.
void ask_for_reply(weir_env& env, const weir_service& service, const weir_packet& packet,
                   std::uint64_t turns) {
    const weir_upstream* upstream = weir_env_upstream(&env, service.upstream);
    if (service.method != WEIR_METHOD_ROUND_ROBIN || service.turn_count == 0 || !upstream) return;
    const std::uint32_t id = weir_turn(&env, &service, upstream->turns + turns);
    const weir_backend* backend = weir_env_backend(&env, id);
    if (!backend) return;
    rte_prefetch0(weir_env_counters(&env, id));
    if (backend->mode != WEIR_MODE_NAT) return;
    const weir_snat_ports ports = weir_snat_ports_of(&env, backend);
    const weir_tuple reply = weir_snat_reply(backend, packet.tuple.dport, packet.tuple.protocol,
                                             weir_snat_port(&ports, packet.hash, 0));
    const std::uint64_t hash = weir_hash_tuple(env.control->seed, &reply);
    rte_prefetch0(&env.flow_refs[weir_ref_bucket(&env, hash, 0)]);
    rte_prefetch0(&env.flow_refs[weir_ref_bucket(&env, hash, 1)]);
}

}  // namespace

void prefetch(weir_env& env, Batch& batch, std::uint64_t now) {
    std::array<const weir_flow*, batch_capacity> flows;
    unsigned starts = 0;

    batch.to_service = 0;
    each(batch.left, [&](unsigned i) {
        const weir_packet& packet = batch.packet[i];
        batch.service[i] = weir_service_find(&env, &packet.tuple);
        batch.to_service |= Bits{batch.service[i] != nullptr} << i;
        rte_prefetch0(&env.flow_refs[weir_ref_bucket(&env, packet.hash, 0)]);
    });
    each(batch.left, [&](unsigned i) {
        const weir_packet& packet = batch.packet[i];
        flows[i] = offered(env, weir_ref_bucket(&env, packet.hash, 0), packet.hash);
        if (flows[i] || !batch.service[i]) return rte_prefetch0(flows[i]);
        ask_for_reply(env, *batch.service[i], packet, starts++);
    });
    if (starts != 0) {
        ask_for_places(env, starts);
        ask_for_heritage(env, starts, weir_tick(now));
    }
    each(batch.left, [&](unsigned i) {
        if (!flows[i]) return;
        rte_prefetch0(weir_env_backend(&env, flows[i]->backend_id));
        rte_prefetch0(weir_env_counters(&env, flows[i]->backend_id));
    });
}

}  // namespace weir::stage
