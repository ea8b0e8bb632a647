// SPDX-License-Identifier: Apache-2.0
// The reports about what is balanced: services, backends, flows. Called through answer()
// (request.cc) and by tests.
#include "control/api/report.h"

#include <map>
#include <set>

#include "bpf/shared/clock.h"
#include "control/api/flow_scan.h"

namespace weir::api {
namespace {

using nlohmann::json;

// How many flows are in use (opening or established; a closed one only rests).
struct Census {
    std::map<std::uint32_t, std::uint64_t> by_service;
    std::map<std::uint16_t, std::uint64_t> by_backend;
    ScanResult scan;
};

Census count_flows(const Sources& sources, const Filters& filters) {
    Census census;
    census.scan =
        scan_flows(sources.view, sources.now, filters.scan_budget, [&](const weir_flow& flow) {
            if (flow.state >= WEIR_FLOW_CLOSED) return;
            census.by_service[flow.service_id]++;
            census.by_backend[flow.backend_id]++;
        });
    return census;
}

void say_if_incomplete(json& report, const ScanResult& scan) {
    if (scan.complete()) return;
    report["note"] = "the flow table is large: " + std::to_string(scan.read) + " of " +
                     std::to_string(scan.entries) +
                     " entries were read in the time allowed; numbers of flows are lower bounds";
}

weir_counters sum_counters(const tables::View& view, std::uint16_t backend) {
    weir_counters sum{};
    if (!view.control) return sum;
    const std::size_t capacity = view.control->backend_capacity;
    if (backend >= capacity) return sum;
    for (std::size_t at = backend; at < view.counters.size(); at += capacity) {
        const weir_counters& one = view.counters[at];
        sum.flows += one.flows;
        sum.packets_in += one.packets_in;
        sum.bytes_in += one.bytes_in;
        sum.packets_out += one.packets_out;
        sum.bytes_out += one.bytes_out;
    }
    return sum;
}

std::uint64_t value_or_zero(const auto& map, const auto& key) {
    const auto found = map.find(key);
    return found == map.end() ? 0 : found->second;
}

// The backend and the source address as the tables have them now; all zero when they are not there.
struct FlowEnds {
    weir_addr backend{};
    weir_be16 port{};  // of what the backend gets
    weir_addr source{};
    std::uint8_t mode = WEIR_MODE_NAT;
};

FlowEnds ends_of(const tables::View& view, const weir_flow& flow) {
    const std::size_t capacity = view.control->backend_capacity;
    const std::size_t half = (view.control->generation & 1) * capacity;
    FlowEnds ends;
    if (flow.backend_id < capacity && half + flow.backend_id < view.backends.size()) {
        const weir_backend& record = view.backends[half + flow.backend_id];
        ends.backend = record.addr;
        ends.mode = record.mode;
        ends.port = record.mode >= WEIR_MODE_DSR ? flow.service_port : record.port;
    }
    if (flow.source == WEIR_SOURCE_CLIENT)
        ends.source = flow.client;
    else if (flow.source < view.sources.size())
        ends.source = view.sources[flow.source].addr;
    return ends;
}

json flow_row(const weir_flow& flow, const FlowEnds& ends, std::uint64_t now) {
    const auto endpoint = [](const weir_addr& address, weir_be16 port) {
        return endpoint_text(address_text(address), weir_be16_to(port));
    };
    return {
        {"protocol", protocol_text(flow.protocol)},
        // a resting flow has none: its client's tuple is another flow's by now
        {"client", flow.state == WEIR_FLOW_RESTING ? "-" : endpoint(flow.client, flow.client_port)},
        {"service", endpoint(flow.service, flow.service_port)},
        {"snat", ends.mode == WEIR_MODE_NAT ? endpoint(ends.source, flow.snat_port) : "-"},
        {"mode", mode_text(ends.mode)},
        {"backend", endpoint(ends.backend, ends.port)},
        {"state", flow_state_text(flow.state)},
        {"expires_in_ms", weir_ticks_ms(flow.expires - weir_tick(now))}};
}

bool selected(const weir_flow& flow, const FlowEnds& ends, const Filters& filters) {
    const auto matches = [](const std::optional<EndpointFilter>& filter, const weir_addr& address,
                            weir_be16 port) {
        return !filter || filter->matches(address, weir_be16_to(port));
    };
    return matches(filters.service, flow.service, flow.service_port) &&
           matches(filters.backend, ends.backend, ends.port) &&
           (!filters.client || flow.state != WEIR_FLOW_RESTING) &&
           matches(filters.client, flow.client, flow.client_port);
}

}  // namespace

json services(const Sources& sources, const Filters& filters) {
    struct Count {
        unsigned selectable = 0;
        unsigned total = 0;
    };
    std::map<std::string, Count> upstreams;
    for (const auto& backend : sources.directory.backends) {
        if (backend.state == "draining") continue;
        upstreams[backend.upstream].total++;
        if (backend.selectable) upstreams[backend.upstream].selectable++;
    }
    const Census census = count_flows(sources, filters);
    json rows = json::array();
    for (const auto& service : sources.directory.services) {
        if (filters.service &&
            !filters.service->matches(service.address, service.port, service.last_port))
            continue;
        const Count count = upstreams[service.upstream];
        const char* state = service.draining ? "draining" : count.selectable ? "up" : "no backend";
        rows.push_back(
            {{"service", endpoint_text(service.address, service.port, service.last_port)},
             {"address", service.address},
             {"port", service.port},
             {"last_port", service.last_port},
             {"protocol", service.protocol},
             {"upstream", service.upstream},
             {"method", service.method},
             {"mode", service.mode},
             {"stateless", service.stateless},
             {"backends_selectable", count.selectable},
             {"backends_total", count.total},
             {"flows", value_or_zero(census.by_service, service.id)},
             {"state", state}});
    }
    json report{{"services", std::move(rows)}};
    say_if_incomplete(report, census.scan);
    return report;
}

json backends(const Sources& sources, const Filters& filters) {
    std::set<std::string> upstreams;
    for (const auto& service : sources.directory.services)
        if (filters.service &&
            filters.service->matches(service.address, service.port, service.last_port))
            upstreams.insert(service.upstream);
    const Census census = count_flows(sources, filters);
    json rows = json::array();
    for (const auto& backend : sources.directory.backends) {
        if (filters.service && !upstreams.contains(backend.upstream)) continue;
        if (filters.backend && !filters.backend->matches(backend.address, backend.port)) continue;
        const weir_counters counters = sum_counters(sources.view, backend.id);
        rows.push_back({{"upstream", backend.upstream},
                        {"name", backend.name},
                        {"address", backend.address},
                        {"port", backend.port},
                        {"mode", backend.mode},
                        {"weight", backend.weight},
                        {"backup", backend.backup},
                        {"selectable", backend.selectable},
                        {"state", backend.state},
                        {"reason", backend.reason},
                        {"flows", value_or_zero(census.by_backend, backend.id)},
                        {"connections", counters.flows},
                        {"packets_in", counters.packets_in},
                        {"bytes_in", counters.bytes_in},
                        {"packets_out", counters.packets_out},
                        {"bytes_out", counters.bytes_out},
                        {"next_hop", backend.next_hop}});
    }
    json report{{"backends", std::move(rows)}};
    say_if_incomplete(report, census.scan);
    return report;
}

json flows(const Sources& sources, const Filters& filters) {
    json rows = json::array();
    std::uint64_t left_out = 0;
    const ScanResult scan =
        scan_flows(sources.view, sources.now, filters.scan_budget, [&](const weir_flow& flow) {
            const FlowEnds ends = ends_of(sources.view, flow);
            if (!selected(flow, ends, filters)) return;
            if (rows.size() < filters.limit)
                rows.push_back(flow_row(flow, ends, sources.now));
            else
                left_out++;
        });
    json report{{"flows", std::move(rows)}, {"left_out", left_out}};
    say_if_incomplete(report, scan);
    return report;
}

}  // namespace weir::api
