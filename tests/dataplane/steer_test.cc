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

TEST(Steer, OnlyUsedRecordsAreSteered) {
    const std::array services{service(80), service(81, 0),
                              service(82, WEIR_SERVICE_USED | WEIR_SERVICE_DRAINING)};
    std::array backends{backend(1000, 61000, 62000), backend(2000, 61000, 62000)};
    backends[1].flags = 0;
    const Entries entries = entries_of(services, backends);
    EXPECT_EQ(entries.size(), 3u);
    for (const auto& [key, ports] : entries) {
        if (key.kind != WEIR_STEER_BACKEND) continue;
        EXPECT_EQ(weir_be16_to(key.port), 1000);
        EXPECT_EQ(ports.low, 61000);
        EXPECT_EQ(ports.high, 62000);
    }
}

TEST(Steer, AServerOfTwoUpstreamsHasOneRangeForBoth) {
    const std::array backends{backend(1000, 61000, 62000), backend(1000, 63000, 64000)};
    const Entries entries = entries_of({}, backends);
    ASSERT_EQ(entries.size(), 1u);
    EXPECT_EQ(entries.begin()->second.low, 61000);
    EXPECT_EQ(entries.begin()->second.high, 64000);
}

TEST(Steer, RangesAndModesHaveKeysOfTheirOwn) {
    std::array services{service(0), service(0)};
    services[0].port_low = 8000, services[0].port_high = 8099;
    services[1].port_low = 9000, services[1].port_high = 9099;
    Entries entries = entries_of(services, {});
    ASSERT_EQ(entries.size(), 1u);
    EXPECT_EQ(entries.begin()->first.port.raw, 0);
    EXPECT_EQ(entries.begin()->second.low, 8000);
    EXPECT_EQ(entries.begin()->second.high, 9099);

    weir_backend any = backend(1000, 61000, 62000);
    any.mode = WEIR_MODE_TRANSPARENT;  // its replies go to clients
    entries = entries_of({}, std::array{any});
    ASSERT_EQ(entries.size(), 1u);
    const weir_addr none{};
    EXPECT_TRUE(weir_addr_equal(&entries.begin()->first.local, &none));
    EXPECT_EQ(entries.begin()->first.port.raw, 0);
    EXPECT_EQ(entries.begin()->second.high, 0xffff);
    for (const auto mode : {WEIR_MODE_DSR, WEIR_MODE_IPIP, WEIR_MODE_GUE}) {
        any.mode = mode;  // and these never come by
        EXPECT_TRUE(entries_of({}, std::array{any}).empty());
    }
}

TEST(Steer, AMapIsMadeToHoldExactlyTheEntries) {
    const int map = bpf_map_create(BPF_MAP_TYPE_HASH, "weir_steer_test", sizeof(weir_steer_key),
                                   sizeof(weir_steer_ports), 8, nullptr);
    if (map < 0) GTEST_SKIP() << "no permission to make a BPF map";
    const auto holds = [map](std::uint16_t port) {
        const Entries entries = entries_of(std::array{service(port)}, {});
        weir_steer_ports ports;
        return bpf_map_lookup_elem(map, &entries.begin()->first, &ports) == 0;
    };
    EXPECT_TRUE(replace_entries(map, entries_of(std::array{service(80), service(81)}, {})));
    EXPECT_TRUE(holds(80) && holds(81));
    EXPECT_TRUE(replace_entries(map, entries_of(std::array{service(81), service(82)}, {})));
    EXPECT_TRUE(!holds(80) && holds(81) && holds(82));

    std::array<weir_service, 9> many;
    for (std::uint16_t i = 0; i < many.size(); i++) many[i] = service(100 + i);
    const Status full = replace_entries(map, entries_of(many, {}));
    ASSERT_FALSE(full);
    EXPECT_NE(full.error().find("more services and backends"), std::string::npos) << full.error();
    ::close(map);
}

}  // namespace
}  // namespace weir::steer
