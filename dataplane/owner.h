// SPDX-License-Identifier: Apache-2.0
// Which worker a packet belongs to: the one that has its flow. The stages ask before anything of a
// flow is read (express.cc, stages.cc), the packet program once more when there is none; it brings
// host_env.h.
#pragma once

#include <rte_mbuf.h>

#include <cstddef>
#include <cstdint>

#include "bpf/shared/program.h"
#include "dataplane/env.h"
#include "dataplane/rss.h"

namespace weir::stage {

// `service` is the one that the tuple is addressed to, or null. With `rss` a client's packet
// belongs where a NIC's hash puts it; a reply's worker has chosen the port that says so, and a
// client's own port speaks for both sides. `frame` is null where the NIC has not hashed the tuple:
// it takes no ports from a fragment, nor those that an ICMP error quotes.
inline std::uint32_t owner_of(weir_env& env, const weir_service* service, const weir_tuple& tuple,
                              std::uint64_t hash, const rte_mbuf* frame, const Rss* rss) {
    if (!rss || !service || (service->flags & (WEIR_SERVICE_STATELESS | WEIR_SERVICE_BY_PORT)) != 0)
        return weir_owner(&env, service, &tuple, hash, env.workers);
    const bool hashed = frame && (frame->ol_flags & RTE_MBUF_F_RX_RSS_HASH) != 0;
    return rss->worker_of(hashed ? frame->hash.rss : rss->hash(tuple));
}

// weir_env_elsewhere. A reply's worker follows from the port that it came back to, so only that
// one's flows are looked at, while it may be writing them: what it has just changed may be seen or
// not, as if the packet had come a moment earlier or later.
inline int known_elsewhere(const weir_env* env, const weir_tuple* tuple, __u64 hash, __u32 now) {
    if (weir_be16_to(tuple->dport) < WEIR_LEAST_SOURCE_PORT) return 0;
    weir_env other = *env;
    other.worker = weir_owner(&other, nullptr, tuple, hash, env->workers);
    if (other.worker == env->worker) return 0;
    const weir_control& control = *env->control;
    const auto away = static_cast<std::ptrdiff_t>(other.worker) - env->worker;
    other.flows += away * control.flow_buckets * WEIR_FLOWS_PER_BUCKET;
    other.flow_refs += away * control.ref_buckets;
    return weir_flow_find_reply(&other, tuple, hash, now) != WEIR_NO_FLOW;
}

}  // namespace weir::stage
