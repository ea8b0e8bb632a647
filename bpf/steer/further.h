/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The rarer answers to lookup.h's question: a service with a range of ports, and a backend whose
 * packets are for clients' own addresses (transparent). Tables without them cost one look-up each.
 */
#ifndef WEIR_STEER_FURTHER_H
#define WEIR_STEER_FURTHER_H

#include <bpf/bpf_helpers.h>

#include "bpf/shared/types.h"
#include "steer.h"

/* `map` is weir_steer. */
WEIR_INLINE int weir_steer_in_range(void* map, const struct weir_tuple* tuple) {
    struct weir_steer_key key = {0};
    const __u16 port = weir_be16_to(tuple->dport);

    key.local = tuple->dst;
    key.protocol = (__u8)tuple->protocol;
    key.kind = WEIR_STEER_RANGE;
    for (__u16 i = 0; i < WEIR_STEER_RANGES; i++) {
        key.port = weir_be16_from(i);
        const struct weir_steer_ports* ports = bpf_map_lookup_elem(map, &key);
        if (!ports) return 0;
        if (port >= ports->low && port <= ports->high) return 1;
    }
    return 0;
}

/* To a client, whoever that is; but what the host itself has asked the backend (a health check) is
 * answered to the host. */
WEIR_INLINE int weir_steer_transparent(void* map, const struct weir_tuple* tuple) {
    struct weir_steer_key key = {0};

    key.peer = tuple->src;
    key.port = tuple->sport;
    key.kind = WEIR_STEER_TRANSPARENT;
    if (!bpf_map_lookup_elem(map, &key)) return 0;
    key.local = tuple->dst;
    key.kind = WEIR_STEER_HOST;
    return !bpf_map_lookup_elem(map, &key);
}

WEIR_INLINE int weir_steer_further(void* map, const struct weir_tuple* tuple) {
    return weir_steer_in_range(map, tuple) || weir_steer_transparent(map, tuple);
}

#endif
