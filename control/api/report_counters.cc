// SPDX-License-Identifier: Apache-2.0
// The reports about the machine: packets by reason, workers, ports. Called through answer()
// (request.cc) and by tests.
#include <algorithm>

#include "control/api/report.h"

namespace weir::api {
namespace {

using nlohmann::json;

constexpr std::uint64_t ns_per_ms = 1000000;
constexpr std::uint64_t stalled_after_ms = 1000;

std::uint64_t packets_of(const weir_worker& worker, weir_verdict verdict) {
    std::uint64_t sum = 0;
    for (const ReasonText& reason : reasons())
        if (reason.verdict == verdict) sum += worker.reason[reason.reason];
    return sum;
}

const char* loop_state(const weir_worker& worker, std::uint64_t age_ms) {
    if (worker.heartbeat_ns == 0) return "not started";
    return age_ms > stalled_after_ms ? "stalled" : "running";
}

const char* rest_text(std::uint32_t rest) {
    switch (rest) {
        case WEIR_REST_NAP:
            return "sleeps";
        case WEIR_REST_WAIT:
            return "waits";
        default:
            return "polls";
    }
}

// A DPDK worker: a thread that polls, so it has a heartbeat and can be busy.
json polling_worker(const Sources& sources, std::size_t number) {
    const weir_worker& worker = sources.view.workers[number];
    const std::uint64_t age =
        sources.now > worker.heartbeat_ns ? (sources.now - worker.heartbeat_ns) / ns_per_ms : 0;
    json row{{"worker", number},
             {"cpu", nullptr},
             {"node", nullptr},
             {"state", loop_state(worker, age)},
             {"generation", worker.generation},
             {"busy_percent", nullptr},
             {"rest", worker.heartbeat_ns == 0 ? json(nullptr) : json(rest_text(worker.rest))},
             {"polls", worker.polls},
             {"rx_packets", worker.rx_packets},
             {"tx_packets", worker.tx_packets},
             {"handed_on", worker.handed_on},
             {"ring_drops", worker.reason[WEIR_REASON_HANDOFF_FULL]},
             {"heartbeat_ms", nullptr}};
    if (number < sources.places.size()) {
        const publish::WorkerPlace& place = sources.places[number];
        row["cpu"] = place.cpu;
        if (place.node) row["node"] = *place.node;
        row["busy_percent"] = place.busy_percent;
    }
    if (worker.heartbeat_ns != 0) row["heartbeat_ms"] = age;
    return row;
}

// A CPU that runs the XDP program: the kernel calls it for each packet; there is no loop to watch.
json kernel_worker(const Sources& sources, std::size_t number) {
    const weir_worker& worker = sources.view.workers[number];
    const std::uint64_t forwarded = packets_of(worker, WEIR_VERDICT_FORWARD);
    return {{"worker", number},
            {"cpu", number},
            {"node", nullptr},
            {"state", "in kernel"},
            {"generation", sources.view.control ? sources.view.control->generation : 0},
            {"busy_percent", nullptr},
            {"rest", nullptr},
            {"polls", nullptr},
            {"rx_packets", forwarded + packets_of(worker, WEIR_VERDICT_TO_HOST) +
                               packets_of(worker, WEIR_VERDICT_DROP)},
            {"tx_packets", forwarded},
            {"handed_on", nullptr},
            {"ring_drops", nullptr},
            {"heartbeat_ms", nullptr}};
}

json or_null(const auto& value) {
    return value ? json(*value) : json(nullptr);
}

void add_counters(json& row, const publish::PortTraffic& port) {
    row["rx_queues"] = port.rx_queues;
    row["tx_queues"] = port.tx_queues;
    row["node"] = or_null(port.node);
    row["spread"] = port.spread.empty() ? json(nullptr) : json(port.spread);
    row["rx_packets"] = port.rx_packets;
    row["rx_bytes"] = port.rx_bytes;
    row["tx_packets"] = port.tx_packets;
    row["tx_bytes"] = port.tx_bytes;
    row["rx_missed"] = port.rx_missed;
    row["rx_no_buffer"] = or_null(port.rx_no_buffer);
    row["rx_dropped"] = port.rx_missed + port.rx_no_buffer.value_or(0);
    row["rx_errors"] = port.rx_errors;
    row["tx_errors"] = port.tx_errors;
    row["tx_dropped"] = port.tx_dropped;
    json queues = json::array();
    for (const publish::QueueTraffic& queue : port.queues)
        queues.push_back({{"port", row["name"]},
                          {"queue", queues.size()},
                          {"rx_packets", queue.rx_packets},
                          {"rx_bytes", queue.rx_bytes},
                          {"tx_packets", queue.tx_packets},
                          {"tx_bytes", queue.tx_bytes},
                          {"rx_errors", queue.rx_errors}});
    row["queues"] = std::move(queues);
    row["xdp"] = json::object();
    for (const auto& [name, value] : port.xdp) row["xdp"][name] = value;
}

}  // namespace

json stats(const Sources& sources, const Filters& filters) {
    json rows = json::array();
    json totals{{"forward", 0}, {"to_host", 0}, {"drop", 0}};
    for (const ReasonText& reason : reasons()) {
        std::uint64_t packets = 0;
        for (const weir_worker& worker : sources.view.workers)
            packets += worker.reason[reason.reason];
        json& total = totals[std::string(reason.verdict_name)];
        total = total.get<std::uint64_t>() + packets;
        if (packets == 0 && !filters.all) continue;
        rows.push_back({{"reason", reason.name},
                        {"verdict", reason.verdict_name},
                        {"packets", packets},
                        {"meaning", reason.meaning}});
    }
    return {{"stats", std::move(rows)}, {"totals", std::move(totals)}};
}

json workers(const Sources& sources, const Filters&) {
    const bool xdp = sources.directory.engine == "xdp";
    json rows = json::array();
    for (std::size_t i = 0; i < sources.view.workers.size(); i++)
        rows.push_back(xdp ? kernel_worker(sources, i) : polling_worker(sources, i));
    json report{{"workers", std::move(rows)}};
    if (xdp)
        report["note"] =
            "XDP runs in the kernel on the CPU that receives a packet: a worker is a CPU, it has "
            "no loop and "
            "no heartbeat, and its load is the CPU's softirq time (top, mpstat)";
    return report;
}

json ports(const Sources& sources, const Filters&) {
    json rows = json::array();
    for (const auto& port : sources.directory.ports) {
        json row{{"index", port.index}, {"name", port.name},     {"kind", port.kind},
                 {"mac", port.mac},     {"driver", port.driver}, {"mode", port.mode}};
        const auto counted =
            std::ranges::find(sources.ports, port.index, &publish::PortTraffic::index);
        if (counted != sources.ports.end()) add_counters(row, *counted);
        rows.push_back(std::move(row));
    }
    return {{"ports", std::move(rows)}};
}

}  // namespace weir::api
