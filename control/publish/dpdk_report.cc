// SPDX-License-Identifier: Apache-2.0
#include "control/publish/dpdk_report.h"

namespace weir::publish {

const char* mode_word(tables::PortMode mode) {
    switch (mode) {
        case tables::PortMode::exclusive:
            return "exclusive";
        case tables::PortMode::selected:
            return "selected";
        case tables::PortMode::copied:
            return "copied";
        default:
            return "";
    }
}

std::optional<int> known_node(std::int16_t node) {
    return node == tables::no_node ? std::nullopt : std::optional<int>(node);
}

PortTraffic port_traffic(unsigned index, const tables::PortReport& report) {
    // relaxed: each number stands for itself (area.h)
    const auto read = [](const std::uint64_t& value) {
        return __atomic_load_n(&value, __ATOMIC_RELAXED);
    };
    PortTraffic traffic;
    traffic.index = index;
    traffic.rx_queues = report.queues;
    traffic.tx_queues = report.tx_queues;
    traffic.node = known_node(report.node);
    traffic.spread = report.spreads ? "rss" : "rings";
    traffic.rx_packets = read(report.rx_packets);
    traffic.rx_bytes = read(report.rx_bytes);
    traffic.tx_packets = read(report.tx_packets);
    traffic.tx_bytes = read(report.tx_bytes);
    traffic.rx_missed = read(report.rx_missed);
    traffic.rx_no_buffer = read(report.rx_no_buffer);
    traffic.rx_errors = read(report.rx_errors);
    traffic.tx_errors = read(report.tx_errors);
    traffic.tx_dropped = read(report.tx_dropped);
    for (unsigned i = 0; i < report.queues_counted; i++) {
        const tables::QueueReport& queue = report.queue[i];
        traffic.queues.push_back({read(queue.rx_packets), read(queue.rx_bytes),
                                  read(queue.tx_packets), read(queue.tx_bytes),
                                  read(queue.rx_errors)});
    }
    return traffic;
}

}  // namespace weir::publish
