/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The records of the flow table (flow.h has the picture and the rules). A flow says what its
 * packets need but the backend's own record and the source address, both of which outlive it by
 * number, so it outlives the service and the generation that made it.
 */
#ifndef WEIR_FLOW_RECORD_H
#define WEIR_FLOW_RECORD_H

#include "clock.h"
#include "types.h"

#define WEIR_FLOWS_PER_BUCKET 8u /* neighbours that a new flow looks at together */
#define WEIR_REFS_PER_BUCKET 16u
#define WEIR_FRAGMENT_WAYS 4u /* places in a bucket of fragmented datagrams */

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
#define WEIR_SENT_ACK 4u /* a segment without SYN; UDP: more than one packet */
#define WEIR_SENT_FIN 8u
#define WEIR_SENT_RST 16u

#define WEIR_SOURCE_CLIENT 0xffffu /* the backend sees the client's own address and port */
#define WEIR_SOURCE_NONE 0xfffeu   /* likewise, and it answers the client itself: no reply comes */

struct weir_flow {
    struct weir_addr client;  /* with the next one and the ports: the client's tuple */
    struct weir_addr service; /* the address that the client uses */
    struct weir_be16 client_port;
    struct weir_be16 service_port;
    struct weir_be16 snat_port; /* source port toward the backend */
    __u16 source;               /* index of the source address, or WEIR_SOURCE_... */
    __u16 backend_id;
    __u16 idle;    /* how long it lives without a packet; weir_span (clock.h) */
    __u8 protocol; /* 0: never used; with the next three, one aligned word */
    __u8 state;    /* enum weir_flow_state */
    __u8 sent_by_client;
    __u8 sent_by_backend;
    __u16 connect;              /* likewise, before it is established */
    struct weir_mac client_mac; /* next hop toward the client: where its last packet came from */
    __u8 in_port;               /* index of the port that is behind */
    __u8 unused;
    __u16 service_id;
    __u32 expires; /* weir_tick (clock.h) */
};
WEIR_ASSERT(sizeof(struct weir_flow) == 64, "one cache line a flow");

/* Neither expired at tick `now` (or being written: flow.h), nor never used. */
WEIR_INLINE int weir_flow_live(const struct weir_flow* flow, __u32 now) {
    return flow->protocol != 0 && weir_later(flow->expires, now);
}

/* Only the client's packets of this flow come by. */
WEIR_INLINE int weir_flow_is_one_way(const struct weir_flow* flow) {
    return flow->source == WEIR_SOURCE_NONE;
}

/* What the fragments of one datagram share, and the ports that its first one had (fragment.h). */
struct weir_fragment {
    struct weir_addr src;
    struct weir_addr dst;
    __u32 id; /* IPv4: 16 bits */
    __u32 protocol;
    struct weir_be16 sport;
    struct weir_be16 dport;
    __u32 expires; /* weir_tick (clock.h) */
    __u32 tag;     /* 0: empty */
    __u8 unused[12];
};
WEIR_ASSERT(sizeof(struct weir_fragment) == 64, "one cache line a fragmented datagram");

/* A reference is a flow number below a tag in one word, so that one store makes it (reference.h).
 */
struct weir_flow_refs {
    __u32 ref[WEIR_REFS_PER_BUCKET]; /* 0: empty */
};
WEIR_ASSERT(sizeof(struct weir_flow_refs) == 64, "one cache line a bucket of references");

#endif
