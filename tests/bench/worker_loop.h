// SPDX-License-Identifier: Apache-2.0
// weir's worker between two software ports, measured round by round against the reflector on the
// same port with packets written the same way. A round is 32 bursts; its packets are written before
// and collected after what is timed, so all of its polls are busy ones.
#pragma once

#include <memory>

#include "dataplane/worker.h"
#include "tests/bench/record.h"
#include "tests/bench/reflector.h"
#include "tests/bench/software_port.h"
#include "tests/bench/staged_worker.h"

namespace weir::bench {

inline constexpr unsigned round_packets = 32 * batch_capacity;

// The ports, opened once for all cases of a program.
struct Place {
    RingPort port{"network", round_packets};
    RingPort host{"host", round_packets};
    Handoff handoff{1};
    Round round{round_packets};
};

class WorkerLoop {
  public:
    WorkerLoop(Place& place, const tables::View& view);

    // Cycles a packet of one round.
    double weir(const Round::Write& write, std::uint64_t now);
    double ceiling(const Round::Write& write);

    // Likewise, by stage (StagedWorker::stages).
    std::array<double, StagedWorker::stages.size()> staged(const Round::Write& write,
                                                           std::uint64_t now);

    std::uint64_t dropped() const { return dropped_; }  // of weir, in all rounds
    const void* frame(unsigned i) const { return place_.round.frame(i); }
    std::uint64_t packets(weir_reason reason) const { return view_.workers[0].reason[reason]; }

  private:
    Place& place_;
    tables::View view_;
    Worker worker_;
    StagedWorker staged_;
    Reflector reflector_;
    std::uint64_t dropped_ = 0;
};

}  // namespace weir::bench
