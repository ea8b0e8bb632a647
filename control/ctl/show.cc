// SPDX-License-Identifier: Apache-2.0
// Columns and formats of each report. Called by main.cc; the rows come from control/api/report.h.
#include "control/ctl/show.h"

#include <fmt/format.h>

#include <functional>

#include "control/api/text.h"
#include "control/ctl/table.h"

namespace weir::ctl {
namespace {

using nlohmann::json;

std::string plain(const json& value) {
    if (value.is_null()) return "";
    return value.is_string() ? value.get<std::string>() : value.dump();
}

// 850ms, 12s, 3m05s, 2h07m
std::string duration(const json& value) {
    if (!value.is_number()) return "";
    const auto ms = value.get<std::uint64_t>();
    const auto s = ms / 1000;
    if (ms < 1000) return fmt::format("{}ms", ms);
    if (s < 60) return fmt::format("{}s", s);
    if (s < 3600) return fmt::format("{}m{:02}s", s / 60, s % 60);
    return fmt::format("{}h{:02}m", s / 3600, s / 60 % 60);
}

std::string percent(const json& value) {
    return value.is_number() ? fmt::format("{:.1f}", value.get<double>()) : "";
}

struct Column {
    const char* title;
    const char* key;
    Align align = Align::left;
    std::string (*format)(const json&) = plain;
};

struct Layout {
    std::string report;
    std::vector<Column> columns;
};

constexpr Align right = Align::right;

const std::vector<Layout>& layouts() {
    static const std::vector<Layout> all = {
        {"services",
         {{"SERVICE", "service"},
          {"PROTO", "protocol"},
          {"UPSTREAM", "upstream"},
          {"METHOD", "method"},
          {"MODE", "mode"},
          {"USABLE", "backends_selectable", right},
          {"BACKENDS", "backends_total", right},
          {"FLOWS", "flows", right},
          {"STATE", "state"}}},
        {"backends",
         {{"UPSTREAM", "upstream"},
          {"SERVER", "name"},
          {"ADDRESS", "address"},
          {"PORT", "port", right},
          {"MODE", "mode"},
          {"WEIGHT", "weight", right},
          {"STATE", "state"},
          {"FLOWS", "flows", right},
          {"CONNECTIONS", "connections", right},
          {"PKTS-IN", "packets_in", right},
          {"BYTES-IN", "bytes_in", right},
          {"PKTS-OUT", "packets_out", right},
          {"BYTES-OUT", "bytes_out", right},
          {"NEXT-HOP", "next_hop"},
          {"REASON", "reason"}}},
        {"flows",
         {{"PROTO", "protocol"},
          {"CLIENT", "client"},
          {"SERVICE", "service"},
          {"MODE", "mode"},
          {"SNAT", "snat"},
          {"BACKEND", "backend"},
          {"STATE", "state"},
          {"EXPIRES-IN", "expires_in_ms", right, duration}}},
        {"stats",
         {{"REASON", "reason"},
          {"VERDICT", "verdict"},
          {"PACKETS", "packets", right},
          {"MEANING", "meaning"}}},
        {"workers",
         {{"WORKER", "worker", right},
          {"CPU", "cpu", right},
          {"NODE", "node", right},
          {"STATE", "state"},
          {"GENERATION", "generation", right},
          {"BUSY%", "busy_percent", right, percent},
          {"REST", "rest"},
          {"POLLS", "polls", right},
          {"RX-PKTS", "rx_packets", right},
          {"TX-PKTS", "tx_packets", right},
          {"RING-DROPS", "ring_drops", right},
          {"HEARTBEAT", "heartbeat_ms", right, duration}}},
        {"ports",
         {{"PORT", "index", right},
          {"NAME", "name"},
          {"KIND", "kind"},
          {"MAC", "mac"},
          {"DRIVER", "driver"},
          {"MODE", "mode"},
          {"QUEUES", "rx_queues", right},
          {"NODE", "node", right},
          {"RX-PKTS", "rx_packets", right},
          {"RX-BYTES", "rx_bytes", right},
          {"TX-PKTS", "tx_packets", right},
          {"TX-BYTES", "tx_bytes", right},
          {"MISSED", "rx_missed", right},
          {"NO-BUFFER", "rx_no_buffer", right},
          {"RX-ERRORS", "rx_errors", right},
          {"TX-ERRORS", "tx_errors", right},
          {"TX-DROPPED", "tx_dropped", right}}},
    };
    return all;
}

void print_rows(std::ostream& out, const std::vector<Column>& columns, const json& rows) {
    Table table;
    for (const Column& column : columns) table.column(column.title, column.align);
    for (const json& row : rows) {
        std::vector<std::string> cells;
        for (const Column& column : columns)
            cells.push_back(column.format(row.value(column.key, json(nullptr))));
        table.row(std::move(cells));
    }
    table.print(out);
}

// Below the ports: their queues, and what XDP has counted, where there is something to tell.
void print_port_details(std::ostream& out, const json& ports) {
    json queues = json::array();
    json counters = json::array();
    for (const json& port : ports) {
        if (!port.contains("queues") || !port.contains("xdp")) continue;
        for (const json& queue : port["queues"]) queues.push_back(queue);
        for (const auto& [name, value] : port["xdp"].items())
            if (value != 0)
                counters.push_back({{"port", port["name"]}, {"counter", name}, {"value", value}});
    }
    if (!queues.empty()) {
        out << '\n';
        print_rows(out,
                   {{"PORT", "port"},
                    {"QUEUE", "queue", right},
                    {"RX-PKTS", "rx_packets", right},
                    {"RX-BYTES", "rx_bytes", right},
                    {"TX-PKTS", "tx_packets", right},
                    {"TX-BYTES", "tx_bytes", right},
                    {"RX-ERRORS", "rx_errors", right}},
                   queues);
    }
    if (counters.empty()) return;
    out << '\n';
    print_rows(out, {{"PORT", "port"}, {"XDP-COUNTER", "counter"}, {"VALUE", "value", right}},
               counters);
}

void print_notes(std::ostream& out, const json& answer) {
    if (answer.contains("totals")) {
        const json& totals = answer["totals"];
        out << fmt::format("\npackets: {} forwarded, {} to the host, {} dropped\n",
                           plain(totals.value("forward", json(0))),
                           plain(totals.value("to_host", json(0))),
                           plain(totals.value("drop", json(0))));
    }
    if (const json left_out = answer.value("left_out", json(0)); left_out != 0)
        out << fmt::format(
            "\n{} more flows are not shown; raise --limit or select with --service, "
            "--backend, --client\n",
            left_out.dump());
    if (answer.contains("note")) out << "\nnote: " << plain(answer["note"]) << '\n';
}

}  // namespace

const std::vector<std::string>& report_names() {
    static const std::vector<std::string> names = [] {
        std::vector<std::string> collected;
        for (const Layout& layout : layouts()) collected.push_back(layout.report);
        return collected;
    }();
    return names;
}

void print_report(std::ostream& out, const std::string& report, const json& answer) {
    for (const Layout& layout : layouts())
        if (layout.report == report)
            print_rows(out, layout.columns, answer.value(report, json::array()));
    if (report == "ports") print_port_details(out, answer.value(report, json::array()));
    print_notes(out, answer);
}

json reasons_as_json() {
    json rows = json::array();
    for (const api::ReasonText& reason : api::reasons())
        rows.push_back({{"reason", reason.name},
                        {"verdict", reason.verdict_name},
                        {"meaning", reason.meaning}});
    return {{"reasons", std::move(rows)}};
}

void print_reasons(std::ostream& out) {
    print_rows(out, {{"REASON", "reason"}, {"VERDICT", "verdict"}, {"MEANING", "meaning"}},
               reasons_as_json()["reasons"]);
}

}  // namespace weir::ctl
