/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which dropped packets deserve a reset: the condition alone; answer.h turns packets round and
 * limits their rate.
 */
#ifndef WEIR_RESET_H
#define WEIR_RESET_H

#include "packet.h"

/* A client's segment of a connection that is over, or was never here. A reset is never answered
 * with one (RFC 9293 section 3.10.7.1). */
WEIR_INLINE int weir_wants_reset(const struct weir_packet* packet, enum weir_reason reason) {
    if (reason != WEIR_REASON_NO_FLOW && reason != WEIR_REASON_BACKEND_RESET) return 0;
    return packet->from_client && packet->kind == WEIR_KIND_PLAIN &&
           packet->tuple.protocol == WEIR_PROTO_TCP && !(packet->tcp_flags & WEIR_TCP_RST);
}

#endif
