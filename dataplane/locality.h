// SPDX-License-Identifier: Apache-2.0
// Brings a worker's memory to its CPU, and says what is far from it. Called by main.cc for each
// worker before it starts; on a machine with one NUMA node it only notes the CPU.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "dataplane/numa.h"
#include "dataplane/tables/segment.h"
#include "dataplane/worker.h"

namespace weir {

// Reports worker `index` in the segment's area and moves its flows to the CPU's node.
Status settle(const tables::Segment& segment, unsigned index, const numa::Cpu& cpu);

// A sentence for each port that the worker polls from another node.
std::vector<std::string> far_ports(unsigned index, const numa::Cpu& cpu,
                                   std::span<const RxQueue> queues,
                                   std::span<const tables::PortReport> ports);

}  // namespace weir
