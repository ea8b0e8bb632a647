/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The express way: what nearly every packet needs, and nothing else. Plain IPv4 or IPv6 (no tags,
 * options, extension headers or fragments) with TCP or UDP, without SYN and of a known flow, by
 * nat, transparent or dsr; or to a stateless service; or for no service at all. Whatever is not
 * clearly one of these is declined, with nothing changed, and the program (program.h) takes it. Its
 * result is the program's own, which tests prove by running both.
 *
 * Both engines try it first. XDP takes the steps one after the other (weir_express_run), DPDK each
 * over a batch (dataplane/express.cc), and asks for the memory of the next one in between.
 */
#ifndef WEIR_EXPRESS_H
#define WEIR_EXPRESS_H

#include "express_find.h"
#include "tcp.h"

/* What a packet changes of a flow that is not steady. */
WEIR_SELDOM int weir_express_step(struct weir_flow* flow, __u32 protocol, int from_client,
                                  __u32 tcp_flags, __u32 now) {
    if (!flow) return 0;
    weir_flow_step(flow, protocol, from_client, (__u8)tcp_flags, now);
    return 1;
}

/* What a packet without SYN changes of its flow: if the flow is steady, nothing but when it
 * expires. */
WEIR_INLINE void weir_express_note(struct weir_flow* flow, const struct weir_express* x,
                                   int from_client, __u32 now) {
    const __u32 expires = now + weir_span_ticks(flow->idle);

    if (!weir_flow_is_steady(flow, x->protocol, from_client) ||
        (x->tcp_flags & (WEIR_TCP_FIN | WEIR_TCP_RST)) != 0)
        weir_express_step(flow, x->protocol, from_client, x->tcp_flags, now);
    else if (flow->expires != expires)
        flow->expires = expires;
}

/* The port with this index, when frames leave by it as they are; else NULL. */
WEIR_INLINE const struct weir_port* weir_express_port(struct weir_env* env, __u8 index) {
    const struct weir_port* port = &weir_env_control(env)->ports[index & (WEIR_PORT_CAPACITY - 1)];

    return port->tags == 0 && port->kind != WEIR_PORT_NONE ? port : 0;
}

/* Whether a packet goes to this backend without further ado. */
WEIR_INLINE int weir_express_takes(const struct weir_backend* backend, __u32 length) {
    const __u32 seen =
        WEIR_BACKEND_USED | WEIR_BACKEND_REACHABLE | WEIR_BACKEND_DOWN | WEIR_BACKEND_RESET;

    return (backend->flags & seen) == (WEIR_BACKEND_USED | WEIR_BACKEND_REACHABLE) &&
           (backend->mtu == 0 || length <= backend->mtu);
}

WEIR_INLINE void weir_express_count_in(struct weir_env* env, __u32 id, __u32 bytes) {
    struct weir_counters* counters = weir_env_counters(env, id);

    if (!counters) return;
    counters->packets_in++;
    counters->bytes_in += bytes;
}

/* A client's packet of x->flow: FLOW_HIT, the frame rewritten for *out; or NONE, declined. `bytes`
 * is the length of the frame, `in` the port that it came by. */
WEIR_INLINE enum weir_reason weir_express_client(struct weir_env* env, const struct weir_express* x,
                                                 struct weir_express_frame* frame, __u32 bytes,
                                                 __u8 in, __u32 now, __u8* out, int v6) {
    struct weir_flow* flow = x->flow;
    const struct weir_backend* backend = weir_env_backend(env, flow->backend_id);

    if (!backend || !weir_express_takes(backend, x->length) || flow->in_port != in ||
        !weir_mac_equal(&flow->client_mac, &frame->eth.src) ||
        weir_flow_is_one_way(flow) != (backend->mode >= WEIR_MODE_DSR))
        return WEIR_REASON_NONE;
    const struct weir_port* port = weir_express_port(env, backend->out_port);
    if (!port) return WEIR_REASON_NONE;
    if (backend->mode < WEIR_MODE_DSR) {
        const struct weir_addr* src = &flow->client;
        if (weir_addr_is_v4(&backend->addr) == v6) return WEIR_REASON_NONE;
        if (flow->source != WEIR_SOURCE_CLIENT) {
            const struct weir_source* source = weir_env_source(env, flow->source);
            if (!source) return WEIR_REASON_NONE;
            src = &source->addr;
        }
        const struct weir_be16 dport = weir_port_at(backend, flow->service_port);
        weir_express_readdress(frame, src, &backend->addr, WEIR_PORTS(flow->snat_port, dport), v6);
    } else if (backend->mode != WEIR_MODE_DSR) {
        return WEIR_REASON_NONE;
    }
    weir_express_note(flow, x, 1, now);
    weir_express_count_in(env, flow->backend_id, bytes);
    weir_express_link(frame, port, &backend->next_hop);
    *out = backend->out_port;
    return WEIR_REASON_FLOW_HIT;
}

