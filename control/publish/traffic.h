// SPDX-License-Identifier: Apache-2.0
// What an engine counts at its edges: ports, their queues, and where workers run. Filled by the
// engines when weirctl asks; read by the API. A number that an engine does not have is absent, not
// zero.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace weir::publish {

struct QueueTraffic {
    std::uint64_t rx_packets = 0;
    std::uint64_t rx_bytes = 0;
    std::uint64_t tx_packets = 0;
    std::uint64_t tx_bytes = 0;
    std::uint64_t rx_errors = 0;
};

struct PortTraffic {
    unsigned index = 0;  // in weir_control.ports
    unsigned rx_queues = 0;
    unsigned tx_queues = 0;
    std::optional<int> node;  // NUMA node of the device
    std::string spread;       // over workers: "rss" or "rings"; empty where there is no choice
    std::uint64_t rx_packets = 0;
    std::uint64_t rx_bytes = 0;
    std::uint64_t tx_packets = 0;
    std::uint64_t tx_bytes = 0;
    std::uint64_t rx_missed = 0;                // came, but no receive queue had room
    std::optional<std::uint64_t> rx_no_buffer;  // DPDK: no packet buffer was free
    std::uint64_t rx_errors = 0;
    std::uint64_t tx_errors = 0;
    std::uint64_t tx_dropped = 0;  // weir's packets that no transmit queue took
    std::vector<QueueTraffic> queues;
    // The kernel driver's own counters with "xdp" in their names.
    std::vector<std::pair<std::string, std::uint64_t>> xdp;
};

// Where a DPDK worker runs.
struct WorkerPlace {
    unsigned cpu = 0;
    std::optional<int> node;
    double busy_percent = 0;  // of the last seconds
};

}  // namespace weir::publish
