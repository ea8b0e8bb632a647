// SPDX-License-Identifier: Apache-2.0
// The ceiling: a worker's loop whose only stage swaps the MACs. What weir costs is what a round
// takes more than here. It does what testpmd's macswap does, and nothing else.
#pragma once

#include <rte_ethdev.h>

#include <array>
#include <utility>

#include "bpf/shared/wire.h"
#include "dataplane/stages.h"

namespace weir::bench {

class Reflector {
  public:
    explicit Reflector(std::uint16_t eth) : eth_(eth) {}

    bool poll() {
        const std::uint16_t count = rte_eth_rx_burst(eth_, 0, packets_.data(), batch_capacity);
        for (std::uint16_t i = 0; i < count; i++)
            rte_prefetch0(rte_pktmbuf_mtod(packets_[i], void*));
        for (std::uint16_t i = 0; i < count; i++) {
            auto* eth = rte_pktmbuf_mtod(packets_[i], weir_eth*);
            std::swap(eth->src, eth->dst);
        }
        const std::uint16_t sent = rte_eth_tx_burst(eth_, 0, packets_.data(), count);
        for (std::uint16_t i = sent; i < count; i++) rte_pktmbuf_free(packets_[i]);
        return count > 0;
    }

  private:
    std::uint16_t eth_;
    std::array<rte_mbuf*, batch_capacity> packets_{};
};

}  // namespace weir::bench
