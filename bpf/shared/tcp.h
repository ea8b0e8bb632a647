/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A flow's state step: what one packet changes. Each side's bits are written by its own packets
 * alone; the state is a function of both, so packets of both sides may be processed on two CPUs at
 * once.
 */
#ifndef WEIR_TCP_H
#define WEIR_TCP_H

#include "clock.h"
#include "flow_record.h"
#include "wire.h"

/* How long a closed flow's tuple rests: Linux' own TIME_WAIT (RFC 9293 section 3.4.2 asks for 2
 * MSL). */
#define WEIR_CLOSED_TICKS WEIR_TICKS_OF_MS(60000)

/* After so much of it, its source port may serve again if no other is free: the peer had time to
 * say the last word. */
#define WEIR_CLOSED_REST_TICKS WEIR_TICKS_OF_MS(1000)

/* The first segment of a connection. */
WEIR_INLINE int weir_tcp_opens(__u8 flags) {
    return (flags & (WEIR_TCP_SYN | WEIR_TCP_ACK | WEIR_TCP_RST)) == WEIR_TCP_SYN;
}

/* The bits one more segment adds to what its side has sent. A segment after a RST takes the RST
 * back: whoever forged it does not end the flow. */
WEIR_INLINE __u8 weir_tcp_sent(__u8 sent, __u8 flags) {
    __u32 now_sent = (sent & ~(__u32)WEIR_SENT_RST) | WEIR_SENT_ANY;

    if (flags & WEIR_TCP_RST) return (__u8)(now_sent | WEIR_SENT_RST);
    now_sent |= (flags & WEIR_TCP_SYN) ? WEIR_SENT_SYN : WEIR_SENT_ACK;
    if (flags & WEIR_TCP_FIN) now_sent |= WEIR_SENT_FIN;
    return (__u8)now_sent;
}

/* UDP: whether its side has sent, and more than once. */
WEIR_INLINE __u8 weir_udp_sent(__u8 sent) {
    return sent ? WEIR_SENT_ANY | WEIR_SENT_ACK : WEIR_SENT_ANY;
}

/* RFC 9293 section 3.3.2, seen from the middle. */
WEIR_INLINE enum weir_flow_state weir_tcp_state(__u8 client, __u8 backend) {
    if ((client | backend) & WEIR_SENT_RST) return WEIR_FLOW_CLOSED;
    if (client & backend & WEIR_SENT_FIN) return WEIR_FLOW_CLOSED;
    if ((backend & WEIR_SENT_SYN) && (client & WEIR_SENT_ACK)) return WEIR_FLOW_ESTABLISHED;
    return WEIR_FLOW_OPENING;
}

/* UDP has no handshake: a flow is established once both sides have sent. */
WEIR_INLINE enum weir_flow_state weir_udp_state(__u8 client, __u8 backend) {
    return (client && backend) ? WEIR_FLOW_ESTABLISHED : WEIR_FLOW_OPENING;
}

/*
 * One way: only the client's packets come by, so they alone tell. Its ACK answers a SYN-ACK, its
 * FIN says that it will only listen from now on (it goes on sending ACKs, and the flow rests after
 * the last of them). Of UDP a second packet establishes: a flood of single ones gives way.
 */
WEIR_INLINE enum weir_flow_state weir_one_way_state(int tcp, __u8 client) {
    if (tcp && (client & (WEIR_SENT_RST | WEIR_SENT_FIN))) return WEIR_FLOW_CLOSED;
    return (client & WEIR_SENT_ACK) ? WEIR_FLOW_ESTABLISHED : WEIR_FLOW_OPENING;
}

/*
 * Whether a packet of this side leaves an established flow as it is but for its expiry: of TCP one
 * without SYN, FIN and RST. It says no more than weir_flow_step would find out: a look at four
 * bytes at once instead.
 */
WEIR_INLINE int weir_flow_is_steady(const struct weir_flow* flow, __u32 protocol, int from_client) {
    const __u32 word = *(const weir_word*)(const void*)&flow->protocol;
    const __u32 ends = WEIR_SENT_FIN | WEIR_SENT_RST;
    const __u32 sends = WEIR_SENT_ANY | WEIR_SENT_ACK;
    const int one_way = flow->source == WEIR_SOURCE_NONE;
    __u32 mask, steady;

    if (protocol == WEIR_PROTO_TCP) {
        if (one_way) {
            mask = WEIR_WORD(0xff, 0xff, sends | ends, 0);
            steady = WEIR_WORD(WEIR_PROTO_TCP, WEIR_FLOW_ESTABLISHED, sends, 0);
        } else if (from_client) {
            mask = WEIR_WORD(0xff, 0xff, sends | ends, WEIR_SENT_SYN | ends);
            steady = WEIR_WORD(WEIR_PROTO_TCP, WEIR_FLOW_ESTABLISHED, sends, WEIR_SENT_SYN);
        } else {
            mask = WEIR_WORD(0xff, 0xff, WEIR_SENT_ACK | ends, sends | WEIR_SENT_SYN | ends);
            steady = WEIR_WORD(WEIR_PROTO_TCP, WEIR_FLOW_ESTABLISHED, WEIR_SENT_ACK,
                               sends | WEIR_SENT_SYN);
        }
    } else {
        const __u32 client = from_client ? 0xff : WEIR_SENT_ANY;
        const __u32 backend = from_client ? WEIR_SENT_ANY : 0xff;
        mask = WEIR_WORD(0xff, 0xff, client, one_way ? 0 : backend);
        steady = WEIR_WORD(WEIR_PROTO_UDP, WEIR_FLOW_ESTABLISHED, client & sends,
                           one_way ? 0 : backend & sends);
    }
    return (word & mask) == steady;
}

/* Takes one packet into account: bits, state, and when the flow expires if nothing follows. A line
 * that does not change is not written: on XDP another CPU may have it. */
WEIR_INLINE void weir_flow_step(struct weir_flow* flow, __u32 protocol, int from_client,
                                __u8 tcp_flags, __u32 now) {
    const int tcp = protocol == WEIR_PROTO_TCP;
    __u8 client = flow->sent_by_client;
    __u8 backend = flow->sent_by_backend;

    if (from_client) {
        client = tcp ? weir_tcp_sent(client, tcp_flags) : weir_udp_sent(client);
        if (client != flow->sent_by_client) flow->sent_by_client = client;
    } else {
        backend = tcp ? weir_tcp_sent(backend, tcp_flags) : weir_udp_sent(backend);
        if (backend != flow->sent_by_backend) flow->sent_by_backend = backend;
    }
    enum weir_flow_state state;
    if (weir_flow_is_one_way(flow))
        state = weir_one_way_state(tcp, client);
    else
        state = tcp ? weir_tcp_state(client, backend) : weir_udp_state(client, backend);
    if (state != flow->state) flow->state = (__u8)state;

    __u32 left = weir_span_ticks(flow->idle);
    if (state == WEIR_FLOW_CLOSED)
        left = WEIR_CLOSED_TICKS;
    else if (tcp && state == WEIR_FLOW_OPENING)
        left = weir_span_ticks(flow->connect);
    if (flow->expires != now + left) flow->expires = now + left;
}

#endif
