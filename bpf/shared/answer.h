/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Answers: packets of weir's own, made by turning the packet that asked for them round. The decide
 * stage calls this; answer_rewrite.h writes them. An answer leaves by the port that the packet came
 * in by, to the MAC that it came from, so that no route is needed.
 *
 * Never answered: an ICMP error, a later fragment, a RST, what comes from nobody's address (RFC
 * 1122 section 3.2.2, RFC 4443 section 2.4, RFC 9293 section 3.10.7.1), and more packets than
 * control->answers in one tick on one worker.
 */
#ifndef WEIR_ANSWER_H
#define WEIR_ANSWER_H

#include "env.h"
#include "martian.h"
#include "packet.h"
#include "reset.h"
#include "translate.h"
#include "wire.h"

/* What goes in front of the packet that an ICMP message quotes: IP and ICMP headers. */
#define WEIR_ICMP_ROOM_V4 28u
#define WEIR_ICMP_ROOM_V6 48u

/* How much a too-big message quotes. Of IPv6 as much as every link takes (RFC 4443 section
 * 2.4(c)). */
#define WEIR_QUOTE_V4 128u
#define WEIR_QUOTE_V6 (WEIR_IPV6_LEAST_MTU - WEIR_ICMP_ROOM_V6)

/* Takes one of this tick's answers. The record is this worker's alone: no lock, no atomic. */
WEIR_INLINE int weir_answer_allowed(struct weir_env* env, __u32 now) {
    struct weir_worker* worker = weir_env_stats(env);

    if (!worker) return 0;
    if (worker->answer_tick != now) {
        worker->answer_tick = now;
        worker->answers_left = weir_env_control(env)->answers;
    }
    if (worker->answers_left == 0) return 0;
    worker->answers_left--;
    return 1;
}

WEIR_INLINE int weir_answerable(const struct weir_packet* packet) {
    if (packet->kind != WEIR_KIND_PLAIN && packet->kind != WEIR_KIND_FIRST_FRAGMENT) return 0;
    if (weir_is_martian(&packet->tuple.src)) return 0;
    return packet->tuple.protocol != WEIR_PROTO_TCP || !(packet->tcp_flags & WEIR_TCP_RST);
}

/* `header` bytes go in front of what is kept of the packet. */
WEIR_INLINE void weir_answer(struct weir_env* env, struct weir_packet* packet, enum weir_kind kind,
                             const struct weir_mac* from, __u32 header) {
    packet->kind = (__u8)kind;
    packet->out_port = packet->in_port;
    packet->next_hop = *from;
    packet->room = (__s16)((int)header + weir_room(env, packet, &packet->tuple.dst)); /* tags */
}

/* A RST to whoever sent this TCP packet; `otherwise`: what becomes of it when it gets none. */
WEIR_INLINE enum weir_reason weir_answer_reset(struct weir_env* env, struct weir_packet* packet,
                                               const struct weir_mac* from, __u32 now,
                                               enum weir_reason otherwise) {
    const __u32 header = packet->family == 4 ? sizeof(struct weir_ipv4) : sizeof(struct weir_ipv6);
    const __u32 length = packet->l3 + header + (__u32)sizeof(struct weir_tcp);

    if (!weir_wants_reset(packet, otherwise) || !weir_answerable(packet) || packet->length < length)
        return otherwise;
    if (!weir_answer_allowed(env, now)) return WEIR_REASON_ANSWER_LIMITED;
    weir_answer(env, packet, WEIR_KIND_RESET, from, 0);
    packet->trim = (__u16)(packet->length - length);
    return WEIR_REASON_RESET_SENT;
}

/*
 * The packet does not fit on its way, which takes `takes` bytes of IP (0: no number says so): its
 * sender is told, unless it is one that must not be answered. Of IPv4 every link takes 68 bytes
 * (RFC 791). No sender of IPv6 goes below 1,280 (RFC 8201 section 4): it hears of no less, and what
 * is no longer than that cannot be helped. `otherwise`: what becomes of it when nobody is told.
 */
