// SPDX-License-Identifier: Apache-2.0
// Who gets new flows: configuration, health and routes as the packet program sees them in the
// published tables. Changes of the configuration are in balancer_reload_test.cc.
#include "control/publish/balancer.h"

#include <algorithm>
#include <map>

#include "tests/control/publish/balancer_fixture.h"

namespace weir::publish::test {
namespace {

TEST_F(BalancerTest, RoundRobinInTheOrderOfTheFile) {
    load(three_servers());
    EXPECT_EQ(picks(6), (Names{b1, b2, b3, b1, b2, b3}));
    EXPECT_EQ(traffic.open(vip, 81).reason, WEIR_REASON_NOT_SERVICE);
    EXPECT_EQ(traffic.open("203.0.113.2", 80).reason, WEIR_REASON_NOT_SERVICE);
}

TEST_F(BalancerTest, ANewFlowCarriesItsRouteAndTimes) {
    config::Model model = three_servers();
    model.services[0].proxy_timeout = config::Milliseconds(5000);
    model.services[0].proxy_connect_timeout = config::Milliseconds(700);
    load(model);
    traffic.open(vip, 80);
    const Outcome second = traffic.open(vip, 80);
    ASSERT_EQ(second.reason, WEIR_REASON_FLOW_NEW);
    EXPECT_EQ(second.backend, b2);
    EXPECT_EQ(second.out_port, 1);
    EXPECT_EQ(second.next_hop.byte[5], 2);
    EXPECT_EQ(from_addr(second.source), make_address("10.0.0.254"));
    EXPECT_GE(weir_be16_to(second.flow->snat_port), 40000);
    EXPECT_LE(weir_be16_to(second.flow->snat_port), 49999);
    EXPECT_EQ(second.flow->expires, weir_tick(traffic.now) + WEIR_TICKS_OF_MS(700));
    traffic.establish(second);
    EXPECT_EQ(second.flow->state, WEIR_FLOW_ESTABLISHED);
    EXPECT_EQ(second.flow->expires, weir_tick(traffic.now) + WEIR_TICKS_OF_MS(5000));
}

TEST_F(BalancerTest, WeightsAsNginxSpreadsThem) {
    config::Model model = three_servers();
    model.upstreams[0].servers[0].weight = 5;
    load(model);
    EXPECT_EQ(picks(7), (Names{b1, b1, b2, b1, b3, b1, b1}));
}

TEST_F(BalancerTest, NothingIsForwardedBeforeTheFirstPublish) {
    ASSERT_TRUE(balancer->configure(three_servers(), {}));
    EXPECT_EQ(traffic.open(vip, 80).reason, WEIR_REASON_NO_TABLES);
}

TEST_F(BalancerTest, AnUnhealthyBackendGetsNoNewFlowAndKeepsItsOld) {
    load(three_servers());
    traffic.open(vip, 80);
    const Outcome old = traffic.open(vip, 80);
    ASSERT_EQ(old.backend, b2);
    traffic.establish(old);
    picks(1);

    balancer->note_health(static_cast<std::uint16_t>(old.backend_id), false, "refused");
    EXPECT_EQ(picks(3), (Names{b1, b2, b3})) << "it counts from the next publish";
    ASSERT_TRUE(publish());
    Names without = picks(4);
    EXPECT_EQ(std::ranges::count(without, b2), 0);
    EXPECT_EQ(std::ranges::count(without, b1), 2);
    EXPECT_EQ(traffic.next(old).reason, WEIR_REASON_FLOW_HIT);
    EXPECT_EQ(traffic.next(old).backend, b2);
    EXPECT_EQ(info(b2).state, "unhealthy");
    EXPECT_EQ(info(b2).reason, "refused");
    EXPECT_FALSE(info(b2).selectable);
    EXPECT_TRUE(info(b1).selectable);

    balancer->note_health(static_cast<std::uint16_t>(old.backend_id), true, "");
    ASSERT_TRUE(publish());
    EXPECT_EQ(std::ranges::count(picks(3), b2), 1);
    EXPECT_EQ(info(b2).state, "up");
    EXPECT_EQ(info(b2).reason, "");
}

TEST_F(BalancerTest, HealthOfAStrangerIsIgnored) {
    load(three_servers());
    balancer->note_health(7, false, "refused");
    ASSERT_TRUE(publish());
    EXPECT_EQ(picks(3), (Names{b1, b2, b3}));
}

TEST_F(BalancerTest, WithoutANextHopThereIsNothingToSelect) {
    unreachable = {"10.0.0.2"};
    load(three_servers());
    EXPECT_EQ(std::ranges::count(picks(4), b2), 0);
    EXPECT_EQ(info(b2).state, "unreachable");
    EXPECT_EQ(info(b2).reason, "no answer");
    EXPECT_FALSE(info(b2).selectable);
    EXPECT_EQ(info(b1).next_hop, "next door");

    const Outcome old = traffic.open(vip, 80);
    ASSERT_EQ(old.reason, WEIR_REASON_FLOW_NEW);
    unreachable = {"10.0.0.1", "10.0.0.2", "10.0.0.3"};
    ASSERT_TRUE(publish());
    EXPECT_EQ(traffic.open(vip, 80).reason, WEIR_REASON_NO_BACKEND);
    EXPECT_EQ(traffic.next(old).reason, WEIR_REASON_NO_NEXT_HOP)
        << "its flow is known, its way is not";

    unreachable.clear();
    ASSERT_TRUE(publish());
    EXPECT_EQ(traffic.next(old).reason, WEIR_REASON_FLOW_HIT);
    EXPECT_EQ(traffic.open(vip, 80).reason, WEIR_REASON_FLOW_NEW);
}

TEST_F(BalancerTest, DownAndBackupServers) {
    config::Model model = three_servers();
    model.upstreams[0].servers[0].down = true;
    model.upstreams[0].servers[2].backup = true;
    load(model);
    EXPECT_EQ(picks(3), (Names{b2, b2, b2}));
    EXPECT_EQ(info(b1).state, "down");
    EXPECT_EQ(info(b3).state, "standby");
    EXPECT_FALSE(info(b3).selectable);
    EXPECT_TRUE(info(b3).backup);

    unreachable = {"10.0.0.2"};
    ASSERT_TRUE(publish());
    EXPECT_EQ(picks(2), (Names{b3, b3}));
    EXPECT_EQ(info(b3).state, "up");
    EXPECT_TRUE(info(b3).selectable);
    EXPECT_EQ(info(b1).state, "down");
}

TEST_F(BalancerTest, TwoListensOnOneUpstreamShareItsTurns) {
    config::Model model = three_servers();
    model.services.push_back(listen(vip, 81));
    load(model);
    EXPECT_EQ(picks(1, 80), Names{b1});
    EXPECT_EQ(picks(2, 81), (Names{b2, b3}));
    EXPECT_EQ(picks(2, 80), (Names{b1, b2}));
    EXPECT_EQ(record(80).turn_base, record(81).turn_base);
}

TEST_F(BalancerTest, TwoLinesOfOneAddressAreTwoPeersOfOneBackend) {
    config::Model model;
    model.upstreams = {
        upstream("app", {server("10.0.0.1"), server("10.0.0.1"), server("10.0.0.2")})};
    model.services = {listen(vip, 80)};
    load(model);
    EXPECT_EQ(picks(6), (Names{b1, b1, b2, b1, b1, b2}));
    ASSERT_EQ(balancer->directory().backends.size(), 2u);
    EXPECT_EQ(info(b1).weight, 2u);

    model.upstreams[0].servers[1].down = true;
    load(model);
    const Names one_down = picks(4);
    EXPECT_EQ(std::ranges::count(one_down, b1), 2) << "its other line is not down";
    EXPECT_EQ(info(b1).state, "up");
}

TEST_F(BalancerTest, AHostNameWithTwoAddressesIsTwoBackends) {
    config::Model model;
    config::Server app = server("10.0.0.1", 2);
    app.name = "app.lan:8080";
    app.addresses.push_back(make_address("10.0.0.2"));
    model.upstreams = {upstream("app", {app, server("10.0.0.3")})};
    model.services = {listen(vip, 80)};
    load(model);
    EXPECT_EQ(info(b1).name, "app.lan:8080");
    EXPECT_EQ(info(b2).name, "app.lan:8080");
    EXPECT_EQ(info(b2).weight, 2u) << "each address has the full weight";
    Names five = picks(5);
    EXPECT_EQ(std::ranges::count(five, b1), 2);
    EXPECT_EQ(std::ranges::count(five, b2), 2);
    EXPECT_EQ(std::ranges::count(five, b3), 1);
}

TEST_F(BalancerTest, OneAddressInTwoUpstreamsIsTwoBackends) {
    config::Model model;
    model.upstreams = {upstream("a", {server("10.0.0.1")}), upstream("b", {server("10.0.0.1")})};
    model.services = {listen(vip, 80, 0), listen(vip, 81, 1)};
    load(model);
    EXPECT_NE(traffic.open(vip, 80).backend_id, traffic.open(vip, 81).backend_id);
    EXPECT_EQ(balancer->backend_addresses(), std::vector<IpAddress>{make_address("10.0.0.1")});
}

TEST_F(BalancerTest, AWildcardStandsForTheAddressesOfThePorts) {
    config::Model model = three_servers();
    model.upstreams.push_back(upstream("own", {server("10.0.0.9")}));
    model.services = {listen("203.0.113.2", 80, 1), listen("", 80, 0)};
    const std::vector<IpAddress> addresses{make_address("203.0.113.1"), make_address("203.0.113.2"),
                                           make_address("2001:db8::1")};
    for (int order = 0; order < 2; order++) {
        load(model, addresses);
        EXPECT_EQ(traffic.open("203.0.113.1", 80).reason, WEIR_REASON_FLOW_NEW);
        EXPECT_EQ(traffic.open("203.0.113.2", 80).backend, "10.0.0.9:8080")
            << "the listen with the address is preferred, wherever it stands";
        EXPECT_EQ(balancer->directory().services.size(), 2u) << "IPv6 is not balanced yet";
        std::swap(model.services[0], model.services[1]);
    }
    load(model, {make_address("203.0.113.7")});
    EXPECT_EQ(traffic.open("203.0.113.7", 80).reason, WEIR_REASON_FLOW_NEW);
    EXPECT_EQ(traffic.open("203.0.113.1", 80).reason, WEIR_REASON_SERVICE_DRAINING);
}

TEST_F(BalancerTest, OtherBalancersAreBackendsOfAServiceOfTheirOwn) {
    config::Model model = three_servers();
    model.dataplane.icmp_peers = {make_address("10.0.0.8"), make_address("2001:db8::9")};
    load(model, {make_address("203.0.113.1"), make_address("2001:db8::1")});
    std::set<std::string> addresses;
    for (const weir_service& service : balancer->writer().services()) {
        if (!(service.flags & WEIR_SERVICE_PEERS)) continue;
        addresses.insert(from_addr(service.addr).to_string());
        EXPECT_EQ(service.flags, WEIR_SERVICE_PEERS | WEIR_SERVICE_STATELESS | WEIR_SERVICE_USED);
        EXPECT_EQ(service.protocol, WEIR_PROTO_UDP);
        EXPECT_EQ(weir_be16_to(service.port), WEIR_PEER_PORT);
        ASSERT_EQ(service.turn_count, 2u);
        const weir_slot_line& line = heap.view().slots[service.turn_base / WEIR_SLOTS_PER_LINE];
        const weir_backend& first =
            balancer->writer().backends()[line.backend[service.turn_base % WEIR_SLOTS_PER_LINE]];
        EXPECT_EQ(from_addr(first.addr), make_address("10.0.0.8"));
        EXPECT_EQ(from_addr(first.snat), make_address("10.0.0.253")) << "not an address of `snat`";
        EXPECT_EQ(first.mode, WEIR_MODE_GUE);
        EXPECT_EQ(weir_be16_to(first.tunnel_port), WEIR_PEER_PORT);
    }
    EXPECT_EQ(addresses, (std::set<std::string>{"::", "203.0.113.1", "2001:db8::1"}));
    load(three_servers());
    EXPECT_EQ(record(WEIR_PEER_PORT).flags & WEIR_SERVICE_DRAINING, WEIR_SERVICE_DRAINING);
}

TEST_F(BalancerTest, IpHashStaysWithTheClientsNetwork) {
    config::Model model = three_servers();
    model.upstreams[0].method = config::Method::ip_hash;
    load(model);
    std::map<std::string, std::string> chosen;
    std::set<std::string> used;
    for (int net = 0; net < 60; net++) {
        const std::string prefix = "192.0." + std::to_string(net) + ".";
        chosen[prefix] = traffic.open(vip, 80, prefix + "1").backend;
        used.insert(chosen[prefix]);
        EXPECT_EQ(traffic.open(vip, 80, prefix + "200").backend, chosen[prefix]);
    }
    EXPECT_EQ(used.size(), 3u);

    unreachable = {"10.0.0.2"};
    ASSERT_TRUE(publish());
    for (const auto& [prefix, backend] : chosen) {
        const std::string now = traffic.open(vip, 80, prefix + "3").backend;
        if (backend == b2)
            EXPECT_NE(now, b2);
        else
            EXPECT_EQ(now, backend) << "the clients of the others stay";
    }
}

TEST_F(BalancerTest, MaglevOverTheAddressIgnoresPorts) {
    config::Model model = three_servers();
    model.upstreams[0].method = config::Method::maglev;
    load(model);
    Names by_flow = picks(30);
    EXPECT_EQ(std::set<std::string>(by_flow.begin(), by_flow.end()).size(), 3u);

    model.upstreams[0].hash_key = config::HashKey::client_address;
    load(model);
    Names by_address = picks(30);
    EXPECT_EQ(std::set<std::string>(by_address.begin(), by_address.end()).size(), 1u);
    std::set<std::string> used;
    for (int i = 1; i < 40; i++)
        used.insert(traffic.open(vip, 80, "192.0.2." + std::to_string(i)).backend);
    EXPECT_EQ(used.size(), 3u);
}

TEST_F(BalancerTest, ProbesWhatTheConfigurationWantsProbed) {
    config::Model model = three_servers();
    model.upstreams.push_back(upstream("other", {server("10.0.0.4")}));
    model.upstreams[0].servers[1].down = true;
    model.upstreams[0].servers.push_back(server("10.0.0.1"));
    model.services.push_back(listen(vip, 81, 1));
    EXPECT_TRUE(balancer->probe_targets().empty());
    load(model);
    EXPECT_TRUE(balancer->probe_targets().empty());

    model.services[0].health_check.emplace();
    model.services[0].health_check->uri = "/up";
    load(model);
    auto targets = balancer->probe_targets();
    ASSERT_EQ(targets.size(), 2u)
        << "not the one that is down, none twice, none of another upstream";
    EXPECT_EQ(targets[0].address, make_address("10.0.0.1"));
    EXPECT_EQ(targets[0].port, 8080);
    EXPECT_EQ(targets[0].check.uri, "/up");
    EXPECT_EQ(targets[1].address, make_address("10.0.0.3"));

    model.services[0].health_check->port = 9000;
    load(model);
    EXPECT_EQ(balancer->probe_targets()[0].port, 9000);
}

}  // namespace
}  // namespace weir::publish::test
