/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The engine side of env.h for everything in user space: plain pointers into the tables. A worker
 * has one of these; weir_env_generation() selects the half before each burst. Indices come from
 * tables that control wrote, or from hashes masked to the geometry, so only ids that a stale flow
 * may carry are checked.
 */
#ifndef WEIR_HOST_ENV_H
#define WEIR_HOST_ENV_H

#include "env.h"

struct weir_env {
    const struct weir_control* control;
    const struct weir_service* services; /* both halves; of the current one: */
    const struct weir_service* services_now;
    const struct weir_backend* backends; /* likewise */
    const struct weir_backend* backends_now;
    const struct weir_slot_line* slots;
    const struct weir_source* sources;
    struct weir_upstream* upstreams;
    struct weir_counters* counters; /* this worker's */
    struct weir_flow* flows;
    struct weir_flow_refs* flow_refs;
    struct weir_fragment* fragments; /* all workers' */
    struct weir_worker* stats;       /* this worker's */
    /* 1: a NIC spreads packets with this tuple to this worker. NULL: none spreads them. */
    int (*spread)(const void* by, const struct weir_tuple* tuple, __u32 worker, __u64* known);
    const void* spread_by;
    /* weir_env_elsewhere, where there are several workers; else 0. */
    int (*elsewhere)(const struct weir_env* env, const struct weir_tuple* tuple, __u64 hash,
                     __u32 now);
    __u32 worker;
    __u32 workers;
};

/* Selects the newest generation for what follows and returns its number. */
WEIR_INLINE __u64 weir_env_generation(struct weir_env* env) {
    /* acquire: pairs with the writer's release in publish; what it wrote before is seen after this
     */
    const __u64 generation = __atomic_load_n(&env->control->generation, __ATOMIC_ACQUIRE);
    const __u32 half = (__u32)generation & 1;
    env->services_now = env->services + (__u64)half * env->control->service_capacity;
    env->backends_now = env->backends + (__u64)half * env->control->backend_capacity;
    return generation;
}

WEIR_INLINE const struct weir_control* weir_env_control(struct weir_env* env) {
    return env->control;
}

WEIR_INLINE const struct weir_service* weir_env_service(struct weir_env* env, __u32 index) {
    return &env->services_now[index];
}

WEIR_INLINE const struct weir_backend* weir_env_backend(struct weir_env* env, __u32 id) {
    if (id >= env->control->backend_capacity) return 0;
    return &env->backends_now[id];
}

WEIR_INLINE const struct weir_slot_line* weir_env_slots(struct weir_env* env, __u32 line) {
    return line < env->control->slot_lines ? &env->slots[line] : 0;
}

WEIR_INLINE const struct weir_source* weir_env_source(struct weir_env* env, __u32 index) {
    return index < env->control->source_capacity ? &env->sources[index] : 0;
}

WEIR_INLINE struct weir_upstream* weir_env_upstream(struct weir_env* env, __u32 index) {
    return index < env->control->upstream_capacity ? &env->upstreams[index] : 0;
}

WEIR_INLINE struct weir_counters* weir_env_counters(struct weir_env* env, __u32 backend_id) {
    return backend_id < env->control->backend_capacity ? &env->counters[backend_id] : 0;
}

WEIR_INLINE struct weir_flow* weir_env_flow(struct weir_env* env, __u32 number) {
    return number < env->control->flow_buckets * WEIR_FLOWS_PER_BUCKET ? &env->flows[number] : 0;
}

WEIR_INLINE struct weir_flow_refs* weir_env_flow_refs(struct weir_env* env, __u32 bucket) {
    return &env->flow_refs[bucket];
}

WEIR_INLINE struct weir_fragment* weir_env_fragment(struct weir_env* env, __u32 number) {
    return &env->fragments[number];
}

WEIR_INLINE struct weir_worker* weir_env_stats(struct weir_env* env) {
    return env->stats;
}

WEIR_INLINE __u32 weir_env_worker(struct weir_env* env) {
    return env->worker;
}
WEIR_INLINE __u32 weir_env_workers(struct weir_env* env) {
    return env->workers;
}

WEIR_INLINE int weir_env_takes(struct weir_env* env, const struct weir_tuple* tuple, __u64* known) {
    return !env->spread || env->spread(env->spread_by, tuple, env->worker, known);
}

WEIR_INLINE int weir_env_elsewhere(struct weir_env* env, const struct weir_tuple* tuple, __u64 hash,
                                   __u32 now) {
    return env->elsewhere && env->elsewhere(env, tuple, hash, now);
}

/* A worker's tables are its own: no other thread writes them. */
WEIR_INLINE int weir_env_swap(__u32* place, __u32 expected, __u32 desired) {
    if (*place != expected) return 0;
    *place = desired;
    return 1;
}

WEIR_INLINE int weir_env_swap_shared(__u32* place, __u32 expected, __u32 desired) {
    /* acquire: what is written to the claimed place stays behind the claim */
    return __atomic_compare_exchange_n(place, &expected, desired, 0, __ATOMIC_ACQUIRE,
                                       __ATOMIC_RELAXED);
}

WEIR_INLINE __u32 weir_env_load(const __u32* place) {
    /* sequentially consistent: reads around it keep their side of it */
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return __atomic_load_n(place, __ATOMIC_ACQUIRE);
}

WEIR_INLINE void weir_env_publish(__u32* place, __u32 value) {
    /* release: control reads flows while the worker writes them (weirctl show flows) */
    __atomic_store_n(place, value, __ATOMIC_RELEASE);
}

WEIR_INLINE __u64 weir_env_next_turn(__u64* turns) {
    /* relaxed: only the number matters, no other memory is ordered by it */
    return __atomic_fetch_add(turns, 1, __ATOMIC_RELAXED);
}

#endif
