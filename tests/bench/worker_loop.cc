// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/worker_loop.h"

#include <rte_cycles.h>

namespace weir::bench {
namespace {

WorkerLinks links_of(const Place& place) {
    WorkerLinks links;
    links.rx = {{place.port.eth(), 0, 1, false}};
    links.port[1] = place.port.tx();
    links.host[1] = place.host.tx();
    return links;
}

template <class Poll>
double timed(Place& place, const Round::Write& write, Poll poll) {
    place.round.write(write);
    place.round.bring(place.port);
    const std::uint64_t from = rte_rdtsc_precise();
    for (unsigned burst = 0; burst < round_packets / batch_capacity; burst++) poll();
    return static_cast<double>(rte_rdtsc_precise() - from) / round_packets;
}

}  // namespace

WorkerLoop::WorkerLoop(Place& place, const tables::View& view)
    : place_(place),
      view_(view),
      worker_(view, 0, links_of(place), place.handoff),
      staged_(view, place.port.eth(), place.port.tx(), place.host.tx()),
      reflector_(place.port.eth()) {}

double WorkerLoop::weir(const Round::Write& write, std::uint64_t now) {
    const double cycles = timed(place_, write, [&] { worker_.poll(now); });
    dropped_ += place_.round.collect(place_.port, place_.host);
    return cycles;
}

std::array<double, StagedWorker::stages.size()> WorkerLoop::staged(const Round::Write& write,
                                                                   std::uint64_t now) {
    timed(place_, write, [&] { staged_.poll(now); });
    dropped_ += place_.round.collect(place_.port, place_.host);
    const auto cycles = staged_.take();
    std::array<double, StagedWorker::stages.size()> each;
    for (std::size_t i = 0; i < each.size(); i++)
        each[i] = static_cast<double>(cycles[i]) / round_packets;
    return each;
}

double WorkerLoop::ceiling(const Round::Write& write) {
    const double cycles = timed(place_, write, [&] { reflector_.poll(); });
    place_.round.collect(place_.port, place_.host);
    return cycles;
}

}  // namespace weir::bench
