/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Finds the service that a destination belongs to; open addressing, as the writer placed it. */
#ifndef WEIR_SERVICE_H
#define WEIR_SERVICE_H

#include "env.h"
#include "hash.h"

/* The service with this address, protocol and port, or NULL. */
WEIR_INLINE const struct weir_service* weir_service_find(struct weir_env* env,
                                                         const struct weir_tuple* tuple) {
    const __u32 mask = weir_env_control(env)->service_capacity - 1;
    const __u32 home = (__u32)weir_hash_service(&tuple->dst, tuple->dport, tuple->protocol);

    for (__u32 i = 0; i < WEIR_SERVICE_PROBES; i++) {
        const struct weir_service* service = weir_env_service(env, (home + i) & mask);
        if (!service || !(service->flags & WEIR_SERVICE_USED)) return 0;
        if (service->port.raw == tuple->dport.raw && service->protocol == tuple->protocol &&
            weir_addr_equal(&service->addr, &tuple->dst))
            return service;
    }
    return 0;
}

/* Whether a service has this destination. */
WEIR_SUBPROGRAM int weir_is_service(struct weir_env* env, const struct weir_tuple* tuple) {
    if (!env || !tuple) return 0;
    return weir_service_find(env, tuple) != 0;
}

#endif
