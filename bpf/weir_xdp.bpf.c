/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The XDP engine: runs the packet program (shared/program.h) stage by stage on one frame and turns
 * its verdict into an XDP action. control/publish/xdp_engine.cc loads and attaches it. It decides
 * nothing about a packet itself.
 */
#include "maps.h"
#include "shared/express.h"
#include "shared/program.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* The index of the port with this interface, or WEIR_NO_PORT. */
WEIR_INLINE __u32 weir_port_of(struct weir_env* env, __u32 ifindex) {
    const struct weir_control* tables = weir_env_control(env);

    for (__u32 i = 0; i < WEIR_PORT_CAPACITY; i++)
        if (tables->ports[i].ifindex == ifindex && tables->ports[i].kind != WEIR_PORT_NONE &&
            tables->ports[i].tags == 0)
            return i;
    return WEIR_NO_PORT;
}

/* Written before loading: whether frames may lie in several buffers (kernel 5.18). Where not, the
 * kernel takes the branch out, and with it the helper that it does not know. */
const volatile __u8 multi_buffer = 0;

/*
 * Each stage is a subprogram: the verifier walks it once, for any packet, and not again for every
 * way through the stages before. The frame is found anew in each; only `ctx` may be handed over.
 */
WEIR_SUBPROGRAM enum weir_reason weir_xdp_parse(struct xdp_md* ctx, struct weir_packet* packet,
                                                __u32 in_port) {
    void* data = (void*)(long)ctx->data;
    void* end = (void*)(long)ctx->data_end;

    if (!packet) return WEIR_REASON_BAD_TABLES;
    const __u32 length =
        multi_buffer ? (__u32)bpf_xdp_get_buff_len(ctx) : (__u32)((char*)end - (char*)data);
    return weir_parse(packet, data, end, length, (__u8)in_port);
}

WEIR_SUBPROGRAM enum weir_reason weir_xdp_unwrap(struct xdp_md* ctx, struct weir_env* env,
                                                 struct weir_packet* packet) {
    if (!env || !packet) return WEIR_REASON_BAD_TABLES;
    return weir_unwrap(env, packet, (void*)(long)ctx->data, (void*)(long)ctx->data_end);
}

WEIR_SUBPROGRAM enum weir_reason weir_xdp_decide(struct xdp_md* ctx, struct weir_env* env,
                                                 struct weir_packet* packet) {
    void* data = (void*)(long)ctx->data;
    void* end = (void*)(long)ctx->data_end;

    if (!env || !packet) return WEIR_REASON_BAD_TABLES;
    const __u32 now = weir_tick(weir_clock());
    const enum weir_reason reason = weir_hash_packet(env, packet, now);
    if (reason != WEIR_REASON_NONE) return reason;
    return weir_decide(env, packet, data, end, now);
}

WEIR_SUBPROGRAM int weir_xdp_rewrite_flow(struct xdp_md* ctx, struct weir_env* env,
                                          struct weir_packet* packet) {
    if (!env || !packet) return 0;
    return weir_rewrite_by(env, packet, (void*)(long)ctx->data, (void*)(long)ctx->data_end,
                           WEIR_WAY_FLOW);
}

WEIR_SUBPROGRAM int weir_xdp_rewrite_error(struct xdp_md* ctx, struct weir_env* env,
                                           struct weir_packet* packet) {
    if (!env || !packet) return 0;
    return weir_rewrite_by(env, packet, (void*)(long)ctx->data, (void*)(long)ctx->data_end,
                           WEIR_WAY_ERROR);
}

WEIR_SUBPROGRAM int weir_xdp_rewrite_answer(struct xdp_md* ctx, struct weir_env* env,
                                            struct weir_packet* packet) {
    if (!env || !packet) return 0;
    return weir_rewrite_by(env, packet, (void*)(long)ctx->data, (void*)(long)ctx->data_end,
                           WEIR_WAY_ANSWER);
}

