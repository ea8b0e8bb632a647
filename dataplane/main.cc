// SPDX-License-Identifier: Apache-2.0
// weir-dataplane: opens the segment and the ports, runs a worker on each lcore, and counts. It
// never reads configuration, and goes on when weir is gone.
#include <rte_eal.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <span>
#include <vector>

#include "dataplane/clock.h"
#include "dataplane/eal.h"
#include "dataplane/load.h"
#include "dataplane/locality.h"
#include "dataplane/options.h"
#include "dataplane/ports.h"
#include "dataplane/run.h"
#include "dataplane/tables/segment.h"
#include "dataplane/worker.h"

namespace {

using namespace weir;
using tables::DataplaneState;

std::atomic<bool> stopping{false};  // relaxed everywhere: nothing else is ordered by it

// What one lcore is started with.
struct Lcore {
    Lcore(const tables::View& view, unsigned index, const WorkerLinks& links,
          const Handoff& handoff, BusyPoll mode)
        : worker(view, index, links, handoff),
          wakeup(links.rx, handoff.bell(index)),
          busy_poll(mode) {}

    Worker worker;
    Wakeup wakeup;
    BusyPoll busy_poll;
};

int run_lcore(void* argument) {
    Lcore& lcore = *static_cast<Lcore*>(argument);
    run(lcore.worker, Idle(lcore.busy_poll, lcore.wakeup.complete()), lcore.wakeup, stopping);
    return 0;
}

void set_state(tables::DataplaneArea& area, DataplaneState state, const std::string& message) {
    tables::copy_text(area.message, message);
    // release: who sees the state sees what was written before it (area.h)
    __atomic_store_n(&area.state, state, __ATOMIC_RELEASE);
}

// Signals that end or concern the process are taken by the main thread alone; net_tap's own must
// reach a thread.
sigset_t block_signals() {
    sigset_t set;
    ::sigemptyset(&set);
    for (const int number : {SIGTERM, SIGINT, SIGQUIT}) ::sigaddset(&set, number);
    ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
    for (const int number : {SIGHUP, SIGPIPE, SIGUSR1}) ::signal(number, SIG_IGN);
    return set;
}

// Until a signal says end. net_tap's own signals, one for nearly each packet of the host, interrupt
// the wait.
void attend(const sigset_t& signals, Ports& ports, const tables::View& tables,
            tables::DataplaneArea& area) {
    constexpr std::uint64_t period = 1'000'000'000;
    std::vector<Load> loads(tables.workers.size());
    for (std::uint64_t next = 0;;) {
        const std::uint64_t now = monotonic_ns();
        if (now >= next) {
            ports.count(area);
            for (std::size_t i = 0; i < loads.size(); i++) {
                // relaxed: two numbers of one worker may be a poll apart
                const weir_worker& worker = tables.workers[i];
                loads[i].sample(__atomic_load_n(&worker.busy_cycles, __ATOMIC_RELAXED),
                                __atomic_load_n(&worker.all_cycles, __ATOMIC_RELAXED));
                __atomic_store_n(&area.worker[i].busy_permille, loads[i].permille(),
                                 __ATOMIC_RELAXED);
            }
            __atomic_store_n(&area.heartbeat_ns, now, __ATOMIC_RELAXED);
            next = now + period;
        }
        const timespec wait{0, static_cast<long>(std::min(next - now, period - 1))};
        if (::sigtimedwait(&signals, nullptr, &wait) > 0) return;
    }
}

void place(const tables::Segment& segment, unsigned index, const numa::Cpu& cpu,
           const WorkerLinks& links) {
    if (const auto status = settle(segment, index, cpu); !status)
        std::fprintf(stderr, "weir-dataplane: the flows of worker %u stay on their NUMA node: %s\n",
                     index, status.error().c_str());
    for (const std::string& sentence : far_ports(index, cpu, links.rx, segment.area().ports))
        std::fprintf(stderr, "weir-dataplane: %s\n", sentence.c_str());
}

Status run(const DataplaneOptions& options, const tables::Segment& segment) {
    tables::DataplaneArea& area = segment.area();
    const sigset_t signals = block_signals();
    const auto environment = start_environment(options);
    if (!environment) return Error{environment.error()};
    area.huge_pages = environment->huge_pages;
    if (!environment->huge_pages)
        std::fprintf(stderr,
                     "weir-dataplane: no huge pages are free: packet buffers are in 4 KiB pages, "
                     "which costs "
                     "TLB misses (and PCI ports cannot work); see vm.nr_hugepages\n");
    Ports ports;
    if (const auto status = ports.open(options, segment.view(), area); !status) return status;

    const Handoff handoff(options.workers);
    if (!handoff.complete()) return Error{"no memory for the rings between workers"};
    std::vector<std::unique_ptr<Lcore>> lcores;
    for (unsigned i = 0; i < options.workers; i++) {
        const WorkerLinks links = ports.links_of(i, options.workers, area);
        place(segment, i, environment->cpus[i], links);
        segment.view().workers[i].generation = 0;
        lcores.push_back(
            std::make_unique<Lcore>(segment.view(), i, links, handoff, options.busy_poll));
        if (rte_eal_remote_launch(run_lcore, lcores.back().get(), i + 1) != 0)
            return Error{"lcore " + std::to_string(i + 1) + " did not start"};
    }
    set_state(area, DataplaneState::ready, "forwarding");
    attend(signals, ports, segment.view(), area);
    stopping.store(true, std::memory_order_relaxed);
    rte_eal_mp_wait_lcore();
    return success();
}

}  // namespace

int main(int argc, char** argv) {
    const auto options = parse_dataplane_options({argv, static_cast<std::size_t>(argc)});
    if (!options) {
        std::fprintf(stderr, "weir-dataplane: %s\n", options.error().c_str());
        return EXIT_FAILURE;
    }
    auto segment = tables::Segment::open(options->segment);
    auto status = segment ? segment->claim() : Status(Error{segment.error()});
    if (status && segment->view().control->workers != options->workers)
        status = Error{"the segment is made for another number of workers"};
    if (!status) {
        std::fprintf(stderr, "weir-dataplane: %s\n", status.error().c_str());
        return EXIT_FAILURE;
    }
    tables::DataplaneArea& area = segment->area();
    area.pid = ::getpid();
    area.workers = options->workers;
    tables::copy_text(area.busy_poll, to_word(options->busy_poll));
    area.started_ns = monotonic_ns();
    set_state(area, DataplaneState::starting, "starting");
    status = run(*options, *segment);
    if (!status) std::fprintf(stderr, "weir-dataplane: %s\n", status.error().c_str());
    set_state(area, status ? DataplaneState::stopped : DataplaneState::failed,
              status ? "stopped" : status.error());
    rte_eal_cleanup();
    return status ? EXIT_SUCCESS : EXIT_FAILURE;
}
