// SPDX-License-Identifier: Apache-2.0
// A poll-mode worker: takes packets from its receive queues and from other workers' rings, runs the
// packet program over them batch by batch, and sends. weir-dataplane runs one on each lcore
// (run.h); tests call poll() on software ports. It never allocates, logs, or waits for another
// thread other than for a shared transmit queue.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "dataplane/bell.h"
#include "dataplane/idle.h"
#include "dataplane/stages.h"
#include "dataplane/tables/view.h"

namespace weir {

// A receive queue, and whose packets it brings.
struct RxQueue {
    std::uint16_t eth = 0;
    std::uint16_t queue = 0;
    std::uint8_t port = 0;   // index into weir_control.ports
    bool from_host = false;  // the port's TAP: its packets leave by the port as they are
};

// One worker's share of the ports. `port` and `host` are by index into weir_control.ports.
struct WorkerLinks {
    std::vector<RxQueue> rx;
    std::array<TxQueue, WEIR_PORT_CAPACITY> port;
    std::array<TxQueue, WEIR_PORT_CAPACITY> host;
    std::optional<Rss> rss;  // a NIC spreads by it, so that clients' packets are where they belong
};

// Rings between workers, single producer and single consumer each; own one for all workers of a
// run.
class Handoff {
  public:
    explicit Handoff(unsigned workers);
    ~Handoff();
    Handoff(const Handoff&) = delete;
    Handoff& operator=(const Handoff&) = delete;

    bool complete() const;  // false: out of memory or descriptors
    std::span<rte_ring* const> from(unsigned worker) const;
    rte_ring* between(unsigned from, unsigned to) const { return rings_[from * workers_ + to]; }
    Bell& bell(unsigned worker) const { return bells_[worker]; }

  private:
    unsigned workers_;
    std::unique_ptr<Bell[]> bells_;
    std::vector<rte_ring*> rings_;  // [from][to]; none from a worker to itself
};

class Worker {
  public:
    // `index` selects the worker's flows and counters in `view`, which has handoff's number of
    // workers.
    Worker(const tables::View& view, unsigned index, const WorkerLinks& links,
           const Handoff& handoff);

    Worker(const Worker&) = delete;  // the packet program knows where its members are
    Worker& operator=(const Worker&) = delete;

    // One round over all queues. `now` is CLOCK_MONOTONIC in nanoseconds. false: there was nothing
    // to do.
    bool poll(std::uint64_t now);

    // Shows what it does until the next poll.
    void rests(Rest rest);

  private:
    unsigned receive(const RxQueue& queue);
    unsigned take_over(rte_ring* ring);
    void pass_from_host(const RxQueue& queue);
    void process(std::uint64_t now, const stage::Share& share);
    void ring_bells(std::uint64_t receivers);
    void account(std::uint64_t now, std::uint64_t began, bool busy);

    weir_env env_;
    weir_worker& stats_;
    const Handoff& handoff_;
    std::vector<RxQueue> rx_;
    std::optional<Rss> rss_;
    std::vector<rte_ring*> in_rings_;
    std::unique_ptr<Outputs> outputs_;
    std::unique_ptr<Batch> batch_;
    std::uint64_t last_cycles_;
};

}  // namespace weir
