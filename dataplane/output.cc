// SPDX-License-Identifier: Apache-2.0
// Sends what has gathered for one transmit queue. See output.h.
#include "dataplane/output.h"

#include <rte_ethdev.h>

namespace weir {

void Output::flush(weir_worker& stats) {
    if (count_ == 0) return;
    if (!queue_.takes_segments) make_contiguous(stats);
    const std::uint16_t taken = burst();
    for (std::uint16_t i = 0; i < taken; i++) stats.reason[reasons_[i]]++;
    stats.tx_packets += taken;
    for (std::uint16_t i = taken; i < count_; i++) drop(packets_[i], stats);
    count_ = 0;
}

// A packet that does not fit into its first buffer cannot leave by this port.
void Output::make_contiguous(weir_worker& stats) {
    std::uint16_t kept = 0;
    for (std::uint16_t i = 0; i < count_; i++) {
        if (packets_[i]->nb_segs > 1 && rte_pktmbuf_linearize(packets_[i]) != 0) {
            drop(packets_[i], stats);
            continue;
        }
        packets_[kept] = packets_[i];
        reasons_[kept++] = reasons_[i];
    }
    count_ = kept;
}

void Output::drop(rte_mbuf* packet, weir_worker& stats) {
    stats.reason[WEIR_REASON_TX_FULL]++;
    // relaxed: a number that stands for itself
    if (queue_.dropped) __atomic_fetch_add(queue_.dropped, 1, __ATOMIC_RELAXED);
    rte_pktmbuf_free(packet);
}

std::uint16_t Output::burst() {
    if (queue_.shared) rte_spinlock_lock(queue_.shared);
    const std::uint16_t taken = rte_eth_tx_burst(queue_.eth, queue_.queue, packets_.data(), count_);
    if (queue_.shared) rte_spinlock_unlock(queue_.shared);
    return taken;
}

}  // namespace weir
