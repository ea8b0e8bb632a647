// SPDX-License-Identifier: Apache-2.0
// Wakes a worker that sleeps: whoever has put a packet into one of its rings rings its bell. One
// for each worker, owned by Handoff. Ringing costs a system call only when the worker does sleep.
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>

namespace weir {

class alignas(64) Bell {
  public:
    Bell() : fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}
    ~Bell() {
        if (fd_ >= 0) ::close(fd_);
    }
    Bell(const Bell&) = delete;
    Bell& operator=(const Bell&) = delete;

    int fd() const { return fd_; }  // readable once it has rung; -1: the system gave none

    // The worker: from now on ring() wakes. What came before is found by one more poll.
    void listen() {
        listening_.store(true, std::memory_order_relaxed);
        // Against the fence in ring(): either that poll sees the packet, or ring() sees this.
        std::atomic_thread_fence(std::memory_order_seq_cst);
    }
    void stop_listening() {
        listening_.store(false, std::memory_order_relaxed);
        eventfd_t rung;
        if (::eventfd_read(fd_, &rung) != 0) return;  // it had not rung
    }

    // Anyone else, after the packet is in the ring.
    void ring() {
        std::atomic_thread_fence(std::memory_order_seq_cst);  // see listen()
        if (!listening_.load(std::memory_order_relaxed)) return;
        // relaxed: the system calls order what matters; this only keeps it to one of them
        if (listening_.exchange(false, std::memory_order_relaxed)) ::eventfd_write(fd_, 1);
    }

  private:
    int fd_;
    std::atomic<bool> listening_{false};
};

}  // namespace weir