WEIR_INLINE int weir_xdp_rewrite(struct xdp_md* ctx, struct weir_env* env,
                                 struct weir_packet* packet) {
    const enum weir_way way = weir_way_of(packet);

    if (way == WEIR_WAY_FLOW) return weir_xdp_rewrite_flow(ctx, env, packet);
    if (way == WEIR_WAY_ERROR) return weir_xdp_rewrite_error(ctx, env, packet);
    return weir_xdp_rewrite_answer(ctx, env, packet);
}

/* The express way (shared/express.h): its reason, and above the lowest byte the port to leave by. A
 * frame in several buffers is longer than what is seen of it here, and declined. */
WEIR_SUBPROGRAM __u32 weir_xdp_express(struct xdp_md* ctx, struct weir_env* env, __u32 in_port) {
    __u8 out_port = 0;

    if (!env) return WEIR_REASON_NONE;
    const __u32 reason = weir_express_run(env, (void*)(long)ctx->data, (void*)(long)ctx->data_end,
                                          (__u8)in_port, weir_tick(weir_clock()), &out_port);
    return reason | (__u32)out_port << 8;
}

/* All stages; with a forward verdict the frame has been rewritten. */
WEIR_INLINE enum weir_reason weir_stages(struct weir_env* env, struct weir_packet* packet,
                                         struct xdp_md* ctx, __u32 in_port) {
    enum weir_reason reason = weir_xdp_parse(ctx, packet, in_port);

    if (reason == WEIR_REASON_NONE && weir_is_wrapped(packet))
        reason = weir_xdp_unwrap(ctx, env, packet);
    if (reason != WEIR_REASON_NONE) return reason;
    reason = weir_xdp_decide(ctx, env, packet);
    if (weir_verdict_of(reason) != WEIR_VERDICT_FORWARD) return reason;
    if (packet->room != 0 && bpf_xdp_adjust_head(ctx, -packet->room) != 0)
        return WEIR_REASON_NO_ROOM;
    if (!weir_xdp_rewrite(ctx, env, packet)) return WEIR_REASON_TRUNCATED;
    if (packet->trim != 0 && bpf_xdp_adjust_tail(ctx, -(int)packet->trim) != 0)
        return WEIR_REASON_NO_ROOM;
    return reason;
}

/* Counts the packet and turns its reason into an action. */
WEIR_INLINE int weir_act(struct weir_env* env, struct xdp_md* ctx, __u32 reason, __u32 out_port) {
    const struct weir_port* out =
        &weir_env_control(env)->ports[out_port & (WEIR_PORT_CAPACITY - 1)];
    const __u32 ifindex = out->ifindex;
    struct weir_worker* stats = weir_env_stats(env);
    enum weir_verdict verdict = weir_verdict_of((enum weir_reason)reason);

    if (verdict == WEIR_VERDICT_FORWARD && ifindex == 0) {
        reason = WEIR_REASON_PORT_UNKNOWN;
        verdict = WEIR_VERDICT_DROP;
    }
    if (stats) {
        stats->rx_packets++;
        stats->tx_packets += verdict == WEIR_VERDICT_FORWARD;
        stats->reason[reason & (WEIR_REASON_CAPACITY - 1)]++;
    }
    if (verdict == WEIR_VERDICT_TO_HOST) return XDP_PASS;
    if (verdict == WEIR_VERDICT_DROP) return XDP_DROP;
    if (ifindex == ctx->ingress_ifindex && !(out->flags & WEIR_PORT_REDIRECT)) return XDP_TX;
    return (int)bpf_redirect(ifindex, 0);
}

SEC("xdp")
int weir_xdp(struct xdp_md* ctx) {
    struct weir_env env;

    weir_env_start(&env);
    const __u32 in_port = weir_port_of(&env, ctx->ingress_ifindex);
    if (in_port == WEIR_NO_PORT) return XDP_PASS; /* attached, but not published yet */

    const __u32 express = weir_xdp_express(ctx, &env, in_port);
    if ((express & 0xff) != WEIR_REASON_NONE)
        return weir_act(&env, ctx, express & 0xff, express >> 8);
    struct weir_packet packet = {0}; /* 5.15's verifier wants all of it written before a call */
    const enum weir_reason reason = weir_stages(&env, &packet, ctx, in_port);
    return weir_act(&env, ctx, reason, packet.out_port);
}