/* A backend's packet of x->flow; likewise. */
WEIR_INLINE enum weir_reason weir_express_reply(struct weir_env* env, const struct weir_express* x,
                                                struct weir_express_frame* frame, __u32 bytes,
                                                __u32 now, __u8* out, int v6) {
    struct weir_flow* flow = x->flow;
    const struct weir_port* port = weir_express_port(env, flow->in_port);
    struct weir_counters* counters = weir_env_counters(env, flow->backend_id);

    if (flow->state == WEIR_FLOW_RESTING || weir_addr_is_v4(&flow->client) == v6 || !port ||
        x->length > weir_env_control(env)->reply_mtu)
        return WEIR_REASON_NONE;
    weir_express_readdress(frame, &flow->service, &flow->client,
                           WEIR_PORTS(flow->service_port, flow->client_port), v6);
    weir_express_note(flow, x, 0, now);
    if (counters) {
        counters->packets_out++;
        counters->bytes_out += bytes;
    }
    weir_express_link(frame, port, &flow->client_mac);
    *out = flow->in_port;
    return WEIR_REASON_FLOW_HIT;
}

/* A packet to a stateless service, to the backend of slot x->at: STATELESS, or NONE. */
WEIR_INLINE enum weir_reason weir_express_stateless(struct weir_env* env,
                                                    const struct weir_express* x,
                                                    struct weir_express_frame* frame, __u32 bytes,
                                                    __u8* out) {
    const __u32 id = weir_slot(env, x->at);
    const struct weir_backend* backend = weir_env_backend(env, id);

    if (!backend || !weir_express_takes(backend, x->length) || backend->mode != WEIR_MODE_DSR ||
        (backend->mss != 0 && (x->tcp_flags & WEIR_TCP_SYN)))
        return WEIR_REASON_NONE;
    const struct weir_port* port = weir_express_port(env, backend->out_port);
    if (!port) return WEIR_REASON_NONE;
    weir_express_count_in(env, id, bytes);
    weir_express_link(frame, port, &backend->next_hop);
    *out = backend->out_port;
    return WEIR_REASON_STATELESS;
}

/* What becomes of a packet that is for no service, and of no flow. */
WEIR_INLINE enum weir_reason weir_express_stranger(const struct weir_port* in) {
    return in->kind == WEIR_PORT_HOST_LINK ? WEIR_REASON_HOST_LINK_STRAY : WEIR_REASON_NOT_SERVICE;
}

/* All steps for a frame of this family whose headers are there. */
WEIR_INLINE enum weir_reason weir_express_run_family(struct weir_env* env,
                                                     struct weir_express_frame* frame, void* end,
                                                     __u8 in, __u32 now, __u8* out, int v6) {
    const struct weir_control* control = weir_env_control(env);
    const struct weir_port* port = &control->ports[in & (WEIR_PORT_CAPACITY - 1)];
    const __u32 bytes = (__u32)((char*)end - (char*)frame);
    const __u8 refused = weir_express_refuses(control);
    struct weir_express_way way;
    struct weir_express x;
    __u32 found;

    if (v6 ? !weir_express_parse_v6(&x, &way, port, frame, end, bytes, refused)
           : !weir_express_parse_v4(&x, &way, port, frame, bytes, refused))
        return WEIR_REASON_NONE;
    const struct weir_service* service =
        weir_service_look_up(env, way.dst, weir_express_dport(&x), x.protocol, &found, v6);
    switch (weir_express_aim(env, &x, &way, service, found, v6)) {
        case WEIR_EXPRESS_STATELESS:
            return weir_express_stateless(env, &x, frame, bytes, out);
        case WEIR_EXPRESS_CLIENT:
            x.flow = weir_express_find(env, &x, frame, now, 0, 0, v6);
            return x.flow ? weir_express_client(env, &x, frame, bytes, in, now, out, v6)
                          : WEIR_REASON_NONE;
        case WEIR_EXPRESS_REPLY:
            x.flow = weir_express_find(env, &x, frame, now, 0, 1, v6);
            return x.flow ? weir_express_reply(env, &x, frame, bytes, now, out, v6)
                          : weir_express_stranger(port);
        default:
            return WEIR_REASON_NONE;
    }
}

/*
 * All steps, for the frame [data, end) that came in by port `in`. NONE: declined, and nothing has
 * changed. FLOW_HIT or STATELESS: the frame has been rewritten and leaves by port *out.
 */
WEIR_INLINE enum weir_reason weir_express_run(struct weir_env* env, void* data, void* end, __u8 in,
                                              __u32 now, __u8* out) {
    struct weir_express_frame* frame =
        (struct weir_express_frame*)weir_at(data, end, 0, WEIR_EXPRESS_LEAST);

    if (!frame || weir_env_control(env)->generation == 0) return WEIR_REASON_NONE;
    if (frame->eth.type.raw != WEIR_SWAP16(WEIR_ETH_IPV6))
        return weir_express_run_family(env, frame, end, in, now, out, 0);
    frame = (struct weir_express_frame*)weir_at(data, end, 0, WEIR_EXPRESS_LEAST_V6);
    return frame ? weir_express_run_family(env, frame, end, in, now, out, 1) : WEIR_REASON_NONE;
}

#endif
