/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Balancing: from a new flow to a backend id. Each method is an index into a slot table that
 * control built: round robin  a counter over nginx's smooth weighted sequence, which is periodic
 *   ip_hash      nginx's hash of the client's address over a table of total_weight slots
 *   maglev       a hash over the Maglev table (NSDI 2016, section 3.4)
 */
#ifndef WEIR_BALANCE_H
#define WEIR_BALANCE_H

#include "env.h"
#include "hash.h"

WEIR_INLINE __u32 weir_slot(struct weir_env* env, __u32 slot) {
    const struct weir_slot_line* line = weir_env_slots(env, slot / WEIR_SLOTS_PER_LINE);
    return line ? line->backend[slot % WEIR_SLOTS_PER_LINE] : WEIR_NO_BACKEND;
}

/* Whose turn it is; the service has turns. */
WEIR_INLINE __u32 weir_turn(struct weir_env* env, const struct weir_service* service, __u64 turn) {
    return weir_slot(env, service->turn_base + (__u32)(turn % service->turn_count));
}

WEIR_INLINE __u32 weir_pick_round_robin(struct weir_env* env, const struct weir_service* service) {
    struct weir_upstream* upstream = weir_env_upstream(env, service->upstream);

    if (!upstream || service->turn_count == 0) return WEIR_NO_BACKEND;
    return weir_turn(env, service, weir_env_next_turn(&upstream->turns));
}

/* The raw byte `i` (memory order is network order) of an address. */
WEIR_INLINE __u32 weir_addr_byte(const struct weir_addr* addr, __u32 i) {
    return ((const __u8*)addr)[i & 15u];
}

#define WEIR_IP_HASH_TRIES 21u /* nginx: `++tries > 20` gives up after the 21st miss */

/* ngx_http_upstream_ip_hash_module: 3 bytes of IPv4, 16 of IPv6; a miss goes on hashing the same
 * bytes. */
WEIR_INLINE __u32 weir_ip_hash(__u32 hash, const struct weir_addr* client) {
    const int v4 = weir_addr_is_v4(client);
    const __u32 from = v4 ? 12u : 0u;
    const __u32 count = v4 ? 3u : 16u;

    for (__u32 i = 0; i < 16; i++) {
        if (i == count) break;
        hash = (hash * 113 + weir_addr_byte(client, from + i)) % 6271;
    }
    return hash;
}

WEIR_INLINE __u32 weir_pick_ip_hash(struct weir_env* env, const struct weir_service* service,
                                    const struct weir_addr* client) {
    __u32 hash = 89;

    if (service->slot_count == 0) return WEIR_NO_BACKEND;
    for (__u32 tries = 0; tries < WEIR_IP_HASH_TRIES; tries++) {
        hash = weir_ip_hash(hash, client);
        const __u32 backend = weir_slot(env, service->slot_base + hash % service->slot_count);
        if (backend != WEIR_NO_BACKEND) return backend;
    }
    return weir_pick_round_robin(env, service);
}

#define WEIR_MAGLEV_SEED 0x6d61676c6576ull /* "maglev": the same on every balancer */

WEIR_INLINE __u32 weir_pick_maglev(struct weir_env* env, const struct weir_service* service,
                                   const struct weir_tuple* tuple) {
    if (service->slot_count == 0) return WEIR_NO_BACKEND;
    const __u64 hash = service->method == WEIR_METHOD_MAGLEV_ADDRESS
                           ? weir_hash_end(weir_hash_addr(WEIR_MAGLEV_SEED, &tuple->src))
                           : weir_hash_tuple(WEIR_MAGLEV_SEED, tuple);
    return weir_slot(env, service->slot_base + (__u32)hash % service->slot_count);
}

/* The backend for a new flow, or WEIR_NO_BACKEND. */
WEIR_SUBPROGRAM __u32 weir_pick(struct weir_env* env, const struct weir_service* service,
                                const struct weir_tuple* tuple) {
    if (!env || !service || !tuple) return WEIR_NO_BACKEND;
    switch (service->method) {
        case WEIR_METHOD_ROUND_ROBIN:
            return weir_pick_round_robin(env, service);
        case WEIR_METHOD_IP_HASH:
            return weir_pick_ip_hash(env, service, &tuple->src);
        case WEIR_METHOD_MAGLEV:
        case WEIR_METHOD_MAGLEV_ADDRESS:
            return weir_pick_maglev(env, service, tuple);
        default:
            return WEIR_NO_BACKEND;
    }
}

#endif
