// SPDX-License-Identifier: Apache-2.0
// The shared tables on the heap, for tests: a View for whoever writes them, and the packet
// program's environment for whoever reads them, as worker 0 of its only set of flows.
#pragma once

#include <cstdint>
#include <vector>

#include "bpf/shared/host_env.h"
#include "bpf/shared/program.h"
#include "dataplane/tables/view.h"

namespace weir::tables {

class HeapTables {
  public:
    explicit HeapTables(const Geometry& geometry)
        : services_(2 * geometry.services),
          backends_(2 * geometry.backends),
          slots_(geometry.slot_lines),
          sources_(geometry.sources),
          upstreams_(geometry.upstreams),
          workers_(geometry.workers),
          counters_(std::size_t{geometry.workers} * geometry.backends),
          flow_tags_(geometry.flow_buckets),
          flows_(std::size_t{geometry.flow_buckets} * WEIR_FLOWS_PER_BUCKET),
          flow_refs_(geometry.ref_buckets),
          fragments_(std::size_t{geometry.fragment_buckets} * WEIR_FRAGMENT_WAYS) {
        initialize(control_, geometry, 42);
    }
    HeapTables(const HeapTables&) = delete;
    HeapTables& operator=(const HeapTables&) = delete;

    View view() {
        return {&control_, services_, backends_,  slots_, sources_,   upstreams_,
                workers_,  counters_, flow_tags_, flows_, flow_refs_, fragments_};
    }

    // As a worker has it in its next burst.
    weir_env env() {
        weir_env env{&control_,
                     services_.data(),
                     backends_.data(),
                     slots_.data(),
                     sources_.data(),
                     upstreams_.data(),
                     counters_.data(),
                     flow_tags_.data(),
                     flows_.data(),
                     flow_refs_.data(),
                     fragments_.data(),
                     workers_.data(),
                     0,
                     0,
                     1};
        weir_env_generation(&env);
        return env;
    }

  private:
    weir_control control_{};
    std::vector<weir_service> services_;
    std::vector<weir_backend> backends_;
    std::vector<weir_slot_line> slots_;
    std::vector<weir_source> sources_;
    std::vector<weir_upstream> upstreams_;
    std::vector<weir_worker> workers_;
    std::vector<weir_counters> counters_;
    std::vector<weir_flow_tags> flow_tags_;
    std::vector<weir_flow> flows_;
    std::vector<weir_flow_refs> flow_refs_;
    std::vector<weir_fragment> fragments_;
};

}  // namespace weir::tables
