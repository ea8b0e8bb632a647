// SPDX-License-Identifier: Apache-2.0
// The express way (bpf/shared/express.h) over a batch. Of each packet it needs the headers, a
// bucket, a flow and a backend, one after the other; each stage takes a step with all of them, and
// asks for what the next one reads.
#include <rte_prefetch.h>

#include "bpf/shared/express.h"
#include "dataplane/owner.h"
#include "dataplane/stages.h"

namespace weir::stage {
namespace {

weir_express_frame* headers_of(rte_mbuf* frame) {
    return rte_pktmbuf_mtod(frame, weir_express_frame*);
}

bool has_headers(const rte_mbuf* frame) {
    return frame->data_len >= sizeof(weir_express_frame) &&
           (frame->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) == 0;
}

[[gnu::noinline]] bool is_ours(weir_env& env, const weir_express& x, const weir_service* service,
                               const rte_mbuf& frame, const Rss* rss) {
    const weir_tuple tuple{weir_addr_v4(x.src), weir_addr_v4(x.dst), x.sport, x.dport, x.protocol};
    return owner_of(env, service, tuple, x.hash, frame, rss) == env.worker;
}

// The bucket of a client's flow (found 1) or of a reply's reference (0). No branch between the two:
// in which order they come is random.
void ask_for_bucket(const weir_env& env, std::uint32_t at, std::uint32_t found) {
    const auto tags = reinterpret_cast<std::uintptr_t>(env.flow_tags);
    const auto refs = reinterpret_cast<std::uintptr_t>(env.flow_refs);
    const std::uintptr_t base = refs ^ ((refs ^ tags) & (0 - std::uintptr_t{found}));
    static_assert(sizeof(weir_flow_refs) == 64 && sizeof(weir_flow_tags) == 32);
    rte_prefetch0(reinterpret_cast<const void*>(base + (std::uintptr_t{at} << (6 - found))));
}

// The flow that the first bucket offers to a client; null: none, the second one has been asked for.
weir_flow* offered_to_client(weir_env& env, const weir_express& x) {
    const std::uint32_t tag = weir_flow_tag(x.hash);
    const std::uint32_t i = weir_tag_next(&env.flow_tags[x.at], tag, 0);
    if (i < WEIR_FLOWS_PER_BUCKET) return &env.flows[x.at * WEIR_FLOWS_PER_BUCKET + i];
    rte_prefetch0(&env.flow_tags[weir_second_bucket(x.at, tag, env.control->flow_buckets)]);
    return nullptr;
}

weir_flow* offered_to_reply(weir_env& env, const weir_express& x) {
    const weir_ref_place place = weir_ref_place_of(&env, x.hash);
    const weir_flow_refs& refs = env.flow_refs[x.at];
    const std::uint32_t i = weir_ref_next(&env, &refs, place.tag, 0);
    if (i < WEIR_REFS_PER_BUCKET) return weir_env_flow(&env, refs.ref[i] - place.tag);
    rte_prefetch0(&env.flow_refs[place.bucket[1]]);
    return nullptr;
}

}  // namespace

void aim(weir_env& env, Batch& batch, const Share& share) {
    for (unsigned i = 0; i < batch.count; i++)
        rte_prefetch0(rte_pktmbuf_mtod(batch.frame[i], const char*));
    batch.begin();
    batch.clients = batch.replies = batch.stateless = 0;
    if (env.control->generation == 0) return;
    for (unsigned i = 0; i < batch.count; i++) {
        rte_mbuf* frame = batch.frame[i];
        const Bits bit = Bits{1} << i;
        weir_express x;
        if (!has_headers(frame) || !weir_express_parse(&x, &env.control->ports[batch.port[i]],
                                                       headers_of(frame), frame->pkt_len))
            continue;
        std::uint32_t found = 0;
        const weir_service* service =
            weir_service_find_v4(&env, x.dst, x.dport, x.protocol, &found);
        const weir_express_kind kind = weir_express_aim(&env, &x, service, found);
        if (kind == WEIR_EXPRESS_DECLINED) continue;
        batch.express[i] = x;
        if (!share.all && !is_ours(env, x, found ? service : nullptr, *frame, share.rss)) continue;
        if (kind == WEIR_EXPRESS_STATELESS) {
            batch.stateless |= bit;
            rte_prefetch0(weir_env_slots(&env, x.at / WEIR_SLOTS_PER_LINE));
            continue;
        }
        ask_for_bucket(env, x.at, found);
        batch.clients |= bit & (0 - found);
        batch.replies |= bit & (found - 1);
    }
}

void find(weir_env& env, Batch& batch) {
    each(batch.clients, [&](unsigned i) {
        rte_prefetch0(batch.express[i].flow = offered_to_client(env, batch.express[i]));
    });
    each(batch.replies, [&](unsigned i) {
        rte_prefetch0(batch.express[i].flow = offered_to_reply(env, batch.express[i]));
    });
}

void finish(weir_env& env, Batch& batch, std::uint64_t now) {
    const std::uint32_t tick = weir_tick(now);
    const auto end = [&](unsigned i, weir_reason reason) {
        if (reason != WEIR_REASON_NONE) batch.done(i, reason);
    };
    each(batch.clients, [&](unsigned i) {
        weir_express& x = batch.express[i];
        if (!x.flow || !weir_express_is_client(x.flow, &x, tick))
            x.flow = weir_express_find_client(&env, &x, tick);
        if (!x.flow) return;
        end(i, weir_express_client(&env, &x, headers_of(batch.frame[i]), batch.frame[i]->pkt_len,
                                   batch.port[i], tick, &batch.out_port[i]));
    });
    each(batch.replies, [&](unsigned i) {
        weir_express& x = batch.express[i];
        if (!x.flow || !weir_express_is_reply(&env, x.flow, &x, tick))
            x.flow = weir_express_find_reply(&env, &x, tick);
        if (!x.flow) return end(i, weir_express_stranger(&env.control->ports[batch.port[i]]));
        end(i, weir_express_reply(&env, &x, headers_of(batch.frame[i]), batch.frame[i]->pkt_len,
                                  tick, &batch.out_port[i]));
    });
    each(batch.stateless, [&](unsigned i) {
        end(i, weir_express_stateless(&env, &batch.express[i], headers_of(batch.frame[i]),
                                      batch.frame[i]->pkt_len, &batch.out_port[i]));
    });
}

}  // namespace weir::stage
