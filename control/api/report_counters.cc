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

// A DPDK worker: a thread that polls, so it has a heartbeat and can be busy.
json polling_worker(const Sources& sources, std::size_t number) {
    const weir_worker& worker = sources.view.workers[number];
    const std::uint64_t age =
        sources.now > worker.heartbeat_ns ? (sources.now - worker.heartbeat_ns) / ns_per_ms : 0;
    json row{{"worker", number},
             {"cpu", nullptr},
             {"state", loop_state(worker, age)},
             {"generation", worker.generation},
             {"busy_percent", nullptr},
             {"rx_packets", worker.rx_packets},
             {"tx_packets", worker.tx_packets},
             {"heartbeat_ms", nullptr}};
    if (number < sources.cpus.size()) row["cpu"] = sources.cpus[number];
    if (worker.heartbeat_ns != 0) row["heartbeat_ms"] = age;
    if (worker.all_cycles != 0)
        row["busy_percent"] = 100.0 * static_cast<double>(worker.busy_cycles) /
                              static_cast<double>(worker.all_cycles);
    return row;
}

// A CPU that runs the XDP program: the kernel calls it for each packet; there is no loop to watch.
json kernel_worker(const Sources& sources, std::size_t number) {
    const weir_worker& worker = sources.view.workers[number];
    const std::uint64_t forwarded = packets_of(worker, WEIR_VERDICT_FORWARD);
    return {{"worker", number},
            {"cpu", number},
            {"state", "in kernel"},
            {"generation", sources.view.control ? sources.view.control->generation : 0},
            {"busy_percent", nullptr},
            {"rx_packets", forwarded + packets_of(worker, WEIR_VERDICT_TO_HOST) +
                               packets_of(worker, WEIR_VERDICT_DROP)},
            {"tx_packets", forwarded},
            {"heartbeat_ms", nullptr}};
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
        json row{{"index", port.index},
                 {"name", port.name},
                 {"kind", port.kind},
                 {"mac", port.mac},
                 {"driver", port.driver}};
        const auto counters = std::find_if(
            sources.ports.begin(), sources.ports.end(),
            [&](const PortCounters& candidate) { return candidate.index == port.index; });
        const bool known = counters != sources.ports.end();
        const auto value = [&](std::uint64_t PortCounters::*member) {
            return known ? json((*counters).*member) : json(nullptr);
        };
        row["rx_packets"] = value(&PortCounters::rx_packets);
        row["rx_bytes"] = value(&PortCounters::rx_bytes);
        row["tx_packets"] = value(&PortCounters::tx_packets);
        row["tx_bytes"] = value(&PortCounters::tx_bytes);
        row["rx_dropped"] = value(&PortCounters::rx_dropped);
        rows.push_back(std::move(row));
    }
    json report{{"ports", std::move(rows)}};
    if (sources.directory.engine == "xdp" && sources.ports.empty())
        report["note"] = "with XDP the kernel counts what a port receives and sends: ip -s link";
    return report;
}

}  // namespace weir::api
