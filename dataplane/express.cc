// SPDX-License-Identifier: Apache-2.0
// The express way (bpf/shared/express.h) over a batch. Of each packet it needs the headers, a
// bucket, a flow and a backend, one after the other; each stage takes a step with all of them, and
// asks for what the next one reads.
#include <rte_prefetch.h>

#include "bpf/shared/express.h"
#include "dataplane/offered.h"
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
                               const rte_mbuf* frame, const Rss* rss) {
    const weir_tuple tuple{weir_addr_v4(x.src), weir_addr_v4(x.dst), x.sport, x.dport, x.protocol};
    return owner_of(env, service, tuple, x.hash, frame, rss) == env.worker;
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
        if (!share.all && !is_ours(env, x, found ? service : nullptr, frame, share.rss)) continue;
        if (kind == WEIR_EXPRESS_STATELESS) {
            batch.stateless |= bit;
            rte_prefetch0(weir_env_slots(&env, x.at / WEIR_SLOTS_PER_LINE));
            continue;
        }
        rte_prefetch0(&env.flow_refs[x.at]);
        batch.clients |= bit & (0 - found);
        batch.replies |= bit & (found - 1);
    }
}

void find(weir_env& env, Batch& batch) {
    each(batch.clients | batch.replies, [&](unsigned i) {
        rte_prefetch0(batch.express[i].flow =
                          offered(env, batch.express[i].at, batch.express[i].hash));
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
            x.flow = weir_express_find(&env, &x, tick, 0);
        if (!x.flow) return;
        end(i, weir_express_client(&env, &x, headers_of(batch.frame[i]), batch.frame[i]->pkt_len,
                                   batch.port[i], tick, &batch.out_port[i]));
    });
    each(batch.replies, [&](unsigned i) {
        weir_express& x = batch.express[i];
        if (!x.flow || !weir_express_is_reply(&env, x.flow, &x, tick))
            x.flow = weir_express_find(&env, &x, tick, 1);
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
