/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The express way, second part (express.h has the picture): the flow of a packet. What
 * weir_flow_find and weir_flow_find_reply say of its tuple, for less.
 */
#ifndef WEIR_EXPRESS_FIND_H
#define WEIR_EXPRESS_FIND_H

#include "express_parse.h"

WEIR_INLINE int weir_express_is_client(const struct weir_flow* flow, const struct weir_express* x,
                                       const struct weir_express_frame* frame, __u32 now, int v6) {
    WEIR_ASSERT(__builtin_offsetof(struct weir_flow, service_port) ==
                    __builtin_offsetof(struct weir_flow, client_port) + sizeof(struct weir_be16),
                "compared as one word, as they stand in a packet");
    if (*(const weir_word*)(const void*)&flow->client_port != x->ports ||
        flow->protocol != x->protocol || !weir_later(flow->expires, now))
        return 0;
    const struct weir_express_way way = weir_express_way_of(frame, v6);
    return weir_addr_is(&flow->client, way.src) && weir_addr_is(&flow->service, way.dst);
}

WEIR_INLINE int weir_express_is_reply(struct weir_env* env, const struct weir_flow* flow,
                                      const struct weir_express* x,
                                      const struct weir_express_frame* frame, __u32 now, int v6) {
    if (flow->snat_port.raw != weir_express_dport(x).raw || flow->protocol != x->protocol ||
        !weir_later(flow->expires, now) || weir_flow_is_one_way(flow))
        return 0;
    const struct weir_backend* backend = weir_env_backend(env, flow->backend_id);
    if (!backend || weir_port_at(backend, flow->service_port).raw != weir_express_sport(x).raw)
        return 0;
    const struct weir_express_way way = weir_express_way_of(frame, v6);
    if (!weir_addr_is(&backend->addr, way.src)) return 0;
    if (flow->source == WEIR_SOURCE_CLIENT) return weir_addr_is(&flow->client, way.dst);
    const struct weir_source* source = weir_env_source(env, flow->source);
    return source && weir_addr_is(&source->addr, way.dst);
}

/* The live flow of a client's packet, or (`reply`) a backend's; or NULL. `choice` is the bucket to
 * begin with: 1 where nothing in the first one bears the tag. */
WEIR_INLINE struct weir_flow* weir_express_find(struct weir_env* env, const struct weir_express* x,
                                                const struct weir_express_frame* frame, __u32 now,
                                                int choice, int reply, int v6) {
    const __u32 bits = weir_ref_bits(env);
    const __u32 tag = weir_ref_tag(x->hash, bits);

    for (; choice < 2; choice++) {
        const struct weir_flow_refs* refs =
            weir_env_flow_refs(env, choice ? weir_ref_bucket(env, x->hash, 1) : x->at);
        if (!refs) return 0;
        for (__u32 i = weir_match(refs->ref, bits, tag, 0); i < WEIR_REFS_PER_BUCKET;
             i = weir_match(refs->ref, bits, tag, i + 1)) {
            struct weir_flow* flow = weir_env_flow(env, refs->ref[i] - (tag << bits));
            if (!flow) continue;
            if (reply ? weir_express_is_reply(env, flow, x, frame, now, v6)
                      : weir_express_is_client(flow, x, frame, now, v6))
                return flow;
        }
    }
    return 0;
}

#endif
