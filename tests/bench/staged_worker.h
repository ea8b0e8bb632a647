// SPDX-License-Identifier: Apache-2.0
// A worker's poll with a clock between its stages: the same stages in the same order as
// dataplane/worker.cc, on one queue, for the cycle budget. Reading the clock costs about a cycle a
// packet and stage, since a stage is a burst.
#pragma once

#include <rte_cycles.h>
#include <rte_ethdev.h>

#include <array>
#include <memory>

#include "dataplane/stages.h"

namespace weir::bench {

class StagedWorker {
  public:
    static constexpr std::array<const char*, 6> stages{"rx",     "aim",     "find",
                                                       "finish", "program", "tx"};

    StagedWorker(const tables::View& view, std::uint16_t eth, const TxQueue& port,
                 const TxQueue& host)
        : env_(worker_env(view, 0)), stats_(view.workers[0]), eth_(eth) {
        outputs_->port[1].connect(port);
        outputs_->host[1].connect(host);
    }

    void poll(std::uint64_t now) {
        weir_env_generation(&env_);
        last_ = rte_rdtsc_precise();
        batch_->count = rte_eth_rx_burst(eth_, 0, batch_->frame.data(), batch_capacity);
        batch_->port.fill(1);
        tick(0);
        stage::aim(env_, *batch_, {});
        tick(1);
        stage::find(env_, *batch_);
        tick(2);
        stage::finish(env_, *batch_, now);
        tick(3);
        if (batch_->left != 0) {
            stage::parse(*batch_);
            stage::hash(env_, *batch_, now);
            stage::prefetch(env_, *batch_, now);
            stage::decide(env_, *batch_, now);
        }
        tick(4);
        stage::send(*batch_, *outputs_, stats_);
        outputs_->flush(stats_);
        tick(5);
    }

    // Of each stage since the last call.
    std::array<std::uint64_t, stages.size()> take() { return std::exchange(cycles_, {}); }

  private:
    void tick(unsigned stage) {
        const std::uint64_t now = rte_rdtsc_precise();
        cycles_[stage] += now - last_;
        last_ = now;
    }

    weir_env env_;
    weir_worker& stats_;
    std::uint16_t eth_;
    std::unique_ptr<Outputs> outputs_ = std::make_unique<Outputs>();
    std::unique_ptr<Batch> batch_ = std::make_unique<Batch>();
    std::uint64_t last_ = 0;
    std::array<std::uint64_t, stages.size()> cycles_{};
};

}  // namespace weir::bench
