/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The records of the flow table (flow.h has the picture and the rules). A flow says everything that
 * its packets need but the backend's next hop, so it outlives the service and the generation that
 * made it.
 */
#ifndef WEIR_FLOW_RECORD_H
#define WEIR_FLOW_RECORD_H

#include "types.h"

#define WEIR_FLOWS_PER_BUCKET 8u

enum weir_flow_state {
    WEIR_FLOW_OPENING = 0,     /* TCP: SYN, or SYN and SYN-ACK. UDP: nothing came back yet */
    WEIR_FLOW_ESTABLISHED = 1, /* TCP: the client has answered the SYN-ACK. UDP: both have sent */
    WEIR_FLOW_CLOSED = 2,      /* TCP: FIN from both, or RST; the tuple rests here (TIME_WAIT) */
    WEIR_FLOW_RESTING =
        3, /* closed, and the client's tuple has a new flow: only the source port rests */
};

/* What each side has sent; a side's bits are written by its own packets alone. */
#define WEIR_SENT_ANY 1u
#define WEIR_SENT_SYN 2u
#define WEIR_SENT_ACK 4u /* a segment without SYN */
#define WEIR_SENT_FIN 8u
#define WEIR_SENT_RST 16u

struct weir_flow {
    /* line 0: found by the client's packets */
    struct weir_tuple tuple; /* client -> service; protocol 0: being written, or never used */
    __u64 expires;           /* nanoseconds of the engine's clock (CLOCK_MONOTONIC) */
    __u32 idle_ms;
    __u32 connect_ms;
    __u8 state; /* enum weir_flow_state */
    __u8 sent_by_client;
    __u8 sent_by_backend;
    __u8 client_port; /* index of the port the client is behind */
    __u32 service;    /* id */
    /* line 1: how to rewrite */
    struct weir_addr backend;
    struct weir_addr snat;
    struct weir_be16 backend_port;
    struct weir_be16 snat_port;
    __u16 backend_id;
    struct weir_mac client_mac; /* next hop toward the client: where its last packet came from */
    __u32 reply_tag;            /* of the reference to this flow */
    __u64 unused;
    __u64 started; /* same clock */
};
WEIR_ASSERT(sizeof(struct weir_flow) == 128, "two cache lines a flow");
WEIR_ASSERT(__builtin_offsetof(struct weir_flow, backend) == 64, "line 1 starts here");

struct weir_flow_tags {
    __u32 tag[WEIR_FLOWS_PER_BUCKET]; /* 0: empty */
};

struct weir_flow_refs {
    __u32 tag[WEIR_FLOWS_PER_BUCKET];
    __u32 flow[WEIR_FLOWS_PER_BUCKET];
};
WEIR_ASSERT(sizeof(struct weir_flow_refs) == 64, "one cache line a bucket of references");

#endif
