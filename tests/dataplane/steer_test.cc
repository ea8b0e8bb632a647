// SPDX-License-Identifier: Apache-2.0
// What the steering map holds for given tables, and that a real map ends up holding exactly that.
#include "dataplane/steer_map.h"

#include <bpf/bpf.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>

#include "tests/dataplane/frame.h"

namespace weir::steer {
namespace {

weir_service service(std::uint16_t port, std::uint8_t flags = WEIR_SERVICE_USED) {
    weir_service record{};
    record.addr = address(192, 168, 0, 1);
    record.port = weir_be16_from(port);
    record.protocol = WEIR_PROTO_TCP;
    record.flags = flags;
    return record;
}

weir_backend backend(std::uint16_t port, std::uint16_t low, std::uint16_t high) {
    weir_backend record{};
    record.addr = address(172, 17, 0, 1);
    record.snat = address(192, 168, 0, 1);
    record.port = weir_be16_from(port);
    record.flags = WEIR_BACKEND_USED;
    record.snat_low = low;
    record.snat_high = high;
    return record;
}

// The ranges that are there, as text.
std::string text(const weir_steer_ports& ports) {
    std::string all;
    for (const auto& range : ports.range)
        if (range.low <= range.high)
            all += std::to_string(range.low) + "-" + std::to_string(range.high) + " ";
    return all;
}

TEST(Steer, OnlyUsedRecordsAreSteered) {
    const std::array services{service(80), service(81, 0),
                              service(82, WEIR_SERVICE_USED | WEIR_SERVICE_DRAINING)};
    std::array backends{backend(1000, 61000, 62000), backend(2000, 61000, 62000)};
    backends[1].flags = 0;
    const Entries entries = entries_of(services, backends, {}, 1);
    EXPECT_EQ(entries.size(), 3u);
    for (const auto& [key, ports] : entries) {
        if (key.kind != WEIR_STEER_BACKEND) continue;
        EXPECT_EQ(weir_be16_to(key.port), 1000);
        EXPECT_EQ(text(ports), "61000-62000 ");
    }
}

TEST(Steer, AServerOfTwoUpstreamsHasTheRangesOfBoth) {
    const std::array backends{backend(1000, 61000, 62000), backend(1000, 63000, 64000)};
    const Entries entries = entries_of({}, backends, {}, 1);
    ASSERT_EQ(entries.size(), 1u);
    EXPECT_EQ(text(entries.begin()->second), "61000-62000 63000-64000 ");
}

TEST(Steer, RangesThatTouchAreOneAndTheClosestBecomeSoWhereThereAreTooMany) {
    std::vector<weir_backend> backends{backend(1000, 100, 200), backend(1000, 150, 199),
                                       backend(1000, 201, 300)};
    EXPECT_EQ(text(entries_of({}, backends, {}, 1).begin()->second), "100-300 ");
    for (std::uint16_t i = 1; i < WEIR_STEER_RANGES; i++)
        backends.push_back(backend(1000, i * 1000, i * 1000 + 100));
    EXPECT_EQ(text(entries_of({}, backends, {}, 1).begin()->second),
              "100-300 1000-1100 2000-2100 3000-3100 4000-4100 5000-5100 6000-6100 7000-7100 ");
    backends.push_back(backend(1000, 6200, 6300));
    backends.push_back(backend(1000, 65535, 65535));
    EXPECT_EQ(text(entries_of({}, backends, {}, 1).begin()->second),
              "100-1100 2000-2100 3000-3100 4000-4100 5000-5100 6000-6300 7000-7100 65535-65535 ");
}

TEST(Steer, OnlyTheVlansOfItsPort) {
    std::array<weir_port, 4> ports{};
    ports[2].tags = 1;
    ports[2].parent = 1;
    ports[2].tag[0] = {weir_be16_from(WEIR_ETH_VLAN), weir_be16_from(100)};
    ports[3] = ports[2];
    ports[3].parent = 0;
    ports[3].tag[0].tci = weir_be16_from(101);
    const Entries entries = entries_of({}, {}, ports, 1);
    ASSERT_EQ(entries.size(), 1u);
    const weir_steer_key& key = entries.begin()->first;
    EXPECT_EQ(key.kind, WEIR_STEER_VLAN);
    EXPECT_EQ(key.peer.word[0].raw, weir_steer_tag(&ports[2].tag[0]).raw);
    EXPECT_EQ(key.peer.word[1].raw, 0u);
}

TEST(Steer, RangesAndModesHaveKeysOfTheirOwn) {
    std::array services{service(0), service(0)};
    services[0].port_low = 8000, services[0].port_high = 8099;
    services[1].port_low = 9000, services[1].port_high = 9099;
    Entries entries = entries_of(services, {}, {}, 1);
    ASSERT_EQ(entries.size(), 1u);
    EXPECT_EQ(entries.begin()->first.port.raw, 0);
    EXPECT_EQ(text(entries.begin()->second), "8000-8099 9000-9099 ");

    weir_backend any = backend(1000, 61000, 62000);
    any.mode = WEIR_MODE_TRANSPARENT;  // its replies go to clients
    entries = entries_of({}, std::array{any}, {}, 1);
    ASSERT_EQ(entries.size(), 2u);
    EXPECT_EQ(text(entries.at({any.addr, {}, any.port, 0, WEIR_STEER_BACKEND})), "0-65535 ");
    EXPECT_EQ(text(entries.at({any.addr, any.snat, {}, 0, WEIR_STEER_BACKEND})), "")
        << "what the host asks the backend, it hears itself";
    for (const auto mode : {WEIR_MODE_DSR, WEIR_MODE_IPIP, WEIR_MODE_GUE}) {
        any.mode = mode;  // and these never come by
        EXPECT_TRUE(entries_of({}, std::array{any}, {}, 1).empty());
    }
}

TEST(Steer, AMapIsMadeToHoldExactlyTheEntries) {
    const int map = bpf_map_create(BPF_MAP_TYPE_HASH, "weir_steer_test", sizeof(weir_steer_key),
                                   sizeof(weir_steer_ports), 8, nullptr);
    if (map < 0) GTEST_SKIP() << "no permission to make a BPF map";
    const auto holds = [map](std::uint16_t port) {
        const Entries entries = entries_of(std::array{service(port)}, {}, {}, 1);
        weir_steer_ports ports;
        return bpf_map_lookup_elem(map, &entries.begin()->first, &ports) == 0;
    };
    EXPECT_TRUE(replace_entries(map, entries_of(std::array{service(80), service(81)}, {}, {}, 1)));
    EXPECT_TRUE(holds(80) && holds(81));
    EXPECT_TRUE(replace_entries(map, entries_of(std::array{service(81), service(82)}, {}, {}, 1)));
    EXPECT_TRUE(!holds(80) && holds(81) && holds(82));

    std::array<weir_service, 9> many;
    for (std::uint16_t i = 0; i < many.size(); i++) many[i] = service(100 + i);
    const Status full = replace_entries(map, entries_of(many, {}, {}, 1));
    ASSERT_FALSE(full);
    EXPECT_NE(full.error().find("more services and backends"), std::string::npos) << full.error();
    ::close(map);
}

}  // namespace
}  // namespace weir::steer
