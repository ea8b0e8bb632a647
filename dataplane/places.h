// SPDX-License-Identifier: Apache-2.0
// The places that new flows of a batch will take: those ahead of the worker's hand (flow.h).
// prefetch.cc asks for them, and for the references that the flows before have left, ahead of time.
// Nothing here takes a place. It brings host_env.h.
#pragma once

#include <rte_prefetch.h>

#include <algorithm>
#include <cstdint>

#include "bpf/shared/reference.h"
#include "dataplane/env.h"

namespace weir::stage {

// Calls what(flow number) for so many places ahead of the hand, as long as it returns true.
template <typename What>
void ahead_of_hand(weir_env& env, std::uint32_t count, What what) {
    const std::uint32_t places = weir_flow_places(&env);
    std::uint32_t at = weir_claim_hand(&env, env.stats);
    for (count = std::min(count, places); count != 0 && what(at); count--)
        at = at + 1 == places ? 0 : at + 1;
}

// As far as the hand may get with so many new flows where half of the places are taken; in a table
// that is full, where a few of them yield. That it will get further where fewer do is no loss: it
// reads place after place, which a CPU foresees.
inline std::uint32_t reach(unsigned flows, bool full) {
    return (full ? 8 : 2) * flows + WEIR_FLOWS_PER_BUCKET;
}

// Asks for the places, and then for what new flows read of those that were there before.
inline void ask_for_places(weir_env& env, unsigned flows, std::uint32_t tick) {
    const bool full = weir_claim_is_full(env.stats, tick) != 0;
    ahead_of_hand(env, reach(flows, full), [&](std::uint32_t number) {
        rte_prefetch0(&env.flows[number]);
        return true;
    });
    ahead_of_hand(env, reach(flows, full), [&](std::uint32_t number) {
        const weir_flow& flow = env.flows[number];
        if (weir_flow_live(&flow, tick) && !(full && weir_flow_yields(&flow))) return true;
        for (const int reply : {0, 1}) {
            const std::uint64_t hash = weir_hash_of(&env, &flow, reply);
            if (hash != 0) rte_prefetch0(&env.flow_refs[weir_ref_bucket(&env, hash, 0)]);
        }
        return --flows != 0;
    });
}

}  // namespace weir::stage