WEIR_INLINE enum weir_reason weir_answer_too_big(struct weir_env* env, struct weir_packet* packet,
                                                 const struct weir_mac* from, __u32 takes,
                                                 __u32 now, enum weir_reason otherwise) {
    const int v4 = packet->family == 4;
    const __u32 quote = v4 ? WEIR_QUOTE_V4 : WEIR_QUOTE_V6;

    if (!weir_answerable(packet) || takes < 68) return otherwise;
    if (packet->ip_length < quote || (!v4 && packet->ip_length <= WEIR_IPV6_LEAST_MTU))
        return otherwise;
    if (!weir_answer_allowed(env, now)) return WEIR_REASON_ANSWER_LIMITED;
    weir_answer(env, packet, WEIR_KIND_TOO_BIG, from, v4 ? WEIR_ICMP_ROOM_V4 : WEIR_ICMP_ROOM_V6);
    packet->mtu = (__u16)(!v4 && takes < WEIR_IPV6_LEAST_MTU ? WEIR_IPV6_LEAST_MTU : takes);
    packet->trim = (__u16)(packet->length - packet->l3 - quote);
    return WEIR_REASON_TOO_BIG_SENT;
}

/* What this host's end of the packet's port is like. */
WEIR_INLINE const struct weir_interface* weir_interface_of(struct weir_env* env, __u8 port) {
    const struct weir_control* control = weir_env_control(env);

    return &control->interfaces[control->generation & 1][port & (WEIR_PORT_CAPACITY - 1)];
}

/* What is answered as by a router comes from the port that the packet came to (RFC 1812 section
 * 4.3.2.4); where that has no address, from what the packet was sent to. */
WEIR_INLINE void weir_answer_as_router(struct weir_env* env, struct weir_packet* packet) {
    const struct weir_interface* own = weir_interface_of(env, packet->in_port);

    if (packet->family == 4 && own->addr4.raw != 0) packet->tuple.dst = weir_addr_v4(own->addr4);
    if (packet->family == 6 && own->addr6.word[0].raw != 0) packet->tuple.dst = own->addr6;
}

/* A reply that is too long for the client's link; NONE: it is not. Nobody on the way fragments it:
 * this is its first link. */
WEIR_SELDOM enum weir_reason weir_answer_long_reply(struct weir_env* env,
                                                    struct weir_packet* packet, __u32 out_port,
                                                    __s32 change, __u32 now) {
    if (!env || !packet) return WEIR_REASON_BAD_TABLES;
    const struct weir_mac from = packet->next_hop;
    const __s32 mtu = weir_interface_of(env, (__u8)out_port)->mtu;

    if (mtu == 0 || packet->ip_length + change <= mtu) return WEIR_REASON_NONE;
    const enum weir_reason reason = weir_answer_too_big(env, packet, &from, (__u32)(mtu - change),
                                                        now, WEIR_REASON_FRAG_NEEDED);
    if (reason == WEIR_REASON_TOO_BIG_SENT) weir_answer_as_router(env, packet);
    return reason;
}

/* How much a time-exceeded message quotes: the headers, and eight bytes of what they carry (RFC
 * 792). More than WEIR_QUOTE_MOST of it there is only behind extension headers. */
#define WEIR_QUOTE_MOST 128u

WEIR_INLINE __u32 weir_quote_of(const struct weir_packet* packet) {
    return (__u32)packet->l4 + 8 - packet->l3;
}

/* The packet's TTL or hop limit would be used up here (RFC 792, RFC 4443 section 3.3). */
WEIR_SELDOM enum weir_reason weir_answer_time_exceeded(struct weir_env* env,
                                                       struct weir_packet* packet, __u32 now) {
    if (!env || !packet) return WEIR_REASON_BAD_TABLES;
    const struct weir_mac from = packet->next_hop;
    const int v4 = packet->family == 4;
    const __u32 quote = weir_quote_of(packet);

    if (!weir_answerable(packet) || quote > WEIR_QUOTE_MOST || packet->length < packet->l3 + quote)
        return WEIR_REASON_TTL;
    if (!weir_answer_allowed(env, now)) return WEIR_REASON_ANSWER_LIMITED;
    weir_answer_as_router(env, packet);
    weir_answer(env, packet, WEIR_KIND_TIME_EXCEEDED, &from,
                v4 ? WEIR_ICMP_ROOM_V4 : WEIR_ICMP_ROOM_V6);
    packet->trim = (__u16)(packet->length - packet->l3 - quote);
    return WEIR_REASON_TIME_EXCEEDED_SENT;
}

#endif
