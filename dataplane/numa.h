// SPDX-License-Identifier: Apache-2.0
// NUMA nodes: where a CPU and a device are, which CPUs workers shall take, and moving memory to a
// node. Called at start by eal.cc and main.cc; a machine without NUMA, or a device of no node, is
// `no_node` throughout and changes nothing.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "dataplane/tables/area.h"
#include "dataplane/tables/result.h"

namespace weir::numa {

using tables::no_node;

// `sys` is the root of sysfs.
int node_of_cpu(unsigned cpu, const std::string& sys = "/sys");
int node_of_pci(const std::string& address, const std::string& sys = "/sys");
bool several_nodes(const std::string& sys = "/sys");

// The PCI address behind a kernel interface; empty for software devices.
std::string pci_of(const std::string& interface);

struct Cpu {
    unsigned number;
    int node;
};

// A CPU for each worker: of the ports' nodes first, each node's CPUs from the last one down (the
// first ones are where a kernel likes to work). More workers than CPUs go round.
std::vector<Cpu> choose_cpus(std::span<const Cpu> usable, std::span<const int> port_nodes,
                             unsigned workers);

// Moves the whole pages in `memory` to the node, and later ones there too, as long as it has room.
// They may be mapped by other processes.
Status move_to_node(std::span<std::byte> memory, std::size_t page, int node);

}  // namespace weir::numa
