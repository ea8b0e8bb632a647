/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * QUIC: the backend that a connection id names (draft-ietf-quic-load-balancers, plaintext server
 * ids), so that a connection stays where it is when its client's address changes. Asked by the
 * decide stage for each UDP packet of a client to a service with `cid_count`. Reads what is the
 * same in every version (RFC 8999) and, of the two known ones, whether the client has made the
 * connection id up; nothing is decrypted.
 *
 *   connection id:  cid_offset bytes (configuration, length) | server id, cid_length bytes | ...
 *   slots from cid_base, one for each server id: a backend id
 */
#ifndef WEIR_QUIC_H
#define WEIR_QUIC_H

#include "balance.h"
#include "env.h"
#include "packet.h"

#define WEIR_QUIC_LONG 0x80u            /* RFC 8999 section 5.1: header form */
#define WEIR_QUIC_LONG_HEADER 6u        /* first byte, version, length of the connection id */
#define WEIR_QUIC_ID_LENGTH 20u         /* of a connection id, at most (RFC 9000 section 17.2) */
#define WEIR_QUIC_VERSION_1 1u          /* RFC 9000 */
#define WEIR_QUIC_VERSION_2 0x6b3343cfu /* RFC 9369 */

/*
 * A long header's connection id is the client's own in Initial and 0-RTT packets (RFC 9000 section
 * 7.2); their type is 0 and 1 in version 1, 1 and 2 in version 2 (RFC 9369 section 3.2). Of other
 * versions nothing is known, so no id is believed.
 */
WEIR_INLINE int weir_quic_made_up(__u8 first, __u32 version) {
    const __u32 type = (first >> 4) & 3u;

    if (version == WEIR_QUIC_VERSION_1) return type <= 1;
    if (version == WEIR_QUIC_VERSION_2) return type == 1 || type == 2;
    return 1;
}

/* The backend id that the packet's connection id names, or WEIR_NO_BACKEND. */
WEIR_INLINE __u32 weir_quic_backend(struct weir_env* env, const struct weir_packet* packet,
                                    const struct weir_service* service, void* data, void* end) {
    const __u32 at = (packet->l4 & WEIR_L4_MASK) + (__u32)sizeof(struct weir_udp);
    const __u8* first = (const __u8*)weir_at(data, end, at, 1);
    __u32 id_at = at + 1;
    __u32 id_length = WEIR_QUIC_ID_LENGTH; /* a short header does not say */

    if (!first || packet->kind != WEIR_KIND_PLAIN) return WEIR_NO_BACKEND;
    if (*first & WEIR_QUIC_LONG) {
        const __u8* head = (const __u8*)weir_at(data, end, at, WEIR_QUIC_LONG_HEADER);
        if (!head) return WEIR_NO_BACKEND;
        const __u32 version =
            (__u32)head[1] << 24 | (__u32)head[2] << 16 | (__u32)head[3] << 8 | head[4];
        if (weir_quic_made_up(head[0], version)) return WEIR_NO_BACKEND;
        id_at = at + WEIR_QUIC_LONG_HEADER;
        id_length = head[5];
    }
    const __u32 offset = service->cid_offset & 31u;
    if (offset + service->cid_length > id_length) return WEIR_NO_BACKEND;
    if (id_at + offset + service->cid_length > packet->l3 + (__u32)packet->ip_length)
        return WEIR_NO_BACKEND; /* padding of the frame is no connection id */
    const __u8* id = (const __u8*)weir_at(data, end, id_at + offset, 1);
    if (!id) return WEIR_NO_BACKEND;
    __u32 server = *id;
    if (service->cid_length == 2) {
        id = (const __u8*)weir_at(data, end, id_at + offset + 1, 1);
        if (!id) return WEIR_NO_BACKEND;
        server = server << 8 | *id;
    }
    if (server >= service->cid_count) return WEIR_NO_BACKEND;

    const __u32 number = weir_slot(env, service->cid_base + server);
    if (number == WEIR_NO_BACKEND) return WEIR_NO_BACKEND;
    const struct weir_backend* backend = weir_env_backend(env, number);
    if (!backend || !(backend->flags & WEIR_BACKEND_USED)) return WEIR_NO_BACKEND;
    return backend->flags & WEIR_BACKEND_REACHABLE ? number : WEIR_NO_BACKEND;
}

#endif
