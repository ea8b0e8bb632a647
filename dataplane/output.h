// SPDX-License-Identifier: Apache-2.0
// Where a worker sends: one transmit queue, with the packets that wait for the end of the poll. A
// queue that several workers share (a TAP and most software ports have one only) is guarded by a
// spinlock, taken once a burst. Every packet given to it is counted under exactly one reason: its
// own when the port took it, else TX_FULL.
#pragma once

#include <rte_mbuf.h>
#include <rte_spinlock.h>

#include <array>
#include <cstdint>

#include "bpf/shared/tables.h"

namespace weir {

// A transmit queue of an ethdev.
struct TxQueue {
    static constexpr std::uint16_t nowhere = 0xffff;

    std::uint16_t eth = nowhere;
    std::uint16_t queue = 0;
    bool takes_segments = false;       // packets of several segments; else they are made contiguous
    rte_spinlock_t* shared = nullptr;  // set: other workers send here too
    std::uint8_t back = 0;  // set: gives frames back to the kernel by this port (bpf/steer/back.h)
    std::uint64_t* dropped = nullptr;  // set: counts what the port did not take, for all workers
};

class Output {
  public:
    static constexpr unsigned capacity = 64;

    void connect(const TxQueue& queue) { queue_ = queue; }
    bool connected() const { return queue_.eth != TxQueue::nowhere; }

    void add(rte_mbuf* packet, weir_reason reason, weir_worker& stats) {
        if (count_ == capacity) flush(stats);
        packets_[count_] = packet;
        reasons_[count_++] = static_cast<std::uint8_t>(reason);
    }

    std::uint8_t back() const { return queue_.back; }

    void flush(weir_worker& stats);

  private:
    void drop(rte_mbuf* packet, weir_worker& stats);
    void make_contiguous(weir_worker& stats);
    std::uint16_t burst();

    TxQueue queue_;
    std::uint16_t count_ = 0;
    std::array<rte_mbuf*, capacity> packets_;
    std::array<std::uint8_t, capacity> reasons_;
};

}  // namespace weir
