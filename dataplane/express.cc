// SPDX-License-Identifier: Apache-2.0
// The express way (bpf/shared/express.h) over a batch. Of each packet it needs the headers, a
// bucket, a flow and a backend, one after the other; each stage takes a step with all of them, and
// asks for what the next one reads. The families go one after the other, each with code of its own.
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
    return frame->data_len >= WEIR_EXPRESS_LEAST &&
           (frame->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) == 0;
}

template <int v6>
[[gnu::noinline]] bool is_ours(weir_env& env, const weir_express& x, const weir_service* service,
                               rte_mbuf* frame, const Rss* rss) {
    const weir_express_way way = weir_express_way_of(headers_of(frame), v6);
    const weir_tuple tuple{weir_addr_of(way.src), weir_addr_of(way.dst), weir_express_sport(&x),
                           weir_express_dport(&x), x.protocol};
    return owner_of(env, service, tuple, x.hash, frame, rss) == env.worker;
}

// Packet i of the batch, which has been parsed.
template <int v6>
void aim_at(weir_env& env, Batch& batch, const Share& share, unsigned i,
            const weir_express_way& way) {
    const Bits bit = Bits{1} << i;
    weir_express& x = batch.express[i];
    std::uint32_t found = 0;
    const weir_service* service =
        weir_service_look_up(&env, way.dst, weir_express_dport(&x), x.protocol, &found, v6);
    const weir_express_kind kind = weir_express_aim(&env, &x, &way, service, found, v6);
    if (kind == WEIR_EXPRESS_DECLINED) return;
    if (!share.all && !is_ours<v6>(env, x, found ? service : nullptr, batch.frame[i], share.rss))
        return;
    if (kind == WEIR_EXPRESS_STATELESS) {
        batch.stateless |= bit;
        rte_prefetch0(weir_env_slots(&env, x.at / WEIR_SLOTS_PER_LINE));
        return;
    }
    rte_prefetch0(&env.flow_refs[x.at]);
    batch.clients[v6] |= bit & (0 - found);
    batch.replies[v6] |= bit & (found - 1);
}

// Of the packets that these are, those that go the express way; out of the way of IPv4.
[[gnu::noinline]] void aim_v6(weir_env& env, Batch& batch, const Share& share, Bits packets) {
    const std::uint8_t refused = weir_express_refuses(env.control);
    each(packets, [&](unsigned i) {
        rte_mbuf* frame = batch.frame[i];
        weir_express_way way;
        if (frame->data_len >= WEIR_EXPRESS_LEAST_V6 &&
            weir_express_parse_v6(
                &batch.express[i], &way, &env.control->ports[batch.port[i]], headers_of(frame),
                rte_pktmbuf_mtod_offset(frame, char*, frame->data_len), frame->pkt_len, refused))
            aim_at<1>(env, batch, share, i, way);
    });
}

template <int v6>
void finish_family(weir_env& env, Batch& batch, std::uint32_t tick) {
    const auto end = [&](unsigned i, weir_reason reason) {
        if (reason != WEIR_REASON_NONE) batch.done(i, reason);
    };
    each(batch.clients[v6], [&](unsigned i) {
        weir_express& x = batch.express[i];
        weir_express_frame* frame = headers_of(batch.frame[i]);
        if (!x.flow || !weir_express_is_client(x.flow, &x, frame, tick, v6))
            x.flow = weir_express_find(&env, &x, frame, tick, x.flow ? 0 : 1, 0, v6);
        if (!x.flow) return;
        end(i, weir_express_client(&env, &x, frame, batch.frame[i]->pkt_len, batch.port[i], tick,
                                   &batch.out_port[i], v6));
    });
    each(batch.replies[v6], [&](unsigned i) {
        weir_express& x = batch.express[i];
        weir_express_frame* frame = headers_of(batch.frame[i]);
        if (!x.flow || !weir_express_is_reply(&env, x.flow, &x, frame, tick, v6))
            x.flow = weir_express_find(&env, &x, frame, tick, x.flow ? 0 : 1, 1, v6);
        if (!x.flow) return end(i, weir_express_stranger(&env.control->ports[batch.port[i]]));
        end(i, weir_express_reply(&env, &x, frame, batch.frame[i]->pkt_len, tick,
                                  &batch.out_port[i], v6));
    });
}

}  // namespace

void aim(weir_env& env, Batch& batch, const Share& share) {
    const std::uint8_t refused = weir_express_refuses(env.control);
    Bits others = 0;
    for (unsigned i = 0; i < batch.count; i++)
        rte_prefetch0(rte_pktmbuf_mtod(batch.frame[i], const char*));
    batch.begin();
    batch.clients = batch.replies = {};
    batch.stateless = 0;
    if (env.control->generation == 0) return;
    for (unsigned i = 0; i < batch.count; i++) {
        rte_mbuf* frame = batch.frame[i];
        weir_express_way way;
        if (!has_headers(frame)) continue;
        if (weir_express_parse_v4(&batch.express[i], &way, &env.control->ports[batch.port[i]],
                                  headers_of(frame), frame->pkt_len, refused))
            aim_at<0>(env, batch, share, i, way);
        else
            others |= Bits{headers_of(frame)->eth.type.raw == WEIR_SWAP16(WEIR_ETH_IPV6)} << i;
    }
    if (others != 0) aim_v6(env, batch, share, others);
}

void find(weir_env& env, Batch& batch) {
    each(batch.clients[0] | batch.replies[0] | batch.clients[1] | batch.replies[1],
         [&](unsigned i) {
             rte_prefetch0(batch.express[i].flow =
                               offered(env, batch.express[i].at, batch.express[i].hash));
         });
}

void finish(weir_env& env, Batch& batch, std::uint64_t now) {
    finish_family<0>(env, batch, weir_tick(now));
    finish_family<1>(env, batch, weir_tick(now));
    each(batch.stateless, [&](unsigned i) {
        const weir_reason reason =
            weir_express_stateless(&env, &batch.express[i], headers_of(batch.frame[i]),
                                   batch.frame[i]->pkt_len, &batch.out_port[i]);
        if (reason != WEIR_REASON_NONE) batch.done(i, reason);
    });
}

}  // namespace weir::stage
