/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The XDP side of env.h: every table is a mmapable BPF array whose size user space sets before it
 * loads the program (control/publish/bpf_store.cc), so that control writes the same records that
 * this code reads. weir_xdp.bpf.c includes it once, before program.h. No packet semantics here.
 *
 * `control` is a global variable rather than a map element: it has a fixed address, so it is never
 * NULL. A worker is a CPU: each has a row of reasons and counters of its own; the flow table is one
 * for all.
 */
#ifndef WEIR_MAPS_H
#define WEIR_MAPS_H

/* In this order: bpf_helpers.h uses the types of linux/bpf.h. */
/* clang-format off */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
/* clang-format on */

#include "shared/env.h"

struct weir_env {
    __u32 half; /* generation & 1, loaded once a packet */
    __u32 worker;
};

/* volatile: user space writes it while programs run; one read is one load. */
volatile struct weir_control control SEC(".data.control") = {};

/* A replay sets the clock itself. Read-only once loaded: where it is 0 the verifier removes what
 * depends on it, so forwarding pays nothing. */
const volatile __u32 clock_is_set = 0;
volatile __u64 set_clock SEC(".data.clock") = 0;

WEIR_INLINE __u64 weir_clock(void) {
    return clock_is_set ? set_clock : bpf_ktime_get_coarse_ns();
}

#define WEIR_ARRAY(map_name, value_type)   \
    struct {                               \
        __uint(type, BPF_MAP_TYPE_ARRAY);  \
        __uint(map_flags, BPF_F_MMAPABLE); \
        __uint(max_entries, 1);            \
        __type(key, __u32);                \
        __type(value, value_type);         \
    } map_name SEC(".maps")

WEIR_ARRAY(services, struct weir_service);
WEIR_ARRAY(backends, struct weir_backend);
WEIR_ARRAY(slots, struct weir_slot_line);
WEIR_ARRAY(sources, struct weir_source);
WEIR_ARRAY(upstreams, struct weir_upstream);
WEIR_ARRAY(workers, struct weir_worker);
WEIR_ARRAY(counters, struct weir_counters);
WEIR_ARRAY(flows, struct weir_flow);
WEIR_ARRAY(flow_refs, struct weir_flow_refs);
WEIR_ARRAY(fragments, struct weir_fragment);

WEIR_INLINE void weir_env_start(struct weir_env* env) {
    env->half = (__u32)control.generation & 1;
    env->worker = bpf_get_smp_processor_id();
}

WEIR_INLINE const struct weir_control* weir_env_control(struct weir_env* env) {
    (void)env;
    return (const struct weir_control*)&control;
}

WEIR_INLINE const struct weir_service* weir_env_service(struct weir_env* env, __u32 index) {
    index += env->half * control.service_capacity;
    return bpf_map_lookup_elem(&services, &index);
}

WEIR_INLINE const struct weir_backend* weir_env_backend(struct weir_env* env, __u32 id) {
    const __u32 capacity = control.backend_capacity;
    __u32 index = env->half * capacity + id;

    if (id >= capacity) return 0;
    return bpf_map_lookup_elem(&backends, &index);
}

WEIR_INLINE const struct weir_slot_line* weir_env_slots(struct weir_env* env, __u32 line) {
    (void)env;
    return bpf_map_lookup_elem(&slots, &line);
}

WEIR_INLINE const struct weir_source* weir_env_source(struct weir_env* env, __u32 index) {
    (void)env;
    return bpf_map_lookup_elem(&sources, &index);
}

WEIR_INLINE struct weir_upstream* weir_env_upstream(struct weir_env* env, __u32 index) {
    (void)env;
    return bpf_map_lookup_elem(&upstreams, &index);
}

WEIR_INLINE struct weir_counters* weir_env_counters(struct weir_env* env, __u32 backend_id) {
    const __u32 capacity = control.backend_capacity;
    __u32 index = env->worker * capacity + backend_id;

    if (backend_id >= capacity) return 0;
    return bpf_map_lookup_elem(&counters, &index);
}

WEIR_INLINE struct weir_flow* weir_env_flow(struct weir_env* env, __u32 number) {
    (void)env;
    return bpf_map_lookup_elem(&flows, &number);
}

WEIR_INLINE struct weir_flow_refs* weir_env_flow_refs(struct weir_env* env, __u32 bucket) {
    (void)env;
    return bpf_map_lookup_elem(&flow_refs, &bucket);
}

WEIR_INLINE struct weir_fragment* weir_env_fragment(struct weir_env* env, __u32 number) {
    (void)env;
    return bpf_map_lookup_elem(&fragments, &number);
}

WEIR_INLINE struct weir_worker* weir_env_stats(struct weir_env* env) {
    return bpf_map_lookup_elem(&workers, &env->worker);
}

/* Two CPUs never try the same source port at once: each has its own share of them. */
WEIR_INLINE __u32 weir_env_worker(struct weir_env* env) {
    return env->worker;
}

WEIR_INLINE __u32 weir_env_workers(struct weir_env* env) {
    (void)env;
    return control.workers;
}

/* What comes in is worked on by the CPU that has received it: all share the flows. */
WEIR_INLINE int weir_env_takes(struct weir_env* env, const struct weir_tuple* tuple, __u64* known) {
    (void)env;
    (void)tuple;
    (void)known;
    return 1;
}

WEIR_INLINE int weir_env_elsewhere(struct weir_env* env, const struct weir_tuple* tuple, __u64 hash,
                                   __u32 now) {
    (void)env;
    (void)tuple;
    (void)hash;
    (void)now;
    return 0;
}

WEIR_INLINE int weir_env_swap(__u32* place, __u32 expected, __u32 desired) {
    return __sync_val_compare_and_swap(place, expected, desired) == expected;
}

WEIR_INLINE int weir_env_swap_shared(__u32* place, __u32 expected, __u32 desired) {
    return weir_env_swap(place, expected, desired);
}

WEIR_INLINE __u32 weir_env_load(const __u32* place) {
    /* BPF's atomics that fetch are its only fences; only fragments pay for it. */
    return __sync_fetch_and_add((__u32*)place, 0);
}

WEIR_INLINE void weir_env_publish(__u32* place, __u32 value) {
    /* An exchange is BPF's only store that is ordered after those before it. */
    __sync_lock_test_and_set(place, value);
}

WEIR_INLINE __u64 weir_env_next_turn(__u64* turns) {
    return __sync_fetch_and_add(turns, 1);
}

#endif
