// SPDX-License-Identifier: Apache-2.0
// How a worker spends the time in which no packets come: it polls on, naps between polls, or waits
// to be woken. Decided here from the time since the last packet alone; run.cc does it. It must
// never look at a clock of its own.
#pragma once

#include <cstdint>

namespace weir {

// The setting busy_poll.
enum class BusyPoll : std::uint8_t { automatic, on, off };

// Until the next poll.
enum class Rest : std::uint8_t {
    none,      // poll again at once
    nap,       // sleep a little: traffic has only just paused
    long_nap,  // sleep; the next packet waits for at most this
    wait,      // until an interrupt or another worker wakes it
};

class Idle {
  public:
    static constexpr std::uint64_t spin_ns = 500'000;    // `auto` polls on for so long
    static constexpr std::uint64_t naps_ns = 5'500'000;  // from then on naps are long ones
    static constexpr std::uint32_t nap_ns = 50'000;
    static constexpr std::uint32_t long_nap_ns = 250'000;
    // A worker that waits still looks at the tables so often: control waits for it before it
    // reuses memory.
    static constexpr std::uint32_t wait_ns = 5'000'000;

    // `woken`: something tells the worker of each packet that comes, so that it need not look.
    Idle(BusyPoll mode, bool woken) : mode_(mode), woken_(woken) {}

    // After a poll at `now` that has found packets, or has not.
    Rest after(bool busy, std::uint64_t now) {
        if (busy || last_packet_ns_ == 0) last_packet_ns_ = now;
        if (busy || mode_ == BusyPoll::on) return Rest::none;
        const std::uint64_t idle_ns = now - last_packet_ns_;
        if (mode_ == BusyPoll::automatic && idle_ns < spin_ns) return Rest::none;
        if (woken_) return Rest::wait;
        return idle_ns < naps_ns ? Rest::nap : Rest::long_nap;
    }

    static std::uint32_t longest_ns(Rest rest) {
        switch (rest) {
            case Rest::none:
                return 0;
            case Rest::nap:
                return nap_ns;
            case Rest::long_nap:
                return long_nap_ns;
            case Rest::wait:
                return wait_ns;
        }
        return 0;
    }

  private:
    BusyPoll mode_;
    bool woken_;
    std::uint64_t last_packet_ns_ = 0;
};

}  // namespace weir
