// SPDX-License-Identifier: Apache-2.0
#include "dataplane/eal.h"

#include <rte_eal.h>
#include <rte_errno.h>
#include <sched.h>

#include <algorithm>
#include <fstream>

#include "dataplane/device.h"

namespace weir {
namespace {

constexpr unsigned mebibytes_per_queue =
    24;  // device.h: port_buffers, and what DPDK keeps beside them
constexpr unsigned mebibytes_of_eal = 32;  // TAPs and rings included

std::vector<numa::Cpu> usable_cpus() {
    cpu_set_t set;
    std::vector<numa::Cpu> cpus;
    CPU_ZERO(&set);
    if (::sched_getaffinity(0, sizeof(set), &set) != 0) return {{0, numa::no_node}};
    for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &set)) cpus.push_back({cpu, numa::node_of_cpu(cpu)});
    return cpus;
}

std::vector<int> nodes_of(const std::vector<PortOption>& ports) {
    std::vector<int> nodes;
    for (const PortOption& port : ports)
        if (port.kind != PortOption::Kind::vdev)
            nodes.push_back(numa::node_of_pci(
                port.kind == PortOption::Kind::pci ? port.device : numa::pci_of(port.device)));
    return nodes;
}

unsigned free_huge_mebibytes() {
    std::ifstream meminfo("/proc/meminfo");
    std::string key;
    unsigned long pages = 0;
    unsigned long kibibytes = 0;
    while (meminfo >> key) {
        if (key == "HugePages_Free:") meminfo >> pages;
        if (key == "Hugepagesize:") meminfo >> kibibytes;
    }
    return static_cast<unsigned>(pages * kibibytes / 1024);
}

}  // namespace

Result<Environment> start_environment(const DataplaneOptions& options) {
    Environment environment;
    const auto cpus = usable_cpus();
    unsigned mebibytes = mebibytes_of_eal;
    for (const PortOption& port : options.ports)
        mebibytes += mebibytes_per_queue *
                     (port.kind == PortOption::Kind::interface ? std::max(queues_of(port.device),
                                                                          options.workers)
                                                               : options.workers);
    environment.huge_pages = free_huge_mebibytes() >= mebibytes;

    environment.cpus = numa::choose_cpus(cpus, nodes_of(options.ports), options.workers);
    std::string lcores = "0@" + std::to_string(cpus.front().number);
    for (unsigned i = 0; i < options.workers; i++)
        lcores += "," + std::to_string(i + 1) + "@" + std::to_string(environment.cpus[i].number);
    std::vector<std::string> arguments{
        "weir-dataplane", "--lcores", lcores, "--no-telemetry", "--file-prefix",
        "weir-" + options.instance, "--log-level", "error",
        // it says so for each kernel without some rarely built module
        "--log-level", "pmd.net.tap:3"};
    // Huge pages are taken as they are needed; other memory DPDK wants to have at once.
    if (environment.huge_pages)
        arguments.emplace_back("--in-memory");
    else
        arguments.insert(arguments.end(),
                         {"--no-huge", "--no-shconf", "-m", std::to_string(mebibytes)});
    bool pci = false;
    for (const PortOption& port : options.ports)
        if (port.kind == PortOption::Kind::pci) {
            pci = true;
            arguments.insert(arguments.end(), {"-a", port.device});
        }
    if (!pci) arguments.emplace_back("--no-pci");

    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    if (rte_eal_init(static_cast<int>(argv.size()), argv.data()) < 0)
        return Error{std::string("DPDK did not start: ") + rte_strerror(rte_errno)};
    // The main thread only sleeps and counts: any CPU will do.
    cpu_set_t all;
    CPU_ZERO(&all);
    for (const numa::Cpu& cpu : cpus) CPU_SET(cpu.number, &all);
    ::sched_setaffinity(0, sizeof(all), &all);
    return environment;
}

}  // namespace weir
