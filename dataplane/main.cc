// SPDX-License-Identifier: Apache-2.0
// weir-dataplane: opens the segment and the ports, runs a worker on each lcore, and counts. It
// never reads configuration, and goes on when weir is gone.
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <signal.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <span>
#include <vector>

#include "dataplane/eal.h"
#include "dataplane/options.h"
#include "dataplane/ports.h"
#include "dataplane/tables/segment.h"
#include "dataplane/worker.h"

namespace {

using namespace weir;
using tables::DataplaneState;

// After so many polls without a packet a worker sleeps between polls, and longer after another
// hundred: the first packet after a pause waits for at most that. An idle worker takes a few
// percent of its CPU.
constexpr unsigned polls_before_sleep = 2000;
constexpr unsigned polls_before_long_sleep = 2100;
constexpr unsigned sleep_us = 50;
constexpr unsigned long_sleep_us = 250;

std::atomic<bool> stopping{false};  // relaxed everywhere: nothing else is ordered by it

std::uint64_t monotonic_ns() {
    timespec now;
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1000000000ull +
           static_cast<std::uint64_t>(now.tv_nsec);
}

int run_worker(void* argument) {
    Worker& worker = *static_cast<Worker*>(argument);
    unsigned idle = 0;
    ::prctl(PR_SET_TIMERSLACK, 1000ul, 0, 0, 0);  // ns: sleep_us shall mean what it says
    while (!stopping.load(std::memory_order_relaxed)) {
        if (worker.poll(monotonic_ns()))
            idle = 0;
        else if (++idle > polls_before_sleep)
            rte_delay_us_sleep(idle > polls_before_long_sleep ? long_sleep_us : sleep_us);
    }
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
void attend(const sigset_t& signals, const Ports& ports, tables::DataplaneArea& area) {
    constexpr std::uint64_t period = 1'000'000'000;
    for (std::uint64_t next = 0;;) {
        const std::uint64_t now = monotonic_ns();
        if (now >= next) {
            ports.count(area);
            __atomic_store_n(&area.heartbeat_ns, now, __ATOMIC_RELAXED);
            next = now + period;
        }
        const timespec wait{0, static_cast<long>(std::min(next - now, period - 1))};
        if (::sigtimedwait(&signals, nullptr, &wait) > 0) return;
    }
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
    std::vector<std::unique_ptr<Worker>> workers;
    for (unsigned i = 0; i < options.workers; i++) {
        area.lcore_cpu[i] = static_cast<std::uint16_t>(environment->cpus[i]);
        segment.view().workers[i].generation = 0;
        workers.push_back(std::make_unique<Worker>(segment.view(), i,
                                                   ports.links_of(i, options.workers), handoff));
        if (rte_eal_remote_launch(run_worker, workers.back().get(), i + 1) != 0)
            return Error{"lcore " + std::to_string(i + 1) + " did not start"};
    }
    set_state(area, DataplaneState::ready, "forwarding");
    attend(signals, ports, area);
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
    area.started_ns = monotonic_ns();
    set_state(area, DataplaneState::starting, "starting");
    status = run(*options, *segment);
    if (!status) std::fprintf(stderr, "weir-dataplane: %s\n", status.error().c_str());
    set_state(area, status ? DataplaneState::stopped : DataplaneState::failed,
              status ? "stopped" : status.error());
    rte_eal_cleanup();
    return status ? EXIT_SUCCESS : EXIT_FAILURE;
}
