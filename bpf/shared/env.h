/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the packet program asks of its engine: the tables, one record at a time. Each engine defines
 * struct weir_env and these functions as always-inline ones before it includes program.h
 * (bpf/maps.h for XDP, host_env.h for everything in user space). A function may return NULL for an
 * index out of range; callers check.
 */
#ifndef WEIR_ENV_H
#define WEIR_ENV_H

#include "flow_record.h"
#include "tables.h"

struct weir_env;

WEIR_INLINE const struct weir_control* weir_env_control(struct weir_env* env); /* never NULL */
WEIR_INLINE const struct weir_service* weir_env_service(struct weir_env* env, __u32 index);
WEIR_INLINE const struct weir_backend* weir_env_backend(struct weir_env* env, __u32 id);
WEIR_INLINE const struct weir_slot_line* weir_env_slots(struct weir_env* env, __u32 line);
WEIR_INLINE const struct weir_source* weir_env_source(struct weir_env* env, __u32 index);
WEIR_INLINE struct weir_upstream* weir_env_upstream(struct weir_env* env, __u32 index);
WEIR_INLINE struct weir_counters* weir_env_counters(struct weir_env* env, __u32 backend_id);
WEIR_INLINE struct weir_flow* weir_env_flow(struct weir_env* env, __u32 number);
WEIR_INLINE struct weir_flow_refs* weir_env_flow_refs(struct weir_env* env, __u32 bucket);
WEIR_INLINE struct weir_fragment* weir_env_fragment(struct weir_env* env, __u32 number);

/* This worker's own record. */
WEIR_INLINE struct weir_worker* weir_env_stats(struct weir_env* env);

/* This worker's place among those that divide the SNAT ports: port % workers == worker. XDP: a CPU.
 */
WEIR_INLINE __u32 weir_env_worker(struct weir_env* env);
WEIR_INLINE __u32 weir_env_workers(struct weir_env* env);

/* Packets with this tuple come in at this worker: where a NIC spreads them, it is the one that they
 * are spread to; elsewhere each is as good as another. `known` is what has been found out of tuples
 * that differ in dport only; 0: nothing yet. */
WEIR_INLINE int weir_env_takes(struct weir_env* env, const struct weir_tuple* tuple, __u64* known);

/* Another worker has the flow that a packet with this tuple and hash is a reply of. */
WEIR_INLINE int weir_env_elsewhere(struct weir_env* env, const struct weir_tuple* tuple, __u64 hash,
                                   __u32 now);

/* Compare-and-swap; 1 if *place was `expected` and now is `desired`. */
WEIR_INLINE int weir_env_swap(__u32* place, __u32 expected, __u32 desired);

/* The same where other workers write too: fragments. */
WEIR_INLINE int weir_env_swap_shared(__u32* place, __u32 expected, __u32 desired);

/* Reads before whatever is read after it, and after whatever was read before. */
WEIR_INLINE __u32 weir_env_load(const __u32* place);

/* Stores the value after everything written before it. */
WEIR_INLINE void weir_env_publish(__u32* place, __u32 value);

/* Adds one and returns the value before. */
WEIR_INLINE __u64 weir_env_next_turn(__u64* turns);

#endif
