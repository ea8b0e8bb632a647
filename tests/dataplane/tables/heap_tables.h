// SPDX-License-Identifier: Apache-2.0
// The shared tables on the heap, for tests: a View for whoever writes them, and the packet
// program's environment for whoever reads them, as worker 0 of its only set of flows.
#pragma once

#include "bpf/shared/program.h"
#include "dataplane/env.h"
#include "dataplane/tables/heap_store.h"
#include "dataplane/tables/view.h"

namespace weir::tables {

class HeapTables {
  public:
    explicit HeapTables(const Geometry& geometry) : store_(geometry) {
        initialize(*store_.view().control, geometry, 42);
    }

    View view() { return store_.view(); }

    // As the only worker has it in its next burst.
    weir_env env() {
        weir_env env = worker_env(store_.view(), 0);
        env.workers = 1;
        weir_env_generation(&env);
        return env;
    }

  private:
    HeapStore store_;
};

}  // namespace weir::tables
