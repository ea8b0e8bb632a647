// SPDX-License-Identifier: Apache-2.0
// The reports over hand-filled tables: every number is one that was put there.
#include "control/api/report.h"

#include <gtest/gtest.h>

#include "bpf/shared/flow.h"
#include "bpf/shared/host_env.h"
#include "control/api/flow_scan.h"
#include "tests/control/api/tables.h"

namespace weir::api {
namespace {

using nlohmann::json;
using testing::HandFilled;
using testing::now;
using testing::second;

json ask(const HandFilled& tables, const json& request,
         std::vector<publish::PortTraffic> ports = {},
         std::vector<publish::WorkerPlace> places = {}) {
    return answer({tables.view, tables.directory, now, std::move(ports), std::move(places)},
                  request);
}

TEST(Report, ServicesCountBackendsAndActiveFlows) {
    HandFilled tables;
    tables.add_flow(0, 100, 3);
    tables.add_flow(9, 101, 3, WEIR_FLOW_OPENING);
    tables.add_flow(40, 102, 4);                           // in the second set
    tables.add_flow(41, 103, 4, WEIR_FLOW_CLOSED);         // rests, is not active
    tables.add_flow(42, 104, 4).expires = weir_tick(now);  // expired
    tables.add_flow(43, 105, 4, WEIR_FLOW_RESTING);        // only its source port is in use
    const json rows = ask(tables, {{"show", "services"}})["services"];
    ASSERT_EQ(rows.size(), 2u);
    EXPECT_EQ(rows[0]["service"], "10.0.0.1:80");
    EXPECT_EQ(rows[0]["backends_selectable"], 1);
    EXPECT_EQ(rows[0]["backends_total"], 2);
    EXPECT_EQ(rows[0]["flows"], 3);
    EXPECT_EQ(rows[0]["state"], "up");
    EXPECT_EQ(rows[0]["mode"], "nat");
    EXPECT_EQ(rows[1]["state"], "draining");
    EXPECT_EQ(rows[1]["flows"], 0);
    EXPECT_EQ(rows[1]["service"], "[2001:db8::1]:53-60") << "a range";
    EXPECT_EQ(rows[1]["mode"], "dsr");
    const auto of = [&](const char* service) {
        return ask(tables, {{"show", "services"}, {"service", service}})["services"].size();
    };
    EXPECT_EQ(of(":60"), 1u);
    EXPECT_EQ(of("[2001:db8::1]:55"), 1u);
    EXPECT_EQ(of(":61"), 0u);
}

TEST(Report, ServiceWithoutUsableBackendSaysSo) {
    HandFilled tables;
    tables.directory.backends[0].selectable = false;
    EXPECT_EQ(ask(tables, {{"show", "services"}})["services"][0]["state"], "no backend");
}

TEST(Report, RemovedBackendsAreNotCountedInTheirService) {
    HandFilled tables;
    tables.directory.backends[1].state = "draining";
    EXPECT_EQ(ask(tables, {{"show", "services"}})["services"][0]["backends_total"], 1);
}

TEST(Report, BackendCountersAreSummedOverWorkers) {
    HandFilled tables;
    tables.counters[3] = {10, 100, 1000, 90, 9000, {}};
    tables.counters[16 + 3] = {1, 2, 3, 4, 5, {}};
    tables.add_flow(5, 100, 3);
    tables.add_flow(6, 101, 3, WEIR_FLOW_CLOSED);
    tables.add_flow(7, 102, 3, WEIR_FLOW_RESTING);
    const json rows = ask(tables, {{"show", "backends"}})["backends"];
    ASSERT_EQ(rows.size(), 2u);
    EXPECT_EQ(rows[0]["connections"], 11);
    EXPECT_EQ(rows[0]["packets_in"], 102);
    EXPECT_EQ(rows[0]["bytes_in"], 1003);
    EXPECT_EQ(rows[0]["packets_out"], 94);
    EXPECT_EQ(rows[0]["bytes_out"], 9005);
    EXPECT_EQ(rows[0]["flows"], 1);
    EXPECT_EQ(rows[1]["state"], "unhealthy");
    EXPECT_EQ(rows[1]["reason"], "connect() failed (111: Connection refused)");
    EXPECT_EQ(rows[1]["connections"], 0);
}

TEST(Report, BackendsOfOneService) {
    HandFilled tables;
    EXPECT_EQ(ask(tables, {{"show", "backends"}, {"service", ":80"}})["backends"].size(), 2u);
    EXPECT_EQ(ask(tables, {{"show", "backends"}, {"service", ":53"}})["backends"].size(), 0u);
    EXPECT_EQ(ask(tables, {{"show", "backends"}, {"backend", "10.0.0.12"}})["backends"][0]["port"],
              8080);
}

TEST(Report, FlowsNameBothSides) {
    HandFilled tables;
    tables.add_flow(33, 100, 4);
    const json rows = ask(tables, {{"show", "flows"}})["flows"];
    ASSERT_EQ(rows.size(), 1u);
    EXPECT_EQ(rows[0]["protocol"], "tcp");
    EXPECT_EQ(rows[0]["client"], "10.0.0.100:40000");
    EXPECT_EQ(rows[0]["service"], "10.0.0.1:80");
    EXPECT_EQ(rows[0]["snat"], "10.0.0.1:2033");
    EXPECT_EQ(rows[0]["backend"], "10.0.0.12:8080");
    EXPECT_EQ(rows[0]["state"], "established");
    EXPECT_EQ(rows[0]["expires_in_ms"], 600020);  // whole ticks
}

TEST(Report, ARestingFlowHasNoClientAnyMore) {
    HandFilled tables;
    tables.add_flow(33, 100, 4, WEIR_FLOW_RESTING).client_port = {};
    const json rows = ask(tables, {{"show", "flows"}})["flows"];
    ASSERT_EQ(rows.size(), 1u);
    EXPECT_EQ(rows[0]["client"], "-");
    EXPECT_EQ(rows[0]["state"], "resting");
    EXPECT_EQ(rows[0]["snat"], "10.0.0.1:2033");
    EXPECT_EQ(rows[0]["backend"], "10.0.0.12:8080");
    EXPECT_EQ(ask(tables, {{"show", "flows"}, {"client", "10.0.0.100"}})["flows"].size(), 0u);
    EXPECT_EQ(ask(tables, {{"show", "flows"}, {"backend", "10.0.0.12"}})["flows"].size(), 1u);
}

TEST(Report, FlowFiltersAndLimit) {
    HandFilled tables;
    for (unsigned i = 0; i < 64; i++) tables.add_flow(i, 100 + i, i % 2 ? 3 : 4);
    EXPECT_EQ(ask(tables, {{"show", "flows"}})["flows"].size(), 64u);
    const json limited = ask(tables, {{"show", "flows"}, {"limit", 10}});
    EXPECT_EQ(limited["flows"].size(), 10u);
    EXPECT_EQ(limited["left_out"], 54);
    EXPECT_EQ(ask(tables, {{"show", "flows"}, {"backend", "10.0.0.11:8080"}})["flows"].size(), 32u);
    EXPECT_EQ(ask(tables, {{"show", "flows"}, {"client", "10.0.0.101"}})["flows"].size(), 1u);
    EXPECT_EQ(ask(tables, {{"show", "flows"}, {"service", ":81"}})["flows"].size(), 0u);
}

TEST(Report, AFlowBeingWrittenIsNotShown) {
    HandFilled tables;
    tables.add_flow(0, 100, 3).expires = weir_tick(now) - WEIR_CLAIMED_AGO;
    EXPECT_EQ(ask(tables, {{"show", "flows"}})["flows"].size(), 0u);
}

TEST(Report, AScanOutOfTimeSaysWhatItRead) {
    HandFilled tables;
    std::vector<weir_flow> flows(4096 * WEIR_FLOWS_PER_BUCKET);
    tables.view.flows = flows;
    const ScanResult scan =
        scan_flows(tables.view, now, std::chrono::milliseconds(0), [](const weir_flow&) {});
    EXPECT_FALSE(scan.complete());
    EXPECT_GT(scan.read, 0u);
    Filters hurried;
    hurried.scan_budget = std::chrono::milliseconds(0);
    EXPECT_TRUE(services({tables.view, tables.directory, now}, hurried).contains("note"));
}

TEST(Report, StatsSumWorkersAndLeaveOutZeros) {
    HandFilled tables;
    tables.workers[0].reason[WEIR_REASON_FLOW_HIT] = 5;
    tables.workers[1].reason[WEIR_REASON_FLOW_HIT] = 6;
    tables.workers[1].reason[WEIR_REASON_NO_BACKEND] = 2;
    tables.workers[1].reason[WEIR_REASON_ICMP] = 3;
    const json report = ask(tables, {{"show", "stats"}});
    EXPECT_EQ(report["stats"].size(), 3u);
    EXPECT_EQ(report["stats"][0], (json{{"reason", "flow_hit"},
                                        {"verdict", "forward"},
                                        {"packets", 11},
                                        {"meaning", "packet of a known flow"}}));
    EXPECT_EQ(report["totals"], (json{{"forward", 11}, {"to_host", 3}, {"drop", 2}}));
    EXPECT_EQ(ask(tables, {{"show", "stats"}, {"all", true}})["stats"].size(), reasons().size());
}

TEST(Report, WorkersOfDpdkHaveALoop) {
    HandFilled tables;
    tables.workers[0].heartbeat_ns = now - 2 * second;
    tables.workers[0].generation = 6;
    tables.workers[0].polls = 1234;
    tables.workers[0].rest = WEIR_REST_NAP;
    tables.workers[0].reason[WEIR_REASON_HANDOFF_FULL] = 9;
    tables.workers[0].handed_on = 4;
    const json rows =
        ask(tables, {{"show", "workers"}}, {}, {{3, 1, 12.5}, {2, std::nullopt, 0}})["workers"];
    EXPECT_EQ(rows[0]["state"], "stalled");
    EXPECT_EQ(rows[0]["cpu"], 3);
    EXPECT_EQ(rows[0]["node"], 1);
    EXPECT_EQ(rows[0]["busy_percent"], 12.5);
    EXPECT_EQ(rows[0]["polls"], 1234);
    EXPECT_EQ(rows[0]["rest"], "sleeps");
    EXPECT_EQ(rows[0]["ring_drops"], 9);
    EXPECT_EQ(rows[0]["handed_on"], 4);
    EXPECT_EQ(rows[0]["heartbeat_ms"], 2000);
    EXPECT_EQ(rows[0]["generation"], 6);
    EXPECT_EQ(rows[1]["state"], "not started");
    EXPECT_TRUE(rows[1]["rest"].is_null());
    EXPECT_TRUE(rows[1]["node"].is_null());
}

TEST(Report, AWorkerPollsOrSleepsOrWaits) {
    HandFilled tables;
    const auto shown = [&](weir_rest rest) {
        tables.workers[0].heartbeat_ns = now;
        tables.workers[0].rest = rest;
        return ask(tables, {{"show", "workers"}})["workers"][0]["rest"];
    };
    EXPECT_EQ(shown(WEIR_REST_NONE), "polls");
    EXPECT_EQ(shown(WEIR_REST_NAP), "sleeps");
    EXPECT_EQ(shown(WEIR_REST_WAIT), "waits");
}

TEST(Report, WorkersOfXdpAreCpus) {
    HandFilled tables;
    tables.directory.engine = "xdp";
    tables.workers[1].reason[WEIR_REASON_FLOW_NEW] = 4;
    tables.workers[1].reason[WEIR_REASON_NO_FLOW] = 1;
    const json report = ask(tables, {{"show", "workers"}});
    EXPECT_EQ(report["workers"][1]["cpu"], 1);
    EXPECT_EQ(report["workers"][1]["rx_packets"], 5);
    EXPECT_EQ(report["workers"][1]["tx_packets"], 4);
    EXPECT_EQ(report["workers"][1]["generation"], 7);
    EXPECT_TRUE(report.contains("note"));
}

TEST(Report, PortsWithAndWithoutCounters) {
    HandFilled tables;
    publish::PortTraffic port;
    port.index = 1;
    port.rx_queues = 2;
    port.rx_packets = 10;
    port.tx_bytes = 2000;
    port.rx_missed = 3;
    port.rx_no_buffer = 4;
    port.tx_dropped = 5;
    port.queues = {{6, 600, 1, 100, 0}, {4, 400, 2, 200, 7}};
    port.xdp = {{"rx_queue_0_xdp_drops", 8}};
    const json rows = ask(tables, {{"show", "ports"}}, {port})["ports"];
    EXPECT_EQ(rows[1]["rx_queues"], 2);
    EXPECT_EQ(rows[1]["rx_packets"], 10);
    EXPECT_EQ(rows[1]["tx_bytes"], 2000);
    EXPECT_EQ(rows[1]["rx_missed"], 3);
    EXPECT_EQ(rows[1]["rx_no_buffer"], 4);
    EXPECT_EQ(rows[1]["rx_dropped"], 7);
    EXPECT_EQ(rows[1]["tx_dropped"], 5);
    EXPECT_TRUE(rows[1]["node"].is_null());
    EXPECT_EQ(rows[1]["queues"][1]["queue"], 1);
    EXPECT_EQ(rows[1]["queues"][1]["tx_packets"], 2);
    EXPECT_EQ(rows[1]["queues"][1]["rx_errors"], 7);
    EXPECT_EQ(rows[1]["xdp"]["rx_queue_0_xdp_drops"], 8);
    EXPECT_FALSE(rows[0].contains("rx_packets")) << "nobody has counted the host link";
}

TEST(Report, NothingPublishedYet) {
    const tables::View empty;
    const publish::Directory directory;
    for (const char* name : {"services", "backends", "flows", "stats", "workers", "ports"})
        EXPECT_EQ(answer({empty, directory, now}, {{"show", name}})[name], json::array()) << name;
}

TEST(Request, EveryAnswerNamesTheEngine) {
    const json report = ask(HandFilled(), {{"show", "stats"}});
    EXPECT_EQ(report["engine"], "dpdk");
    EXPECT_EQ(report["generation"], 7);
}

TEST(Request, WhatMakesNoSenseIsAnswered) {
    const HandFilled tables;
    for (const json& request :
         {json(1), json::array(), json::object(), json{{"show", 1}}, json{{"show", "x"}},
          json{{"show", "flows"}, {"limit", 0}}, json{{"show", "flows"}, {"limit", 100001}},
          json{{"show", "flows"}, {"limit", -1}}, json{{"show", "flows"}, {"limit", "1"}},
          json{{"show", "flows"}, {"client", "app1"}}, json{{"show", "flows"}, {"client", 5}},
          json{{"show", "flows"}, {"client", "10.0.0.1:x"}}, json{{"show", "stats"}, {"all", 1}},
          json{{"show", "workers"}, {"client", "10.0.0.1"}}, json{{"show", "flows"}, {"y", 1}}}) {
        const json answered = ask(tables, request);
        EXPECT_EQ(answered.size(), 1u) << request;
        EXPECT_TRUE(answered.contains("error")) << request;
    }
}

TEST(EndpointFilter, Forms) {
    EXPECT_TRUE(EndpointFilter::parse("10.0.0.1")->matches("10.0.0.1", 9));
    EXPECT_FALSE(EndpointFilter::parse("10.0.0.1:80")->matches("10.0.0.1", 81));
    EXPECT_TRUE(EndpointFilter::parse("[2001:db8::1]:80")->matches("2001:db8:0::1", 80));
    EXPECT_TRUE(EndpointFilter::parse("2001:db8::1")->matches("2001:db8::1", 1));
    EXPECT_TRUE(EndpointFilter::parse(":53")->matches("10.9.9.9", 53));
    for (const char* wrong :
         {"", ":", "x", "10.0.0.1:", "10.0.0.1:65536", "10.0.0.1:8x", "[]:1", "x:1"})
        EXPECT_FALSE(EndpointFilter::parse(wrong)) << wrong;
}

}  // namespace
}  // namespace weir::api
