// SPDX-License-Identifier: Apache-2.0
// The engine side of bpf/shared/env.h for explain.cc and replay: the shared tables as they are,
// read where they are, and every write kept in copies of this object's own. So the whole packet
// program can run on a balancer's live tables and leave no trace: no turn of round robin is used
// up, no flow begins, no counter moves. It also notes which slots the program asked for.
//
// Another engine's glue (host_env.h) may not be in the same translation unit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <unordered_map>

#include "bpf/shared/env.h"
#include "dataplane/tables/view.h"

struct weir_env {
    weir::tables::View view;
    std::uint32_t half = 0;    // generation & 1
    std::uint32_t worker = 0;  // whose share of the source ports
    std::uint32_t set = 0;     // whose flows

    // What the program may write: a copy, made when it is first asked for. Nodes do not move.
    std::unordered_map<std::uint32_t, weir_upstream> upstreams = {};
    std::unordered_map<std::uint32_t, weir_counters> counters = {};
    std::unordered_map<std::uint32_t, weir_flow> flows = {};
    std::unordered_map<std::uint32_t, weir_flow_refs> flow_refs = {};
    std::unordered_map<std::uint32_t, weir_fragment> fragments = {};
    std::unordered_map<std::uint32_t, weir_worker> workers = {};

    // With `label_slots` a slot names not a backend but itself, by its place in its line.
    bool label_slots = false;
    weir_slot_line labelled = {};
    std::uint32_t line = 0;         // the last one asked for
    std::uint32_t slots_asked = 0;  // how often
};

WEIR_INLINE const weir_control* weir_env_control(weir_env* env) {
    return env->view.control;
}

WEIR_INLINE const weir_service* weir_env_service(weir_env* env, __u32 index) {
    return &env->view
                .services[std::size_t{env->half} * env->view.control->service_capacity + index];
}

WEIR_INLINE const weir_backend* weir_env_backend(weir_env* env, __u32 id) {
    const std::uint32_t capacity = env->view.control->backend_capacity;
    return id < capacity ? &env->view.backends[std::size_t{env->half} * capacity + id] : nullptr;
}

WEIR_INLINE const weir_slot_line* weir_env_slots(weir_env* env, __u32 line) {
    if (line >= env->view.slots.size()) return nullptr;
    env->line = line;
    env->slots_asked++;
    if (!env->label_slots) return &env->view.slots[line];
    for (__u16 i = 0; i < WEIR_SLOTS_PER_LINE; i++)
        env->labelled.backend[i] =
            env->view.slots[line].backend[i] == WEIR_NO_BACKEND ? __u16{WEIR_NO_BACKEND} : i;
    return &env->labelled;
}

WEIR_INLINE const weir_source* weir_env_source(weir_env* env, __u32 index) {
    return index < env->view.sources.size() ? &env->view.sources[index] : nullptr;
}

// The record with this index as the program may change it.
template <class Record>
Record* weir_trial_copy(std::unordered_map<std::uint32_t, Record>& copies,
                        std::span<Record> records, std::size_t base, std::uint32_t index) {
    if (base + index >= records.size()) return nullptr;
    return &copies.try_emplace(index, records[base + index]).first->second;
}

WEIR_INLINE weir_upstream* weir_env_upstream(weir_env* env, __u32 index) {
    return weir_trial_copy(env->upstreams, env->view.upstreams, 0, index);
}

WEIR_INLINE weir_counters* weir_env_counters(weir_env* env, __u32 backend_id) {
    const std::size_t capacity = env->view.control->backend_capacity;
    if (backend_id >= capacity) return nullptr;
    return weir_trial_copy(env->counters, env->view.counters, env->worker * capacity, backend_id);
}

WEIR_INLINE weir_flow* weir_env_flow(weir_env* env, __u32 number) {
    const std::size_t share = std::size_t{env->view.control->flow_buckets} * WEIR_FLOWS_PER_BUCKET;
    if (number >= share) return nullptr;
    return weir_trial_copy(env->flows, env->view.flows, env->set * share, number);
}

WEIR_INLINE weir_flow_refs* weir_env_flow_refs(weir_env* env, __u32 bucket) {
    const std::size_t base = std::size_t{env->set} * env->view.control->ref_buckets;
    return weir_trial_copy(env->flow_refs, env->view.flow_refs, base, bucket);
}

WEIR_INLINE weir_fragment* weir_env_fragment(weir_env* env, __u32 number) {
    return weir_trial_copy(env->fragments, env->view.fragments, 0, number);
}

WEIR_INLINE weir_worker* weir_env_stats(weir_env* env) {
    return weir_trial_copy(env->workers, env->view.workers, 0, env->worker);
}

WEIR_INLINE __u32 weir_env_worker(weir_env* env) {
    return env->worker;
}

WEIR_INLINE __u32 weir_env_workers(weir_env* env) {
    return env->view.control->workers;
}

// How a NIC spreads packets is the dataplane's to know; a source port is no less right without.
WEIR_INLINE int weir_env_takes(weir_env*, const weir_tuple*, __u64*) {
    return 1;
}

// Whose flows are looked at is chosen before.
WEIR_INLINE int weir_env_elsewhere(weir_env*, const weir_tuple*, __u64, __u32) {
    return 0;
}

WEIR_INLINE int weir_env_swap(__u32* place, __u32 expected, __u32 desired) {
    if (*place != expected) return 0;
    *place = desired;
    return 1;
}

WEIR_INLINE int weir_env_swap_shared(__u32* place, __u32 expected, __u32 desired) {
    return weir_env_swap(place, expected, desired);
}

WEIR_INLINE __u32 weir_env_load(const __u32* place) {
    return *place;
}

WEIR_INLINE void weir_env_publish(__u32* place, __u32 value) {
    *place = value;
}

WEIR_INLINE __u64 weir_env_next_turn(__u64* turns) {
    return (*turns)++;
}
