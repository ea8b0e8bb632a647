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

// The reply that the flow of a packet that starts one will get, if the backend and the source port
// that come next are the ones. A guess that is wrong, or none, costs the time of misses.
struct Reply {
    const weir_backend* backend;  // null: none is foreseen
    std::uint64_t hash;
};

// With the source port that is tried as number `i`: the hash that it is found by.
std::uint64_t ask_for_port(weir_env& env, const weir_packet& packet, const weir_backend& backend,
                           std::uint32_t i) {
    const weir_snat_ports ports = weir_snat_ports_of(&env, &backend);
    const weir_be16 port = weir_snat_port(&ports, packet.hash, i);
    const std::uint64_t hash =
        weir_hash_records(env.control->seed, &backend.addr, &backend.snat,
                          weir_port_at(&backend, packet.tuple.dport), port, packet.tuple.protocol);
    for (const int choice : {0, 1})
        rte_prefetch0(&env.flow_refs[weir_ref_bucket(&env, hash, choice)]);
    return hash;
}

// `turns`: how many flows of this batch have their turn before.
Reply ask_for_reply(weir_env& env, const weir_service& service, const weir_packet& packet,
                    std::uint64_t turns) {
    const weir_upstream* upstream = weir_env_upstream(&env, service.upstream);
    if (service.method != WEIR_METHOD_ROUND_ROBIN || service.turn_count == 0 || !upstream)
        return {nullptr, 0};
    const std::uint32_t id = weir_turn(&env, &service, upstream->turns + turns);
    const weir_backend* backend = weir_env_backend(&env, id);
    rte_prefetch0(weir_env_counters(&env, id));
    if (!backend || backend->mode != WEIR_MODE_NAT) return {nullptr, 0};
    return {backend, ask_for_port(env, packet, *backend, 0)};
}

// The buckets are here: a port that seems to be another flow's is followed by the next one.
void ask_for_next_port(weir_env& env, const weir_packet& packet, const Reply& reply) {
    const std::uint32_t bits = weir_ref_bits(&env);
    for (const int choice : {0, 1}) {
        const weir_flow_refs& refs = env.flow_refs[weir_ref_bucket(&env, reply.hash, choice)];
        const std::uint32_t i = weir_match(refs.ref, bits, weir_ref_tag(reply.hash, bits), 0);
        if (i == WEIR_REFS_PER_BUCKET) continue;
        rte_prefetch0(&env.flows[weir_ref_number(&env, refs.ref[i])]);
        ask_for_port(env, packet, *reply.backend, 1);
        return;
    }
}

}  // namespace

void prefetch(weir_env& env, Batch& batch, std::uint64_t now) {
    std::array<const weir_flow*, batch_capacity> flows;
    std::array<Reply, batch_capacity> replies;
    Bits translated = 0;  // start a flow of which a reply is foreseen
    unsigned starts = 0;
    const std::uint32_t tick = weir_tick(now);
    const bool refused = weir_claim_is_vain(env.stats, tick) != 0;  // they will be, mostly

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
        if (flows[i] || !batch.service[i] || refused || packet.kind != WEIR_KIND_PLAIN ||
            !weir_opens(&packet))
            return rte_prefetch0(flows[i]);
        replies[i] = ask_for_reply(env, *batch.service[i], packet, starts++);
        translated |= Bits{replies[i].backend != nullptr} << i;
    });
    if (starts != 0) {
        ask_for_places(env, starts, tick);
        each(translated, [&](unsigned i) { ask_for_next_port(env, batch.packet[i], replies[i]); });
    }
    each(batch.left, [&](unsigned i) {
        if (!flows[i]) return;
        rte_prefetch0(weir_env_backend(&env, flows[i]->backend_id));
        rte_prefetch0(weir_env_counters(&env, flows[i]->backend_id));
    });
}

}  // namespace weir::stage
