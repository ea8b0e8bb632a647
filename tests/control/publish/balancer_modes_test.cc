// SPDX-License-Identifier: Apache-2.0
// What a configuration's modes, families, ranges and connection ids come to in the published
// records. What packets make of them is tested by rows and scenes.
#include <algorithm>

#include "control/publish/balancer.h"
#include "control/publish/delivery.h"
#include "tests/control/publish/balancer_fixture.h"

namespace weir::publish::test {
namespace {

using config::Forward;
using config::Protocol;

class ModesTest : public BalancerTest {
  protected:
    config::Model one(Forward forward, const std::string& backend = "10.0.0.1",
                      const std::string& address = vip) {
        config::Model model;
        model.upstreams = {upstream("app", {server(backend)})};
        model.upstreams[0].delivery.forward = forward;
        model.services = {listen(address, 8080)};
        model.services[0].last_port = 8080;
        return model;
    }
    // Nothing of what was there before is left.
    void load_alone(const config::Model& model) {
        load(model);
        balancer->forget_unused(traffic.now);
        ASSERT_TRUE(publish());
    }
    weir_service service_at(const std::string& address) {
        const weir_addr wanted = to_addr(make_address(address));
        for (const weir_service& record : balancer->writer().services())
            if ((record.flags & WEIR_SERVICE_USED) && weir_addr_equal(&record.addr, &wanted))
                return record;
        return {};
    }
    std::uint16_t slot(std::uint32_t at) {
        return heap.view().slots[at / WEIR_SLOTS_PER_LINE].backend[at % WEIR_SLOTS_PER_LINE];
    }
};

TEST_F(ModesTest, OfABackendAreInItsRecord) {
    const std::pair<Forward, int> modes[] = {{Forward::nat, WEIR_MODE_NAT},
                                             {Forward::transparent, WEIR_MODE_TRANSPARENT},
                                             {Forward::dsr, WEIR_MODE_DSR},
                                             {Forward::ipip, WEIR_MODE_IPIP},
                                             {Forward::gue, WEIR_MODE_GUE}};
    for (const auto& [forward, mode] : modes) {
        config::Model model = one(forward);
        model.upstreams[0].key = to_text(forward);
        model.upstreams[0].delivery.tunnel_port = 6635;
        model.upstreams[0].delivery.checksum = forward == Forward::gue;
        load_alone(model);
        const auto id = static_cast<std::size_t>(
            std::ranges::find(balancer->directory().backends, to_text(forward), &BackendInfo::mode)
                ->id);
        const weir_backend record = balancer->writer().backends()[id];
        EXPECT_EQ(record.mode, mode);
        EXPECT_EQ(forward_of(record.mode), forward);
        EXPECT_EQ(record.mtu, 1500);
        EXPECT_EQ(weir_be16_to(record.tunnel_port), 6635);
        EXPECT_EQ((record.flags & WEIR_BACKEND_CHECKSUM) != 0, forward == Forward::gue);
        EXPECT_EQ((service_at(vip).flags & WEIR_SERVICE_BY_PORT) != 0,
                  forward == Forward::transparent);
        EXPECT_EQ(balancer->directory().services[0].mode, to_text(forward));
    }
}

TEST_F(ModesTest, AnotherModeIsAnotherBackend) {
    load(one(Forward::nat));
    const std::uint16_t before = info(b1).id;
    config::Model dsr = one(Forward::dsr);
    dsr.upstreams[0].key = "app/dsr";
    load(dsr);
    std::size_t draining = 0;
    for (const BackendInfo& backend : balancer->directory().backends) {
        if (backend.state != "draining") {
            EXPECT_NE(backend.id, before);
            EXPECT_EQ(backend.mode, "dsr");
            continue;
        }
        draining++;
        EXPECT_EQ(backend.id, before);
        EXPECT_EQ(backend.mode, "nat");
    }
    EXPECT_EQ(draining, 1u) << "its flows are what nat has made them";

    restart();
    EXPECT_EQ(balancer->backend_addresses().size(), 1u);
    load(dsr);
    EXPECT_EQ(info(b1).id, before) << "adopted with its mode, it still drains";
}

TEST_F(ModesTest, TheMssFitsTheWay) {
    const auto mss = [&](Forward forward, const char* backend, const char* address) {
        load_alone(one(forward, backend, address));
        return backend_record(backend).mss;
    };
    EXPECT_EQ(mss(Forward::nat, "10.0.0.1", vip), 0) << "the mode adds no byte";
    EXPECT_EQ(mss(Forward::dsr, "10.0.0.1", vip), 0);
    EXPECT_EQ(mss(Forward::ipip, "10.0.0.1", vip), 1500 - 20 - 40);
    EXPECT_EQ(mss(Forward::ipip, "10.0.0.1", "2001:db8::50"), 1500 - 20 - 60);
    EXPECT_EQ(mss(Forward::ipip, "2001:db8::1", vip), 1500 - 40 - 40);
    EXPECT_EQ(mss(Forward::gue, "10.0.0.1", vip), 1500 - 28 - 40);
    EXPECT_EQ(mss(Forward::gue, "2001:db8::1", "2001:db8::50"), 1500 - 48 - 60);
    EXPECT_EQ(mss(Forward::nat, "2001:db8::1", vip), 1500 - 60) << "NAT46 adds 20 bytes";
    EXPECT_EQ(mss(Forward::nat, "10.0.0.1", "2001:db8::50"), 1500 - 60);
    EXPECT_EQ(mss(Forward::nat, "2001:db8::1", "2001:db8::50"), 0);

    config::Model model = one(Forward::ipip);
    model.upstreams[0].delivery.mss = 1200;
    load(model);
    EXPECT_EQ(backend_record("10.0.0.1").mss, 1200);
    model.upstreams[0].delivery.mss_clamp = false;
    load(model);
    EXPECT_EQ(backend_record("10.0.0.1").mss, 0);
}

TEST_F(ModesTest, AProxyBindAddressIsTheSource) {
    config::Model model = one(Forward::nat);
    model.upstreams[0].delivery.bind = make_address("10.0.0.77");
    load(model);
    EXPECT_EQ(from_addr(backend_record("10.0.0.1").snat), make_address("10.0.0.77"));
}

TEST_F(ModesTest, WhatTheRouteForbidsIsUnreachableAndSaysWhy) {
    const auto reason = [&](Forward forward, Route::Way over) {
        way = over;
        load_alone(one(forward));
        EXPECT_EQ(info(b1).state == "unreachable",
                  !(backend_record("10.0.0.1").flags & WEIR_BACKEND_REACHABLE));
        return info(b1).reason;
    };
    using Way = Route::Way;
    EXPECT_EQ(reason(Forward::dsr, Way::neighbour), "");
    EXPECT_EQ(reason(Forward::dsr, Way::router),
              "10.0.0.1 is behind a router, which \"forward dsr\" cannot pass: the packet keeps "
              "the client's destination; use ipip or gue");
    EXPECT_EQ(reason(Forward::dsr, Way::local),
              "10.0.0.1 is an address of this host, which \"forward dsr\" cannot reach; use "
              "\"forward nat\"");
    EXPECT_EQ(reason(Forward::transparent, Way::host),
              "10.0.0.1 is behind none of the ports, where \"proxy_bind $remote_addr "
              "transparent\" cannot reach it; make its interface a port, or use \"forward nat\"");
    EXPECT_EQ(reason(Forward::transparent, Way::router), "");
    EXPECT_EQ(reason(Forward::ipip, Way::router), "");
    EXPECT_EQ(reason(Forward::gue, Way::host), "");
    EXPECT_NE(reason(Forward::gue, Way::local), "");
    EXPECT_EQ(reason(Forward::nat, Way::local), "");
    Route unaddressed;
    unaddressed.known = true;
    EXPECT_EQ(impossible({}, make_address("10.0.0.1"), unaddressed),
              "this host has no address to reach 10.0.0.1 from; give one by \"snat\" or "
              "\"proxy_bind\"");
}

TEST_F(ModesTest, DeadAndRemovedBackendsAreMarked) {
    config::Model model = three_servers();
    model.upstreams[0].servers[2].down = true;
    load(model);
    EXPECT_FALSE(backend_record("10.0.0.1").flags & (WEIR_BACKEND_DOWN | WEIR_BACKEND_RESET));
    balancer->note_health(info(b1).id, false, "refused");
    unreachable = {"10.0.0.2"};
    ASSERT_TRUE(publish());
    EXPECT_TRUE(backend_record("10.0.0.1").flags & WEIR_BACKEND_DOWN);
    EXPECT_TRUE(backend_record("10.0.0.2").flags & WEIR_BACKEND_DOWN);
    for (const char* address : {"10.0.0.1", "10.0.0.2", "10.0.0.3"})
        EXPECT_FALSE(backend_record(address).flags & WEIR_BACKEND_RESET) << address;

    model.upstreams[0].delivery.session_drop = true;
    load(model);
    balancer->note_health(info(b1).id, false, "refused");
    model.upstreams[0].servers.erase(model.upstreams[0].servers.begin() + 1);
    load(model);
    balancer->note_health(info(b1).id, false, "refused");
    ASSERT_TRUE(publish());
    for (const char* address : {"10.0.0.1", "10.0.0.2", "10.0.0.3"})
        EXPECT_TRUE(backend_record(address).flags & WEIR_BACKEND_RESET) << address;
}

TEST_F(ModesTest, AWildcardHasTheAddressesOfItsFamily) {
    config::Model model = one(Forward::nat);
    model.services = {listen("", 80), listen("", 80)};
    model.services[1].ipv6_wildcard = true;
    model.services[1].protocol = Protocol::udp;
    load(model, {make_address("10.0.0.10"), make_address("2001:db8::10")});
    EXPECT_EQ(service_at("10.0.0.10").protocol, WEIR_PROTO_TCP);
    EXPECT_EQ(service_at("2001:db8::10").protocol, WEIR_PROTO_UDP);
    EXPECT_EQ(balancer->directory().services.size(), 2u);
}

TEST_F(ModesTest, ARangeStandsUnderPortZero) {
    config::Model model = one(Forward::nat);
    model.services[0].port = 8000;
    model.services[0].last_port = 8010;
    load(model);
    const weir_service record = service_at(vip);
    EXPECT_EQ(weir_be16_to(record.port), 0);
    EXPECT_EQ(record.port_low, 8000);
    EXPECT_EQ(record.port_high, 8010);
    EXPECT_EQ(balancer->directory().services[0].last_port, 8010);
    EXPECT_EQ(traffic.open(vip, 8010).reason, WEIR_REASON_FLOW_NEW);
    EXPECT_EQ(traffic.open(vip, 8011).reason, WEIR_REASON_NOT_SERVICE);

    const Outcome old = traffic.open(vip, 8000);
    traffic.establish(old);
    model.services[0].last_port = 8020;
    load(model);
    EXPECT_EQ(traffic.next(old).reason, WEIR_REASON_FLOW_HIT);
    EXPECT_EQ(traffic.open(vip, 8020).reason, WEIR_REASON_FLOW_NEW);
    EXPECT_EQ(traffic.open(vip, 8000).reason, WEIR_REASON_FLOW_NEW)
        << "the range that drains must not hide the one that serves";
}

TEST_F(ModesTest, AnAddressComesBeforeTheWildcardAlsoInARange) {
    config::Model model = one(Forward::nat);
    model.upstreams.push_back(upstream("other", {server("10.0.0.2")}));
    model.services = {listen("", 80, 0), listen("10.0.0.10", 1, 1)};
    model.services[1].last_port = 100;
    load(model, {make_address("10.0.0.10"), make_address("10.0.0.11")});
    EXPECT_EQ(traffic.open("10.0.0.10", 80).backend, b2);
    EXPECT_EQ(traffic.open("10.0.0.11", 80).backend, b1);
}

TEST_F(ModesTest, AStatelessServiceKeepsItsSlotsWhileWeirDrains) {
    config::Model model = one(Forward::dsr);
    model.upstreams[0].method = config::Method::maglev;
    model.upstreams[0].stateless = true;
    load(model);
    EXPECT_TRUE(service_at(vip).flags & WEIR_SERVICE_STATELESS);
    EXPECT_TRUE(balancer->directory().services[0].stateless);
    balancer->drain();
    ASSERT_TRUE(publish());
    EXPECT_GT(service_at(vip).slot_count, 0u);
}

TEST_F(ModesTest, ResetsForUnknownTcpAreAskedFor) {
    config::Model model = one(Forward::nat);
    load(model);
    EXPECT_FALSE(service_at(vip).flags & WEIR_SERVICE_RESET_UNKNOWN);
    EXPECT_EQ(traffic.send("192.0.2.1", 5, vip, model.services[0].port, WEIR_TCP_ACK).reason,
              WEIR_REASON_NO_FLOW);
    model.dataplane.reset_unknown = true;
    load(model);
    EXPECT_EQ(traffic.send("192.0.2.1", 5, vip, model.services[0].port, WEIR_TCP_ACK).reason,
              WEIR_REASON_RESET_SENT);
}

TEST_F(ModesTest, ServerIdsFindTheirBackends) {
    config::Model model = three_servers();
    model.services[0].protocol = Protocol::udp;
    model.services[0].quic_cid = config::QuicCid{2, 1};
    auto& servers = model.upstreams[0].servers;
    servers[0].server_id = 7;
    servers[1].server_id = 0;
    load(model);
    weir_service record = service_at(vip);
    EXPECT_EQ(record.cid_offset, 2);
    EXPECT_EQ(record.cid_length, 1);
    ASSERT_EQ(record.cid_count, 8);
    EXPECT_EQ(slot(record.cid_base + 7), info(b1).id);
    EXPECT_EQ(slot(record.cid_base), info(b2).id);
    EXPECT_EQ(slot(record.cid_base + 1), WEIR_NO_BACKEND);

    balancer->note_health(info(b1).id, false, "refused");
    ASSERT_TRUE(publish());
    EXPECT_EQ(service_at(vip).cid_base, record.cid_base) << "health changes nothing here";
    for (int reload = 0; reload < 10; reload++) {  // or the arena would run out of lines
        servers[0].server_id = static_cast<std::uint16_t>(20 + reload % 2);
        load(model);
        record = service_at(vip);
        EXPECT_EQ(slot(record.cid_base + record.cid_count - 1u), info(b1).id);
    }
    restart();
    load(model);
    EXPECT_NE(service_at(vip).cid_base, record.cid_base) << "the old one may still be read";
    model.services[0].quic_cid.reset();
    load(model);
    EXPECT_EQ(service_at(vip).cid_count, 0);
}

TEST_F(ModesTest, AServerWithoutAPortIsProbedAtTheListens) {
    config::Model model = one(Forward::dsr);
    model.upstreams[0].servers[0].port = 0;
    model.services[0].health_check = config::HealthCheck{};
    load(model);
    ASSERT_EQ(balancer->probe_targets().size(), 1u);
    EXPECT_EQ(balancer->probe_targets()[0].port, 8080);
}

}  // namespace
}  // namespace weir::publish::test
