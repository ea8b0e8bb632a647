/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Services by their address, protocol and port: the first question asked of a packet's destination,
 * and of a source port before it is used. Ranges of ports cost nothing where there are none.
 */
#ifndef WEIR_SERVICE_H
#define WEIR_SERVICE_H

#include "env.h"
#include "hash.h"

/* The service with this address, protocol and port, or NULL. Port 0: one whose range has the port.
 */
WEIR_INLINE const struct weir_service* weir_service_at(struct weir_env* env,
                                                       const struct weir_tuple* tuple,
                                                       struct weir_be16 port) {
    const __u32 mask = weir_env_control(env)->service_capacity - 1;
    const __u32 home = (__u32)weir_hash_service(&tuple->dst, port, tuple->protocol);
    const __u16 wanted = weir_be16_to(tuple->dport);

    for (__u32 i = 0; i < WEIR_SERVICE_PROBES; i++) {
        const struct weir_service* service = weir_env_service(env, (home + i) & mask);
        if (!service || !(service->flags & WEIR_SERVICE_USED)) return 0;
        if (service->port.raw != port.raw || service->protocol != tuple->protocol ||
            !weir_addr_equal(&service->addr, &tuple->dst))
            continue;
        if (port.raw == 0 && (wanted < service->port_low || wanted > service->port_high)) continue;
        return service;
    }
    return 0;
}

/* The service that a packet to this destination is for, or NULL. A port of its own comes before a
 * range; among ranges that overlap, the one that control placed first. */
WEIR_INLINE const struct weir_service* weir_service_find(struct weir_env* env,
                                                         const struct weir_tuple* tuple) {
    const struct weir_be16 any = {0};
    const struct weir_service* service = weir_service_at(env, tuple, tuple->dport);

    if (service || !(weir_env_control(env)->flags & WEIR_CONTROL_RANGES)) return service;
    return weir_service_at(env, tuple, any);
}

/* Whether a service has this destination. */
WEIR_SUBPROGRAM int weir_is_service(struct weir_env* env, const struct weir_tuple* tuple) {
    if (!env || !tuple) return 0;
    return weir_service_find(env, tuple) != 0;
}

#endif
