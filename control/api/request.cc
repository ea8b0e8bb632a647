// SPDX-License-Identifier: Apache-2.0
// From a request to its report: reads the filters, refuses what a report does not know, calls the
// report. The server's handler calls answer() with whatever a client sent, so nothing of the
// request is trusted here.
#include <ctime>
#include <set>

#include "control/api/explain.h"
#include "control/api/report.h"
#include "dataplane/tables/result.h"

namespace weir::api {
namespace {

using nlohmann::json;

struct Report {
    const char* name;
    json (*make)(const Sources&, const Filters&);
    std::set<std::string> filters;
};

const std::vector<Report>& reports() {
    static const std::vector<Report> all = {
        {"services", services, {"service"}},
        {"backends", backends, {"service", "backend"}},
        {"flows", flows, {"service", "backend", "client", "limit"}},
        {"stats", stats, {"all"}},
        {"workers", workers, {}},
        {"ports", ports, {}},
    };
    return all;
}

const Report* find_report(const std::string& name) {
    for (const Report& report : reports())
        if (report.name == name) return &report;
    return nullptr;
}

Result<EndpointFilter> endpoint_filter(const std::string& key, const json& value) {
    if (value.is_string())
        if (const auto filter = EndpointFilter::parse(value.get<std::string>())) return *filter;
    return Error{"\"" + key + "\" must be ADDRESS, ADDRESS:PORT, [IPV6]:PORT or :PORT, not " +
                 value.dump(-1, ' ', false, json::error_handler_t::replace)};
}

Status read_filter(const std::string& key, const json& value, Filters& filters) {
    if (key == "all") {
        if (!value.is_boolean()) return Error{"\"all\" must be true or false"};
        filters.all = value.get<bool>();
        return success();
    }
    if (key == "limit") {
        const std::int64_t limit = value.is_number_integer() ? value.get<std::int64_t>() : 0;
        if (limit < 1 || limit > static_cast<std::int64_t>(most_flow_rows))
            return Error{"\"limit\" must be a number from 1 to " + std::to_string(most_flow_rows)};
        filters.limit = static_cast<std::size_t>(limit);
        return success();
    }
    Result<EndpointFilter> filter = endpoint_filter(key, value);
    if (!filter) return Error{filter.error()};
    (key == "service"   ? filters.service
     : key == "backend" ? filters.backend
                        : filters.client) = *filter;
    return success();
}

Result<json> make_report(const Sources& sources, const json& request) {
    if (!request.is_object() || !request.contains("show") || !request["show"].is_string())
        return Error{R"(a request is an object such as {"show": "backends"})"};
    const std::string name = request["show"].get<std::string>();
    const Report* report = find_report(name);
    if (!report)
        return Error{"unknown report \"" + name +
                     "\"; there are services, backends, flows, stats, workers, ports"};
    Filters filters;
    for (const auto& [key, value] : request.items()) {
        if (key == "show") continue;
        if (!report->filters.contains(key))
            return Error{"\"" + key + "\" does not apply to " + name};
        const Status status = read_filter(key, value, filters);
        if (!status) return Error{status.error()};
    }
    return report->make(sources, filters);
}

}  // namespace

json answer(const Sources& sources, const json& request) {
    const bool asks_why = request.is_object() && request.contains("explain");
    Result<json> report =
        asks_why ? explain(sources, request["explain"]) : make_report(sources, request);
    if (!report) return {{"error", report.error()}};
    json answer = std::move(*report);
    answer["engine"] = sources.directory.engine;
    answer["engine_reason"] = sources.directory.engine_reason;
    answer["generation"] = sources.directory.generation;
    return answer;
}

std::uint64_t monotonic_now() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1000000000u +
           static_cast<std::uint64_t>(now.tv_nsec);
}

}  // namespace weir::api
