// SPDX-License-Identifier: Apache-2.0
// What can wake one worker: its bell, and receive interrupts where all of its queues have them.
// Used by the worker's own thread (run.cc) only, and never while there are packets.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "dataplane/bell.h"
#include "dataplane/worker.h"

namespace weir {

class Wakeup {
  public:
    Wakeup(std::span<const RxQueue> queues, Bell& bell);
    ~Wakeup();
    Wakeup(const Wakeup&) = delete;
    Wakeup& operator=(const Wakeup&) = delete;

    // Every packet for this worker wakes it.
    bool complete() const { return complete_; }

    // listen(); one more poll; if that was in vain, sleep(); stop_listening().
    void listen();
    void sleep(std::uint32_t longest_ns);
    void stop_listening();

  private:
    bool add(const RxQueue& queue);

    Bell& bell_;
    int epoll_;
    bool complete_ = false;
    std::vector<RxQueue> interrupting_;
};

}  // namespace weir
