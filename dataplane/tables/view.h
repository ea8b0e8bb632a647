// SPDX-License-Identifier: Apache-2.0
// The shared tables as spans, whatever backs them: a shared-memory segment (segment.h) or mmapped
// BPF arrays (control/publish/bpf_store.h). The writer, weirctl's readers and the DPDK workers all
// see the tables through this. A view owns nothing; its store outlives it.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include "bpf/shared/flow_record.h"
#include "bpf/shared/tables.h"

namespace weir::tables {

// How many records of each kind. Fixed at the start of a store; every memory the datapath uses
// follows from it.
struct Geometry {
    std::uint32_t services = 4096;     // in a half; a power of two
    std::uint32_t backends = 2048;     // in a half; at most 65535
    std::uint32_t slot_lines = 32768;  // of 32 slots
    std::uint32_t sources = 1024;      // source addresses toward backends
    std::uint32_t upstreams = 1024;
    std::uint32_t workers = 1;       // each has reasons and counters of its own
    std::uint32_t flow_sets = 1;     // DPDK: one for each worker; XDP: one, which all CPUs share
    std::uint32_t flow_buckets = 0;  // in a set
    std::uint32_t ref_buckets = 0;   // in a set
    std::uint32_t fragment_buckets = 1;  // for all workers; a power of two

    // Room for `flows` at once, divided over `flow_sets`: none is refused before so many are live,
    // for a new flow finds a place as long as one in twenty is free. Workers do not get flows in
    // exactly equal shares, so several have a sixteenth more.
    static Geometry for_flows(std::uint32_t flows, std::uint32_t workers, std::uint32_t flow_sets) {
        Geometry geometry;
        geometry.workers = workers;
        geometry.flow_sets = flow_sets;
        std::uint64_t share = (std::uint64_t{flows} + flow_sets - 1) / flow_sets;
        if (flow_sets > 1) share += share / 16;
        geometry.divide_flows(share + share / 19);
        // One fragmented datagram for 16 flows: it is remembered for seconds, a flow for minutes.
        geometry.fragment_buckets =
            std::clamp(std::bit_ceil(flows) / 16 / WEIR_FRAGMENT_WAYS, 16u, 65536u);
        return geometry;
    }

    // What a control record says, which does not know the number of sets.
    static Geometry of(const weir_control& control, std::uint32_t flow_sets) {
        Geometry geometry;
        geometry.services = control.service_capacity;
        geometry.backends = control.backend_capacity;
        geometry.slot_lines = control.slot_lines;
        geometry.sources = control.source_capacity;
        geometry.upstreams = control.upstream_capacity;
        geometry.workers = control.workers;
        geometry.flow_sets = flow_sets;
        geometry.flow_buckets = control.flow_buckets;
        geometry.ref_buckets = control.ref_buckets;
        geometry.fragment_buckets = control.fragment_buckets;
        return geometry;
    }

    // Places for so many flows in a set, and three references for each.
    void divide_flows(std::uint64_t places) {
        flow_buckets = static_cast<std::uint32_t>(std::max<std::uint64_t>(
            1, (places + WEIR_FLOWS_PER_BUCKET - 1) / WEIR_FLOWS_PER_BUCKET));
        ref_buckets = (3 * flow_buckets * WEIR_FLOWS_PER_BUCKET - 1) / WEIR_REFS_PER_BUCKET + 1;
    }
};

struct View {
    weir_control* control = nullptr;
    std::span<weir_service> services;  // both halves
    std::span<weir_backend> backends;  // both halves
    std::span<weir_slot_line> slots;
    std::span<weir_source> sources;
    std::span<weir_upstream> upstreams;
    std::span<weir_worker> workers;
    std::span<weir_counters> counters;    // [workers][backends]
    std::span<weir_flow> flows;           // [flow_sets][flow_buckets * WEIR_FLOWS_PER_BUCKET]
    std::span<weir_flow_refs> flow_refs;  // [flow_sets][ref_buckets]
    std::span<weir_fragment> fragments;   // [fragment_buckets * WEIR_FRAGMENT_WAYS]

    std::size_t flow_sets() const { return flow_refs.size() / control->ref_buckets; }
    std::span<weir_flow> flows_of(std::size_t set) const {
        const std::size_t share = std::size_t{control->flow_buckets} * WEIR_FLOWS_PER_BUCKET;
        return flows.subspan(set * share, share);
    }
};

// Answers a worker may send in a tick of 67 ms: about 1,000 a second, as the kernel's own
// icmp_msgs_per_sec.
inline constexpr std::uint32_t default_answers = 64;

// Writes the geometry into a fresh (zeroed) control record. `seed` is random, from the caller.
inline void initialize(weir_control& control, const Geometry& geometry, std::uint64_t seed) {
    control.abi = WEIR_TABLES_ABI;
    control.service_capacity = geometry.services;
    control.backend_capacity = geometry.backends;
    control.slot_lines = geometry.slot_lines;
    control.source_capacity = geometry.sources;
    control.upstream_capacity = geometry.upstreams;
    control.workers = geometry.workers;
    control.flow_buckets = geometry.flow_buckets;
    control.ref_buckets = geometry.ref_buckets;
    control.flow_bits = static_cast<std::uint32_t>(
        std::bit_width(std::uint64_t{geometry.flow_buckets} * WEIR_FLOWS_PER_BUCKET - 1));
    control.fragment_buckets = geometry.fragment_buckets;
    control.answers = default_answers;
    control.reply_mtu = 0xffff;
    control.seed = seed;
    control.magic = WEIR_TABLES_MAGIC;  // last: who sees the magic sees the rest
}

}  // namespace weir::tables
