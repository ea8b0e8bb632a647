/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a flow's packets carry when they leave, for each direction. Asked by the rewrite stage.
 */
#ifndef WEIR_NAT_H
#define WEIR_NAT_H

#include "env.h"
#include "reference.h"

/* What the packet shall carry when it leaves. */
struct weir_nat {
    struct weir_be32 src;
    struct weir_be32 dst;
    struct weir_be16 sport;
    struct weir_be16 dport;
};

/* 0 when the flow's backend or source address is not in the tables. */
WEIR_INLINE int weir_nat_of(struct weir_env* env, const struct weir_flow* flow, int from_client,
                            struct weir_nat* nat) {
    if (!from_client) {
        nat->src = flow->service.word[3];
        nat->dst = flow->client.word[3];
        nat->sport = flow->service_port;
        nat->dport = flow->client_port;
        return 1;
    }
    const struct weir_tuple reply = weir_reply_of(env, flow);
    nat->src = reply.dst.word[3];
    nat->dst = reply.src.word[3];
    nat->sport = reply.dport;
    nat->dport = reply.sport;
    return reply.protocol != 0;
}

#endif
