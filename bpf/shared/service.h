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

/* Zero for the used record of the service at this destination; each word of it is looked at once.
 */
WEIR_INLINE __u64 weir_service_differs(const struct weir_service* service, struct weir_halves dst,
                                       struct weir_be16 dport, __u32 protocol) {
    const weir_dword* addr = (const weir_dword*)(const void*)&service->addr;
    const __u32 word = *(const weir_word*)(const void*)&service->port;
    const __u32 mask = WEIR_WORD(0, 0, 0xff, WEIR_SERVICE_USED);

    return (addr[1] ^ dst.low) | (addr[0] ^ dst.high) |
           ((word ^ WEIR_WORD(0, 0, protocol, WEIR_SERVICE_USED)) & mask) |
           (__u32)(service->port.raw ^ dport.raw) | service->port_high; /* a range has port 0 */
}

/* weir_service_find for a tuple that the record at its home is not for. */
WEIR_RARE const struct weir_service* weir_service_probe(struct weir_env* env, __u32 home,
                                                        const struct weir_tuple* tuple) {
    const __u32 mask = weir_env_control(env)->service_capacity - 1;
    const struct weir_halves dst = weir_halves_of(&tuple->dst);

    for (__u32 i = 1; i < WEIR_SERVICE_PROBES; i++) {
        const struct weir_service* service = weir_env_service(env, (home + i) & mask);
        if (!service || !(service->flags & WEIR_SERVICE_USED)) break;
        if (weir_service_differs(service, dst, tuple->dport, tuple->protocol) == 0) return service;
    }
    if (!(weir_env_control(env)->flags & WEIR_CONTROL_RANGES)) return 0;
    const struct weir_be16 any = {0};
    return weir_service_at(env, tuple, any);
}

/*
 * weir_service_find, for the express way: *found is 1, or 0 and the value some record, or NULL.
 * Nearly always the first record tells, by being the service or by being empty. Which of the two is
 * random where both directions are mixed, so neither this nor its callers branch on it.
 */
WEIR_INLINE const struct weir_service* weir_service_look_up(struct weir_env* env,
                                                            struct weir_halves dst,
                                                            struct weir_be16 dport, __u32 protocol,
                                                            __u32* found, int v6) {
    const struct weir_control* control = weir_env_control(env);
    const __u32 home =
        (__u32)weir_hash_place(weir_hash_halves(WEIR_SERVICE_SEED, dst, v6), dport, protocol);
    const struct weir_service* service =
        weir_env_service(env, home & (control->service_capacity - 1));

    *found = 0;
    if (!service) return 0;
    const __u64 differs = weir_service_differs(service, dst, dport, protocol);
    const __u32 same = 1u ^ (__u32)((differs | (0 - differs)) >> 63);
    WEIR_ASSERT(WEIR_SERVICE_USED == 1 && WEIR_CONTROL_RANGES == 1, "one bit for both");
    const __u32 nobody = ~(service->flags | control->flags) & 1u; /* empty, and no ranges */
    if (same | nobody) {
        *found = same;
        return service;
    }
    const struct weir_tuple tuple = {weir_addr_of(dst), weir_addr_of(dst), dport, dport, protocol};
    service = weir_service_probe(env, home, &tuple);
    *found = service != 0;
    return service;
}

/* Whether a service has this destination. */
WEIR_SUBPROGRAM int weir_is_service(struct weir_env* env, const struct weir_tuple* tuple) {
    if (!env || !tuple) return 0;
    return weir_service_find(env, tuple) != 0;
}

#endif
