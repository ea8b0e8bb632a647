// SPDX-License-Identifier: Apache-2.0
// What a change of the configuration, a failed one, a drain or a restart of control does to flows
// that are there.
#include <algorithm>

#include "tests/control/publish/balancer_fixture.h"

namespace weir::publish::test {
namespace {

constexpr std::uint64_t a_day = 86'400'000'000'000;

TEST_F(BalancerTest, ARemovedBackendStaysForItsFlows) {
    load(three_servers());
    traffic.open(vip, 80);
    const Outcome old = traffic.open(vip, 80);
    ASSERT_EQ(old.backend, b2);
    traffic.establish(old);

    config::Model model = three_servers();
    model.upstreams[0].servers.erase(model.upstreams[0].servers.begin() + 1);
    load(model);
    EXPECT_EQ(std::ranges::count(picks(6), b2), 0);
    EXPECT_EQ(traffic.next(old).reason, WEIR_REASON_FLOW_HIT);
    EXPECT_EQ(traffic.next(old).backend, b2);
    EXPECT_EQ(traffic.reply(old, WEIR_TCP_ACK).reason, WEIR_REASON_FLOW_HIT);
    EXPECT_EQ(info(b2).state, "draining");
    EXPECT_FALSE(info(b2).selectable);
    EXPECT_FALSE(balancer->forget_unused(traffic.now));
    EXPECT_EQ(balancer->backend_addresses().size(), 3u) << "its next hop is still needed";

    // Its number is nobody else's meanwhile.
    model.upstreams[0].servers.push_back(server("10.0.0.4"));
    load(model);
    EXPECT_NE(info("10.0.0.4:8080").id, old.backend_id);

    traffic.now += a_day;
    EXPECT_TRUE(balancer->forget_unused(traffic.now));
    ASSERT_TRUE(publish());
    EXPECT_FALSE(known(b2));
    EXPECT_EQ(balancer->writer().backends()[static_cast<std::size_t>(old.backend_id)].flags, 0);
    EXPECT_FALSE(balancer->forget_unused(traffic.now)) << "nothing is left to forget";
    model.upstreams[0].servers.push_back(server("10.0.0.5"));
    load(model);
    EXPECT_EQ(info("10.0.0.5:8080").id, old.backend_id) << "the number is free again";
}

TEST_F(BalancerTest, ABackendThatComesBackIsTheSame) {
    load(three_servers());
    const Outcome old = traffic.open(vip, 80);
    config::Model without = three_servers();
    without.upstreams[0].servers.erase(without.upstreams[0].servers.begin());
    load(without);
    load(three_servers());
    EXPECT_EQ(info(b1).id, old.backend_id);
    EXPECT_EQ(info(b1).state, "up");
    EXPECT_EQ(std::ranges::count(picks(3), b1), 1);
    EXPECT_FALSE(balancer->forget_unused(traffic.now + a_day))
        << "it is in use, by the configuration";
}

TEST_F(BalancerTest, NothingIsForgottenBeforeItsRemovalIsPublished) {
    load(three_servers());
    config::Model without = three_servers();
    without.upstreams[0].servers.erase(without.upstreams[0].servers.begin());
    ASSERT_TRUE(balancer->configure(without, {}));
    EXPECT_FALSE(balancer->forget_unused(traffic.now));
    const Outcome late = traffic.open(vip, 80);  // by the generation that is still there
    ASSERT_EQ(late.backend, b1);
    ASSERT_TRUE(publish());
    EXPECT_FALSE(balancer->forget_unused(traffic.now));
    ASSERT_TRUE(publish());
    EXPECT_EQ(traffic.next(late).reason, WEIR_REASON_FLOW_HIT);
}

TEST_F(BalancerTest, ForgettingOneSparesTheNextUntilItIsPublished) {
    load(three_servers());
    config::Model without = three_servers();
    without.upstreams[0].servers.pop_back();
    load(without);
    without.upstreams[0].servers.pop_back();
    ASSERT_TRUE(balancer->configure(without, {}));
    EXPECT_TRUE(balancer->forget_unused(traffic.now));
    EXPECT_EQ(balancer->backend_addresses().size(), 2u);
    const Names still = picks(2);
    EXPECT_EQ(std::ranges::count(still, b2), 1);
    ASSERT_TRUE(publish());
    EXPECT_EQ(info(b2).state, "draining");
    EXPECT_FALSE(known(b3));
}

TEST_F(BalancerTest, ARemovedServiceDrains) {
    config::Model model = three_servers();
    model.services.push_back(listen(vip, 81));
    load(model);
    const Outcome old = traffic.open(vip, 81);
    traffic.establish(old);
    const std::uint32_t id = record(81).id;

    load(three_servers());
    EXPECT_EQ(traffic.next(old).reason, WEIR_REASON_FLOW_HIT);
    EXPECT_EQ(traffic.open(vip, 81).reason, WEIR_REASON_SERVICE_DRAINING);
    EXPECT_EQ(traffic.open(vip, 80).reason, WEIR_REASON_FLOW_NEW);
    EXPECT_EQ(record(81).id, id);
    EXPECT_EQ(std::ranges::count_if(balancer->directory().services, &ServiceInfo::draining), 1);
    EXPECT_FALSE(balancer->forget_unused(traffic.now));

    traffic.now += a_day;
    EXPECT_TRUE(balancer->forget_unused(traffic.now));
    ASSERT_TRUE(publish());
    EXPECT_EQ(traffic.open(vip, 81).reason, WEIR_REASON_NOT_SERVICE);
    EXPECT_EQ(balancer->directory().services.size(), 1u);

    load(model);
    EXPECT_EQ(traffic.open(vip, 81).reason, WEIR_REASON_FLOW_NEW) << "and it may come back";
}

TEST_F(BalancerTest, AnUnchangedUpstreamKeepsItsSlots) {
    config::Model model = three_servers();
    model.upstreams.push_back(
        upstream("sticky", {server("10.0.0.4"), server("10.0.0.5")}, config::Method::ip_hash));
    model.services.push_back(listen(vip, 81, 1));
    load(model);
    const weir_service sticky = record(81);
    const weir_service app = record(80);
    ASSERT_GT(sticky.slot_count, 0u);

    model.upstreams[0].servers.pop_back();
    load(model);
    EXPECT_EQ(record(81).slot_base, sticky.slot_base);
    EXPECT_EQ(record(81).turn_base, sticky.turn_base);
    EXPECT_NE(record(80).turn_base, app.turn_base) << "the old ones are still being read";

    ASSERT_TRUE(publish());
    EXPECT_EQ(record(81).slot_base, sticky.slot_base);
    unreachable = {"10.0.0.4"};
    ASSERT_TRUE(publish());
    EXPECT_NE(record(81).slot_base, sticky.slot_base);
}

TEST_F(BalancerTest, AChangedMethodCountsAtOnce) {
    load(three_servers());
    config::Model model = three_servers();
    model.upstreams[0].method = config::Method::ip_hash;
    load(model);
    Names same = picks(6);
    EXPECT_EQ(std::ranges::count(same, same[0]), 6);
    load(three_servers());
    EXPECT_EQ(std::ranges::count(picks(6), same[0]), 2);
}

TEST_F(BalancerTest, ARestartKeepsNumbersFlowsAndTurns) {
    config::Model model = three_servers();
    model.upstreams.push_back(upstream("other", {server("10.0.0.4")}));
    model.services.push_back(listen(vip, 81, 1));
    load(model);
    const Outcome first = traffic.open(vip, 80);
    traffic.establish(first);
    ASSERT_EQ(first.backend, b1);
    const weir_service before = record(80);
    const std::uint64_t generation = balancer->writer().generation();

    restart();
    EXPECT_EQ(balancer->writer().generation(), generation);
    EXPECT_EQ(traffic.next(first).reason, WEIR_REASON_FLOW_HIT);
    EXPECT_EQ(traffic.open(vip, 80).backend, b2) << "nothing has changed yet";

    // The same configuration in another order, with newcomers before the old ones.
    std::ranges::reverse(model.upstreams);
    std::ranges::reverse(model.services);
    for (auto& service : model.services) service.upstream = 1 - service.upstream;
    model.upstreams[0].servers.insert(model.upstreams[0].servers.begin(), server("10.0.0.6"));
    load(model);
    EXPECT_EQ(record(80).id, before.id);
    EXPECT_EQ(record(80).upstream, before.upstream);
    EXPECT_EQ(info(b1).id, first.backend_id);
    EXPECT_EQ(info(b1).state, "up");
    EXPECT_EQ(traffic.next(first).backend, b1);
    EXPECT_EQ(picks(2), (Names{b3, b1})) << "the turns go on where they were";
}

TEST_F(BalancerTest, ARestartWithoutABackendDrainsIt) {
    load(three_servers());
    const Outcome old = traffic.open(vip, 80);
    traffic.establish(old);
    restart();
    EXPECT_EQ(balancer->backend_addresses().size(), 3u);
    EXPECT_FALSE(balancer->forget_unused(traffic.now + a_day))
        << "nothing is published as removed yet";
    config::Model model = three_servers();
    model.upstreams[0].servers.erase(model.upstreams[0].servers.begin());
    model.services = {listen(vip, 81)};
    load(model);
    EXPECT_EQ(traffic.next(old).backend, b1);
    EXPECT_EQ(traffic.open(vip, 80).reason, WEIR_REASON_SERVICE_DRAINING);
    EXPECT_EQ(info(b1).state, "draining");
    EXPECT_EQ(std::ranges::count(picks(4, 81), b1), 0);
    EXPECT_FALSE(balancer->forget_unused(traffic.now));
    EXPECT_TRUE(balancer->forget_unused(traffic.now + a_day));
    ASSERT_TRUE(publish());
    EXPECT_FALSE(known(b1));
}

TEST_F(BalancerTest, ARestartAfterARestartStillRefusesToReuseNumbers) {
    load(three_servers());
    const Outcome old = traffic.open(vip, 80);
    traffic.establish(old);
    config::Model model = three_servers();
    model.upstreams = {upstream("new", {server("10.0.0.7")})};
    for (int times = 0; times < 2; times++) {
        restart();
        load(model);
        EXPECT_NE(info("10.0.0.7:8080").id, old.backend_id);
        EXPECT_EQ(traffic.next(old).backend, b1);
        EXPECT_EQ(picks(1), Names{"10.0.0.7:8080"});
    }
}

TEST_F(BalancerTest, DrainEndsNewFlowsOnly) {
    load(three_servers());
    const Outcome old = traffic.open(vip, 80);
    traffic.establish(old);
    EXPECT_EQ(balancer->live_flows(traffic.now), 1u);
    balancer->drain();
    ASSERT_TRUE(publish());
    EXPECT_EQ(traffic.open(vip, 80).reason, WEIR_REASON_SERVICE_DRAINING);
    EXPECT_EQ(traffic.next(old).reason, WEIR_REASON_FLOW_HIT);
    EXPECT_FALSE(info(b1).selectable);
    EXPECT_TRUE(balancer->directory().services[0].draining);
    EXPECT_EQ(balancer->live_flows(traffic.now), 1u);
    traffic.next(old, WEIR_TCP_FIN | WEIR_TCP_ACK);
    EXPECT_EQ(balancer->live_flows(traffic.now), 1u) << "half closed";
    traffic.reply(old, WEIR_TCP_FIN | WEIR_TCP_ACK);
    EXPECT_EQ(balancer->live_flows(traffic.now), 0u);
}

TEST_F(BalancerTest, LiveFlowsExpire) {
    load(three_servers());
    picks(5);
    EXPECT_EQ(balancer->live_flows(traffic.now), 5u);
    EXPECT_EQ(balancer->live_flows(traffic.now + a_day), 0u);
}

TEST_F(BalancerTest, HealthSurvivesAReload) {
    config::Model model = three_servers();
    model.services[0].health_check.emplace();
    load(model);
    balancer->note_health(info(b2).id, false, "refused");
    model.upstreams[0].servers.push_back(server("10.0.0.4"));
    load(model);
    EXPECT_EQ(info(b2).state, "unhealthy");
    EXPECT_EQ(std::ranges::count(picks(6), b2), 0);

    // Nobody probes it any more: it is taken for healthy.
    model.services[0].health_check.reset();
    load(model);
    EXPECT_EQ(info(b2).state, "up");
    EXPECT_EQ(std::ranges::count(picks(4), b2), 1);
}

// Three configurations that do not fit: 8 backends, 4 upstreams, 16 services.
TEST_F(BalancerTest, ATooLargeConfigurationChangesNothing) {
    load(three_servers());
    const Outcome old = traffic.open(vip, 80);
    config::Model backends = three_servers();
    for (int i = 10; i < 16; i++)
        backends.upstreams[0].servers.push_back(server("10.0.0." + std::to_string(i)));
    config::Model upstreams = three_servers();
    for (int i = 0; i < 4; i++)
        upstreams.upstreams.push_back(upstream("u" + std::to_string(i), {server("10.0.0.10")}));
    config::Model services = three_servers();
    for (std::uint16_t i = 0; i < 16; i++) services.services.push_back(listen(vip, 1000 + i));

    const auto refused = [&](const config::Model& model) {
        const auto status = balancer->configure(model, {});
        EXPECT_FALSE(status);
        return status ? std::string() : status.error();
    };
    const std::string needs = "the configuration needs ";
    const std::string hold = ", the tables of this run hold ";
    const std::string restart = "; restart weir to make room";
    for (int times = 0; times < 3; times++) {
        EXPECT_EQ(refused(backends), needs + "9 backends" + hold + "8" + restart);
        EXPECT_EQ(refused(upstreams), needs + "5 upstreams" + hold + "4" + restart);
        EXPECT_EQ(
            refused(services),
            "the configuration has 17 services, for which the 16 places in the tables of this "
            "run do not suffice" +
                restart);
    }
    ASSERT_TRUE(publish());
    EXPECT_EQ(picks(3), (Names{b2, b3, b1}));
    EXPECT_EQ(traffic.next(old).reason, WEIR_REASON_FLOW_HIT);
    EXPECT_EQ(balancer->directory().backends.size(), 3u);

    // The numbers that they were given are free: what just fits, fits.
    backends.upstreams[0].servers.pop_back();
    load(backends);
    EXPECT_EQ(balancer->directory().backends.size(), 8u);
}

// It would fit into empty tables; the flows of what it replaces end some day.
TEST_F(BalancerTest, WhatRemovedBackendsStillUseIsNoFaultOfTheConfiguration) {
    config::Model model = three_servers();
    for (int i = 4; i < 8; i++)
        model.upstreams[0].servers.push_back(server("10.0.0." + std::to_string(i)));
    load(model);
    for (std::uint16_t i = 0; i < 7; i++) traffic.open(vip, 80);
    config::Model other = three_servers();
    other.upstreams[0].servers = {server("10.0.1.1"), server("10.0.1.2")};
    const auto status = balancer->configure(other, {});
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error(),
              "flows use backends that were removed, beside which the tables of this run have no "
              "room for all of the configuration's (they hold 8); try again when those flows have "
              "ended, or restart weir");
    load(three_servers());
    traffic.now += a_day;
    balancer->forget_unused(traffic.now);
    EXPECT_TRUE(balancer->configure(other, {}));
}

// Upstreams whose slot tables fill 196 lines each, twice: slots and turns.
config::Model wide(unsigned first, unsigned second) {
    config::Model model = three_servers();
    model.upstreams.push_back(upstream(
        "wide", {server("10.0.0.4", first), server("10.0.0.5", second)}, config::Method::ip_hash));
    model.services.push_back(listen(vip, 81, 1));
    return model;
}

class NarrowBalancerTest : public BalancerTest {
  protected:
    static tables::Geometry narrow() {
        tables::Geometry geometry = BalancerTest::geometry();
        geometry.slot_lines = 300;
        return geometry;
    }
    NarrowBalancerTest() : BalancerTest(narrow()) {}
};

TEST_F(NarrowBalancerTest, WithoutRoomForSlotsTheGenerationBeforeGoesOn) {
    load(three_servers());
    const Outcome old = traffic.open(vip, 80);
    const auto never = balancer->configure(wide(3000, 3271), {});
    ASSERT_FALSE(never);
    EXPECT_EQ(never.error(),
              "the configuration needs 12576 slots, the tables of this run hold 9600; restart weir "
              "to make room");
    load(wide(1500, 1501));
    const std::uint64_t generation = balancer->writer().generation();

    // 134 lines of either: they would fit, but for the 94 that are in use.
    ASSERT_TRUE(balancer->configure(wide(2000, 2271), {}));
    for (int times = 0; times < 5; times++) {
        // What changes meanwhile must not eat up the room either.
        unreachable = times % 2 ? std::set<std::string>{} : std::set<std::string>{"10.0.0.1"};
        const auto status = publish();
        ASSERT_FALSE(status);
        EXPECT_EQ(status.error(),
                  "no room for the slots of upstream \"wide\"; restart weir to make room");
    }
    EXPECT_EQ(balancer->writer().generation(), generation);
    EXPECT_EQ(balancer->directory().generation, generation);
    EXPECT_EQ(picks(3), (Names{b2, b3, b1}));
    EXPECT_EQ(traffic.next(old).reason, WEIR_REASON_FLOW_HIT);
    EXPECT_EQ(traffic.open(vip, 81).reason, WEIR_REASON_FLOW_NEW) << "by the old slots";

    unreachable.clear();
    load(wide(600, 601));
    EXPECT_EQ(traffic.open(vip, 81).reason, WEIR_REASON_FLOW_NEW)
        << "1201 of either fit beside the old ones";
}

TEST_F(NarrowBalancerTest, SlotsAreReusedForEver) {
    for (unsigned times = 0; times < 50; times++) {
        load(wide(1000, 1001 + 2 * (times % 2)));
        EXPECT_EQ(traffic.open(vip, 81).reason, WEIR_REASON_FLOW_NEW);
        load(three_servers());
        traffic.now += a_day;
        balancer->forget_unused(traffic.now);
    }
    for (unsigned times = 0; times < 50; times++) {
        load(wide(1000, 1001 + 2 * (times % 2)));
        EXPECT_EQ(traffic.open(vip, 81).reason, WEIR_REASON_FLOW_NEW);
    }
}

}  // namespace
}  // namespace weir::publish::test
