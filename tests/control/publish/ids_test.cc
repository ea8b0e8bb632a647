// SPDX-License-Identifier: Apache-2.0
// Numbers keep their meaning: until forgotten, and over a restart.
#include "control/publish/ids.h"

#include <gtest/gtest.h>

#include "tests/dataplane/tables/heap_tables.h"

namespace weir::publish {
namespace {

weir_addr v4(std::uint32_t address) {
    return weir_addr_v4(weir_be32_from(address));
}

TEST(Numbers, AreStableAndTheLowestFree) {
    Numbers<std::string> numbers(3);
    EXPECT_EQ(numbers.number("a"), 0u);
    EXPECT_EQ(numbers.number("b"), 1u);
    EXPECT_EQ(numbers.number("c"), 2u);
    EXPECT_EQ(numbers.number("b"), 1u);
    EXPECT_EQ(numbers.number("d"), std::nullopt);
    EXPECT_EQ(numbers.number("a"), 0u) << "known ones are found when all are taken";

    numbers.forget(1);
    EXPECT_EQ(numbers.number("d"), 1u);
    EXPECT_EQ(numbers.number("b"), std::nullopt);
    EXPECT_EQ(numbers.keys(), (std::map<std::uint32_t, std::string>{{0, "a"}, {1, "d"}, {2, "c"}}));
}

TEST(Numbers, ForgetsOnlyWhatItKnows) {
    Numbers<std::string> numbers(2);
    numbers.forget(0);
    EXPECT_EQ(numbers.number("a"), 0u);
    numbers.forget(1);
    EXPECT_EQ(numbers.number("a"), 0u);
}

TEST(Numbers, AdoptsWhatStoodBefore) {
    Numbers<std::string> numbers(4);
    numbers.adopt("x", 2);
    numbers.adopt("y", 0);
    EXPECT_EQ(numbers.number("x"), 2u);
    EXPECT_EQ(numbers.number("new"), 1u);
    EXPECT_EQ(numbers.number("newer"), 3u);
    EXPECT_EQ(numbers.number("newest"), std::nullopt);
}

weir_service service(std::uint32_t address, std::uint16_t port, std::uint8_t protocol) {
    weir_service made{};
    made.addr = v4(address);
    made.port = weir_be16_from(port);
    made.protocol = protocol;
    return made;
}

TEST(Ids, KeysTellAllThatDiffers) {
    const weir_be16 port = weir_be16_from(80);
    EXPECT_EQ(backend_key(1, v4(5), port, 0), backend_key(1, v4(5), port, 0));
    EXPECT_NE(backend_key(1, v4(5), port, 0), backend_key(2, v4(5), port, 0));
    EXPECT_NE(backend_key(1, v4(5), port, 0), backend_key(1, v4(6), port, 0));
    EXPECT_NE(backend_key(1, v4(5), port, 0), backend_key(1, v4(5), weir_be16_from(81), 0));
    EXPECT_NE(backend_key(1, v4(5), port, WEIR_MODE_NAT),
              backend_key(1, v4(5), port, WEIR_MODE_DSR));

    const auto key = [](std::uint32_t address, std::uint8_t protocol) {
        return service_key(service(address, 80, protocol));
    };
    EXPECT_NE(key(5, WEIR_PROTO_TCP), key(5, WEIR_PROTO_UDP));
    EXPECT_NE(key(5, WEIR_PROTO_TCP), key(6, WEIR_PROTO_TCP));
    weir_service range = service(5, 0, WEIR_PROTO_TCP);
    range.port_low = 80;
    range.port_high = 90;
    weir_service other = range;
    other.port_high = 91;
    EXPECT_NE(service_key(range), key(5, WEIR_PROTO_TCP));
    EXPECT_NE(service_key(range), service_key(other));
}

TEST(Ids, AnUpstreamsNameIsNeverTheMarkOfAnUnusedOne) {
    EXPECT_EQ(upstream_name("app"), upstream_name("app"));
    EXPECT_NE(upstream_name("app"), upstream_name("api"));
    EXPECT_NE(upstream_name(""), 0u);
    EXPECT_EQ(upstream_name("a"), 0xaf63dc4c8601ec8cull) << "FNV-1a's own test vector; it is ABI";
}

TEST(Ids, AdoptsFromTables) {
    tables::Geometry geometry;
    geometry.services = geometry.backends = geometry.upstreams = 4;
    geometry.flow_buckets = geometry.ref_buckets = 1;
    tables::HeapTables heap(geometry);
    const tables::View view = heap.view();
    view.upstreams[2].name = upstream_name("app");
    view.backends[1].flags = WEIR_BACKEND_USED;
    view.backends[1].upstream = 2;
    view.backends[1].mode = WEIR_MODE_GUE;
    view.backends[1].addr = v4(7);
    view.backends[1].port = weir_be16_from(8080);
    view.services[3].flags = WEIR_SERVICE_USED | WEIR_SERVICE_DRAINING;
    view.services[3].addr = v4(9);
    view.services[3].port = weir_be16_from(80);
    view.services[3].protocol = WEIR_PROTO_TCP;
    view.services[3].id = 1;  // not where it stands: that is its hash

    Ids ids(*view.control);
    ids.adopt(view, view.services.first(4), view.backends.first(4));
    EXPECT_EQ(ids.upstreams.number(upstream_name("app")), 2u);
    EXPECT_EQ(ids.backends.number(backend_key(2, v4(7), weir_be16_from(8080), WEIR_MODE_GUE)), 1u);
    EXPECT_EQ(ids.services.number(service_key(service(9, 80, WEIR_PROTO_TCP))), 1u);
    EXPECT_EQ(ids.upstreams.keys().size(), 1u);
    EXPECT_EQ(ids.backends.keys().size(), 1u);
    EXPECT_EQ(ids.services.keys().size(), 1u);
}

TEST(Ids, NoBackendIsNoNumber) {
    weir_control control{};
    control.backend_capacity = 70000;
    Ids ids(control);
    for (std::uint32_t i = 0; i < WEIR_NO_BACKEND; i++)
        ids.backends.adopt(backend_key(0, v4(i), weir_be16_from(1), 0), i);
    EXPECT_EQ(ids.backends.number(backend_key(1, v4(0), weir_be16_from(1), 0)), std::nullopt);
}

}  // namespace
}  // namespace weir::publish
