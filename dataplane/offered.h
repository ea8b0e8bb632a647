// SPDX-License-Identifier: Apache-2.0
// Where a packet's flow is likely to be: both ways through the stages (express.cc, prefetch.cc) ask
// for it before they read it. It brings host_env.h.
#pragma once

#include <rte_prefetch.h>

#include <cstdint>

#include "bpf/shared/reference.h"
#include "dataplane/env.h"

namespace weir::stage {

// The flow that the first bucket of this hash offers to its tuple; null: none, the second bucket
// has been asked for.
inline weir_flow* offered(weir_env& env, std::uint32_t first, std::uint64_t hash) {
    const std::uint32_t bits = weir_ref_bits(&env);
    const weir_flow_refs& refs = env.flow_refs[first];
    const std::uint32_t i = weir_match(refs.ref, bits, weir_ref_tag(hash, bits), 0);
    if (i < WEIR_REFS_PER_BUCKET) return &env.flows[weir_ref_number(&env, refs.ref[i])];
    rte_prefetch0(&env.flow_refs[weir_ref_bucket(&env, hash, 1)]);
    return nullptr;
}

}  // namespace weir::stage
