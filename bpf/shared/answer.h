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

/* What goes in front of the packet that a too-big message quotes: IP and ICMP headers; and how much
 * it quotes. Of IPv6 as much as every link takes (RFC 4443 section 2.4(c)). */
#define WEIR_TOO_BIG_ROOM_V4 28u
#define WEIR_TOO_BIG_ROOM_V6 48u
#define WEIR_QUOTE_V4 128u
#define WEIR_QUOTE_V6 (WEIR_IPV6_LEAST_MTU - WEIR_TOO_BIG_ROOM_V6)

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
 * is no longer than that cannot be helped.
 */
WEIR_INLINE enum weir_reason weir_answer_too_big(struct weir_env* env, struct weir_packet* packet,
                                                 const struct weir_mac* from, __u32 takes,
                                                 __u32 now) {
    const int v4 = packet->family == 4;
    const __u32 quote = v4 ? WEIR_QUOTE_V4 : WEIR_QUOTE_V6;

    if (!weir_answerable(packet) || takes < 68) return WEIR_REASON_FRAG_NEEDED;
    if (packet->ip_length < quote || (!v4 && packet->ip_length <= WEIR_IPV6_LEAST_MTU))
        return WEIR_REASON_FRAG_NEEDED;
    if (!weir_answer_allowed(env, now)) return WEIR_REASON_ANSWER_LIMITED;
    weir_answer(env, packet, WEIR_KIND_TOO_BIG, from,
                v4 ? WEIR_TOO_BIG_ROOM_V4 : WEIR_TOO_BIG_ROOM_V6);
    packet->mtu = (__u16)(!v4 && takes < WEIR_IPV6_LEAST_MTU ? WEIR_IPV6_LEAST_MTU : takes);
    packet->trim = (__u16)(packet->length - packet->l3 - quote);
    return WEIR_REASON_TOO_BIG_SENT;
}

#endif
