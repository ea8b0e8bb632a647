// SPDX-License-Identifier: Apache-2.0
// How large tables are made for a configuration: what today's sizes hold changes nothing, a larger
// one gets twice its need, and what no tables hold is refused with its place in the file.
#include "control/publish/sizing.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "control/publish/ids.h"
#include "control/publish/slots.h"
#include "tests/control/publish/balancer_fixture.h"

namespace weir::publish::test {
namespace {

std::string address(unsigned number) {
    return fmt::format("10.{}.{}.{}", number >> 16, (number >> 8) & 255, number & 255);
}

// So many upstreams of so many servers, each with a service of its own.
config::Model many(unsigned upstreams, unsigned servers,
                   config::Method method = config::Method::round_robin) {
    config::Model model;
    for (unsigned i = 0; i < upstreams; i++) {
        std::vector<config::Server> lines;
        for (unsigned j = 0; j < servers; j++)
            lines.push_back(server(address(1 + i * servers + j)));
        model.upstreams.push_back(upstream(fmt::format("u{}", i), std::move(lines), method));
        model.services.push_back(
            listen("203.0.113.1", static_cast<std::uint16_t>(1000 + i % 50000), i));
    }
    return model;
}

tables::Geometry sized(const Needs& needs) {
    auto geometry = tables::Geometry::for_flows(1000, 1, 1);
    make_room(geometry, needs);
    return geometry;
}

TEST(Sizing, SmallConfigurationsGetWhatTablesAlwaysHad) {
    const tables::Geometry plain;
    const auto geometry = sized(needs_of(many(100, 10), {}));
    EXPECT_EQ(geometry.services, plain.services);
    EXPECT_EQ(geometry.backends, plain.backends);
    EXPECT_EQ(geometry.upstreams, plain.upstreams);
    EXPECT_EQ(geometry.slot_lines, plain.slot_lines);
    EXPECT_EQ(geometry.sources, plain.sources);
}

TEST(Sizing, LargeOnesGetTwiceTheirNeed) {
    const Needs needs = needs_of(many(1000, 5), {});
    EXPECT_EQ(needs.backends, 5000u);
    EXPECT_EQ(needs.upstreams, 1000u);
    EXPECT_EQ(needs.services.size(), 1000u);
    EXPECT_EQ(needs.slot_lines, 1000u);
    const auto geometry = sized(needs);
    EXPECT_EQ(geometry.backends, 10000u);
    EXPECT_EQ(geometry.upstreams, 2000u);
    EXPECT_EQ(shortage(geometry, needs), "");
    EXPECT_TRUE(holds(geometry, needs));
    EXPECT_EQ(shortage(geometry, needs_of(many(2000, 5), {})), "") << "a reload may double it";
    EXPECT_EQ(shortage(geometry, needs_of(many(2001, 1), {})),
              "the configuration needs 2001 upstreams, the tables of this run hold 2000");
    EXPECT_EQ(shortage(geometry, needs_of(many(1, 10001), {})),
              "the configuration needs 10001 backends, the tables of this run hold 10000");
    EXPECT_EQ(sized(needs_of(many(1, 40000), {})).backends, most_backends);
}

TEST(Sizing, SlotTablesFitTwiceOverAndOnceMore) {
    const Needs needs = needs_of(many(20, 3, config::Method::maglev), {});
    EXPECT_EQ(needs.slot_lines, 20u * 2049u);
    EXPECT_EQ(sized(needs).slot_lines, 4u * 20u * 2049u);
    tables::Geometry old = sized(needs);
    old.slot_lines = 2 * 20 * 2049;
    EXPECT_TRUE(holds(old, needs));
    old.slot_lines--;
    EXPECT_FALSE(holds(old, needs)) << "the old slots are there until the new ones are seen";
}

TEST(Sizing, SlotCountsAreThoseOfTheTables) {
    for (const auto method :
         {config::Method::round_robin, config::Method::ip_hash, config::Method::maglev})
        for (const std::vector<unsigned>& weights :
             {std::vector<unsigned>{1}, {4, 2, 6}, {7, 11, 13}, {65535, 65521, 3}, {4000, 4000}}) {
            std::vector<Peer> peers;
            for (const unsigned weight : weights)
                peers.push_back({static_cast<std::uint16_t>(peers.size()),
                                 address(static_cast<unsigned>(peers.size())), weight, false,
                                 true});
            const SlotTables made = slot_tables(method, peers);
            const SlotCounts counted = slot_counts(method, weights);
            EXPECT_EQ(made.slots.size(), counted.slots);
            EXPECT_GE(counted.turns, made.turns.size());  // long ones are scaled down, and reduced
            if (counted.turns < 65536) {
                EXPECT_EQ(made.turns.size(), counted.turns);
            }
        }
}

TEST(Sizing, AWildcardIsAsManyServicesAsThereAreAddresses) {
    config::Model model = three_servers();
    model.services = {listen("", 80), listen("203.0.113.1", 80)};
    const std::vector<IpAddress> addresses{make_address("203.0.113.1"), make_address("203.0.113.2"),
                                           make_address("2001:db8::1")};
    EXPECT_EQ(needs_of(model, addresses).services.size(), 2u) << "IPv4's, one of them named twice";
}

TEST(Sizing, AHostsAddressesAreABackendEach) {
    config::Model model = three_servers();
    model.upstreams[0].servers[0].addresses.push_back(make_address("10.0.0.9"));
    model.upstreams[0].servers.push_back(model.upstreams[0].servers[1]);  // the same again
    EXPECT_EQ(needs_of(model, {}).backends, 4u);
}

// The property that matters: whatever the addresses and ports, the tables made for a configuration
// take all of its services.
TEST(Sizing, EveryServiceFindsAPlace) {
    for (const unsigned count : {500u, 5000u, 20000u}) {
        config::Model ports;
        config::Model machines;
        ports.upstreams = machines.upstreams = three_servers().upstreams;
        for (unsigned i = 0; i < count; i++) {
            ports.services.push_back(listen(vip, static_cast<std::uint16_t>(1 + i)));
            machines.services.push_back(listen(address(i), 443));
        }
        for (const config::Model& model : {ports, machines}) {
            const Needs needs = needs_of(model, {});
            const auto geometry = sized(needs);
            EXPECT_EQ(needs.services.size(), count);
            EXPECT_TRUE(std::has_single_bit(geometry.services));
            EXPECT_TRUE(have_places(needs.services, geometry.services));
            EXPECT_LE(geometry.services, std::max(4096u, 64 * std::bit_ceil(count)));
        }
    }
}

std::string refused(const config::Model& model) {
    const Status status = check_limits(model);
    return status ? "" : status.error();
}

TEST(Sizing, WhatNoTablesHoldIsRefusedWithItsPlace) {
    config::Model model = many(2, 40000);
    model.upstreams[1].source = {"weir.conf", 7};
    EXPECT_EQ(refused(model),
              "more than 65535 backends with those of upstream \"u1\" in weir.conf:7");
    model = three_servers();
    for (unsigned i = 0; i < 9; i++) {
        config::Service range = listen(vip, static_cast<std::uint16_t>(1000 + 20 * i));
        range.last_port = static_cast<std::uint16_t>(range.port + 9);
        range.source = {"weir.conf", 10 + i};
        model.services.push_back(range);
    }
    EXPECT_EQ(refused(model), "more than 8 ranges of ports on 203.0.113.1 in weir.conf:18");
    model.services.back().protocol = config::Protocol::udp;
    EXPECT_EQ(refused(model), "");
    EXPECT_EQ(refused(many(1000, 5)), "");
    EXPECT_NE(refused(many(20000, 1, config::Method::maglev)), "");
}

}  // namespace
}  // namespace weir::publish::test
