// SPDX-License-Identifier: Apache-2.0
// A worker's view of the shared tables, as the packet program takes it. Used by the worker, and by
// tests that run the packet program on a segment without ports. This header brings host_env.h: no
// other engine's glue may be in the same translation unit.
#pragma once

#include "bpf/shared/host_env.h"
#include "dataplane/tables/view.h"

namespace weir {

// Worker `index` has its own flow set and its own row of counters.
inline weir_env worker_env(const tables::View& view, unsigned index) {
    const weir_control& control = *view.control;
    const std::size_t flows = std::size_t{control.flow_buckets} * WEIR_FLOWS_PER_BUCKET;
    weir_env env{};
    env.control = view.control;
    env.services = view.services.data();
    env.backends = view.backends.data();
    env.slots = view.slots.data();
    env.sources = view.sources.data();
    env.upstreams = view.upstreams.data();
    env.counters = &view.counters[std::size_t{index} * control.backend_capacity];
    env.flows = &view.flows[index * flows];
    env.flow_refs = &view.flow_refs[std::size_t{index} * control.ref_buckets];
    env.fragments = view.fragments.data();
    env.stats = &view.workers[index];
    env.worker = index;
    env.workers = control.workers;
    weir_env_generation(&env);
    return env;
}

}  // namespace weir
