// SPDX-License-Identifier: Apache-2.0
// The loop of a worker's thread. See run.h.
#include "dataplane/run.h"

#include <sys/prctl.h>

#include "dataplane/clock.h"

namespace weir {

void run(Worker& worker, Idle idle, Wakeup& wakeup, const std::atomic<bool>& stopping) {
    ::prctl(PR_SET_TIMERSLACK, 1000ul, 0, 0, 0);  // ns: a nap shall be as short as it says
    // relaxed: nothing else is ordered by it
    while (!stopping.load(std::memory_order_relaxed)) {
        std::uint64_t now = monotonic_ns();
        const Rest rest = idle.after(worker.poll(now), now);
        worker.rests(rest);
        if (rest == Rest::none) continue;
        wakeup.listen();
        now = monotonic_ns();
        if (worker.poll(now))
            idle.after(true, now);
        else
            wakeup.sleep(Idle::longest_ns(rest));
        wakeup.stop_listening();
    }
}

}  // namespace weir
