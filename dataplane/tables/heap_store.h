// SPDX-License-Identifier: Apache-2.0
// The shared tables in ordinary memory, for what runs the packet program in one process: replay,
// explanations without a running balancer, and tests. Zeroed, of one geometry; never shared.
#pragma once

#include <vector>

#include "dataplane/tables/view.h"

namespace weir::tables {

class HeapStore {
  public:
    explicit HeapStore(const Geometry& g)
        : services_(2 * g.services),
          backends_(2 * g.backends),
          slots_(g.slot_lines),
          sources_(g.sources),
          upstreams_(g.upstreams),
          workers_(g.workers),
          counters_(g.workers * g.backends),
          flows_(g.flow_sets * g.flow_buckets * WEIR_FLOWS_PER_BUCKET),
          flow_refs_(g.flow_sets * g.ref_buckets),
          fragments_(g.fragment_buckets * WEIR_FRAGMENT_WAYS) {}
    HeapStore(const HeapStore&) = delete;
    HeapStore& operator=(const HeapStore&) = delete;

    View view() {
        return {&control_, services_, backends_, slots_,     sources_,  upstreams_,
                workers_,  counters_, flows_,    flow_refs_, fragments_};
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
    std::vector<weir_flow> flows_;
    std::vector<weir_flow_refs> flow_refs_;
    std::vector<weir_fragment> fragments_;
};

}  // namespace weir::tables
