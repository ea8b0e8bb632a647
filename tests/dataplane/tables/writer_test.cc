// SPDX-License-Identifier: Apache-2.0
// What the writer promises its readers: whole generations, found as the packet program finds them,
// and slots that nobody overwrites while a reader may still use them.
#include "dataplane/tables/writer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <numeric>
#include <random>
#include <tuple>

#include "tests/dataplane/tables/heap_tables.h"

namespace weir::tables {
namespace {

weir_service service(std::uint32_t id, std::uint32_t address, std::uint16_t port,
                     std::uint8_t protocol = WEIR_PROTO_TCP) {
    weir_service record{};
    record.addr = weir_addr_v4(weir_be32_from(address));
    record.port = weir_be16_from(port);
    record.protocol = protocol;
    record.id = id;
    return record;
}

weir_backend backend(std::uint32_t address) {
    weir_backend record{};
    record.addr = weir_addr_v4(weir_be32_from(address));
    record.flags = WEIR_BACKEND_USED;
    return record;
}

class WriterTest : public testing::Test {
  protected:
    static constexpr std::uint32_t lines = 6;

    static Geometry geometry() {
        Geometry geometry;
        geometry.services = 16;
        geometry.backends = 4;
        geometry.slot_lines = lines;
        geometry.upstreams = 4;
        geometry.flow_buckets = geometry.ref_buckets = 1;
        return geometry;
    }
    Writer::WaitSeen wait_seen() {
        return [this](std::uint64_t generation) { waited.push_back(generation); };
    }

    // The id of the service that a packet to this place finds, or -1.
    int found(std::uint32_t address, std::uint16_t port, std::uint8_t protocol = WEIR_PROTO_TCP) {
        weir_env env = tables.env();
        weir_tuple tuple{};
        tuple.dst = weir_addr_v4(weir_be32_from(address));
        tuple.dport = weir_be16_from(port);
        tuple.protocol = protocol;
        const weir_service* record = weir_service_find(&env, &tuple);
        return record ? static_cast<int>(record->id) : -1;
    }
    std::vector<std::uint16_t> slots(SlotRange range) {
        std::vector<std::uint16_t> read;
        weir_env env = tables.env();
        for (std::uint32_t i = 0; i < range.count; i++)
            read.push_back(static_cast<std::uint16_t>(weir_slot(&env, range.base + i)));
        return read;
    }
    static std::vector<std::uint16_t> numbers(std::size_t count, std::uint16_t from) {
        std::vector<std::uint16_t> sequence(count);
        std::iota(sequence.begin(), sequence.end(), from);
        return sequence;
    }
    // One service that names the range.
    static std::vector<weir_service> naming(SlotRange slots, SlotRange turns = {}) {
        weir_service record = service(1, 1, 80);
        record.slot_base = slots.base;
        record.slot_count = slots.count;
        record.turn_base = turns.base;
        record.turn_count = turns.count;
        return {record};
    }

    HeapTables tables{geometry()};
    std::vector<std::uint64_t> waited;
    Writer writer{tables.view(), wait_seen()};
};

TEST_F(WriterTest, AGenerationGoesToTheOtherHalf) {
    const View view = tables.view();
    const auto bytes = [&](std::size_t half) {
        const auto services = view.services.subspan(half * 16, 16);
        const auto backends = view.backends.subspan(half * 4, 4);
        std::string copy(reinterpret_cast<const char*>(services.data()), services.size_bytes());
        return copy.append(reinterpret_cast<const char*>(backends.data()), backends.size_bytes());
    };
    EXPECT_EQ(writer.generation(), 0u);
    const std::string empty = bytes(0);

    writer.begin();
    ASSERT_EQ(writer.publish({{service(5, 1, 80)}}, {{backend(7)}}), "");
    EXPECT_EQ(writer.generation(), 1u);
    EXPECT_EQ(bytes(0), empty);
    EXPECT_NE(bytes(1), empty);
    EXPECT_EQ(found(1, 80), 5);

    const std::string first = bytes(1);
    writer.begin();
    ASSERT_EQ(writer.publish({{service(6, 2, 80)}}, {}), "");
    EXPECT_EQ(writer.generation(), 2u);
    EXPECT_EQ(bytes(1), first) << "a reader of generation 1 may still be there";
    EXPECT_EQ(found(1, 80), -1);
    EXPECT_EQ(found(2, 80), 6);

    writer.begin();
    ASSERT_EQ(writer.publish({}, {}), "");
    EXPECT_EQ(bytes(1), empty) << "what generation 1 left there is gone";
}

TEST_F(WriterTest, InterfacesBelongToTheirGeneration) {
    const weir_control& control = *tables.view().control;
    const auto publish = [&](std::uint16_t mtu) {
        std::array<weir_interface, 3> interfaces{};
        interfaces[2].addr4 = weir_be32_from(mtu);
        interfaces[2].mtu = mtu;
        writer.begin();
        writer.set_interfaces(interfaces);
        ASSERT_EQ(writer.publish({}, {}), "");
    };
    EXPECT_EQ(control.reply_mtu, 0xffff);
    publish(1500);
    EXPECT_EQ(control.interfaces[1][2].mtu, 1500);
    EXPECT_EQ(control.reply_mtu, 1500);
    publish(9000);
    EXPECT_EQ(control.interfaces[0][2].mtu, 9000);
    EXPECT_EQ(weir_be32_to(control.interfaces[1][2].addr4), 1500u);
    EXPECT_EQ(control.reply_mtu, 1500);  // a packet may still be with the other half
    publish(9000);
    EXPECT_EQ(control.reply_mtu, 9000);
}

TEST_F(WriterTest, WaitsForTheReadersOfTheIdleHalf) {
    for (std::uint64_t generation = 0; generation < 3; generation++) {
        writer.begin();
        ASSERT_EQ(waited.size(), generation + 1);
        EXPECT_EQ(waited.back(), generation);
        ASSERT_EQ(writer.publish({}, {}), "");
    }
    EXPECT_EQ(waited.size(), 3u);
}

TEST_F(WriterTest, BackendsStandAtTheirIds) {
    writer.begin();
    ASSERT_EQ(writer.publish({}, {{backend(1), weir_backend{}, backend(3)}}), "");
    const auto backends = writer.backends();
    ASSERT_EQ(backends.size(), 4u);
    EXPECT_EQ(weir_be32_to(backends[0].addr.word[3]), 1u);
    EXPECT_EQ(backends[1].flags, 0);
    EXPECT_EQ(weir_be32_to(backends[2].addr.word[3]), 3u);
    EXPECT_EQ(backends[3].flags, 0);
}

TEST(Writer, EveryServiceIsFoundAndNoStranger) {
    Geometry geometry;
    geometry.services = 1024;
    geometry.flow_buckets = geometry.ref_buckets = 1;
    HeapTables tables(geometry);
    Writer writer(tables.view(), [](std::uint64_t) {});
    std::mt19937 random(7);
    using Place = std::tuple<std::uint32_t, std::uint16_t, std::uint8_t>;
    const auto place = [&]() -> Place {
        return {0x0a000000 + random() % 16, static_cast<std::uint16_t>(1 + random() % 64),
                random() % 2 ? WEIR_PROTO_TCP : WEIR_PROTO_UDP};
    };
    std::map<Place, std::uint32_t> ids;
    std::vector<weir_service> services;
    while (ids.size() < 200)
        if (const auto at = place(); ids.emplace(at, ids.size()).second)
            services.push_back(service(static_cast<std::uint32_t>(ids.size() - 1), std::get<0>(at),
                                       std::get<1>(at), std::get<2>(at)));
    writer.begin();
    ASSERT_EQ(writer.publish(services, {}), "");
    weir_env env = tables.env();
    unsigned strangers = 0;
    for (int i = 0; i < 5000; i++) {
        const Place at = place();
        weir_tuple tuple{};
        tuple.dst = weir_addr_v4(weir_be32_from(std::get<0>(at)));
        tuple.dport = weir_be16_from(std::get<1>(at));
        tuple.protocol = std::get<2>(at);
        const weir_service* record = weir_service_find(&env, &tuple);
        const auto known = ids.find(at);
        ASSERT_EQ(record != nullptr, known != ids.end());
        if (record) {
            ASSERT_EQ(record->id, known->second);
        }
        strangers += !record;
    }
    EXPECT_GT(strangers, 1000u);
}

TEST_F(WriterTest, TooManyServicesLeaveTheGenerationBefore) {
    writer.begin();
    ASSERT_EQ(writer.publish({{service(5, 1, 80)}}, {{backend(7)}}), "");
    std::vector<weir_service> many;
    for (std::uint16_t i = 0; i < 17; i++) many.push_back(service(i, 9, i));
    writer.begin();
    EXPECT_EQ(
        writer.publish(many, {}),
        "more services than the tables of this run hold (16 places); restart weir to make room");
    EXPECT_EQ(writer.generation(), 1u);
    EXPECT_EQ(found(1, 80), 5);
    EXPECT_EQ(found(9, 3), -1);
    EXPECT_EQ(writer.backends()[0].flags, WEIR_BACKEND_USED);

    writer.begin();
    ASSERT_EQ(writer.publish({{service(8, 9, 3)}}, {}), "") << "and the next one goes on";
    EXPECT_EQ(found(9, 3), 8);
    EXPECT_EQ(found(9, 4), -1) << "a leftover of the failed one";
}

TEST_F(WriterTest, TooManyBackendsLeaveTheGenerationBefore) {
    writer.begin();
    ASSERT_EQ(writer.publish({{service(5, 1, 80)}}, {{backend(7)}}), "");
    const std::vector<weir_backend> many(5, backend(9));
    writer.begin();
    EXPECT_EQ(writer.publish({{service(6, 2, 80)}}, many),
              "more backends than the tables of this run hold (4); restart weir to make room");
    EXPECT_EQ(writer.generation(), 1u);
    EXPECT_EQ(found(1, 80), 5);
    EXPECT_EQ(found(2, 80), -1);
    EXPECT_EQ(weir_be32_to(writer.backends()[0].addr.word[3]), 7u);
}

TEST_F(WriterTest, RangesAreLookedForUntilTheLastReaderOfOneIsGone) {
    weir_service range = service(7, 0x0a000001, 0);
    range.port_low = 8000;
    range.port_high = 8999;
    const auto flags = [this] { return tables.view().control->flags; };
    Writer writer(tables.view(), wait_seen());

    EXPECT_EQ(writer.publish({}, {}), "");
    EXPECT_EQ(flags(), 0U);
    EXPECT_EQ(writer.publish(std::array{range, service(8, 0x0a000001, 8500)}, {}), "");
    EXPECT_EQ(flags(), WEIR_CONTROL_RANGES);
    EXPECT_EQ(found(0x0a000001, 7999), -1);
    EXPECT_EQ(found(0x0a000001, 8000), 7);
    EXPECT_EQ(found(0x0a000001, 8500), 8);
    EXPECT_EQ(found(0x0a000001, 8999), 7);
    EXPECT_EQ(found(0x0a000001, 9000), -1);
    EXPECT_EQ(found(0x0a000002, 8000), -1);
    EXPECT_EQ(writer.publish({}, {}), "");
    EXPECT_EQ(flags(), WEIR_CONTROL_RANGES);  // the other half may still be read
    EXPECT_EQ(writer.publish({}, {}), "");
    EXPECT_EQ(flags(), 0U);
}

TEST_F(WriterTest, SaysWhetherThereAreServicesWithoutFlows) {
    weir_service stateless = service(7, 0x0a000001, 80);
    stateless.flags |= WEIR_SERVICE_STATELESS;
    const auto flags = [this] { return tables.view().control->flags; };
    Writer writer(tables.view(), wait_seen());

    EXPECT_EQ(writer.publish(std::array{service(8, 0x0a000001, 81)}, {}), "");
    EXPECT_EQ(flags(), 0U);
    EXPECT_EQ(writer.publish(std::array{stateless}, {}), "");
    EXPECT_EQ(flags(), WEIR_CONTROL_STATELESS);
    EXPECT_EQ(writer.publish({}, {}), "");
    EXPECT_EQ(flags(), WEIR_CONTROL_STATELESS);  // the other half may still be read
    EXPECT_EQ(writer.publish({}, {}), "");
    EXPECT_EQ(flags(), 0U);
}

TEST_F(WriterTest, SlotsAreReadAsWritten) {
    writer.begin();
    for (const std::size_t count : {1u, 32u, 33u}) {
        const auto sequence = numbers(count, static_cast<std::uint16_t>(100 * count));
        const SlotRange range = writer.write_slots(sequence);
        ASSERT_EQ(range.count, count);
        EXPECT_EQ(slots(range), sequence);
    }
    EXPECT_EQ(writer.write_slots({}).count, 0u);
}

TEST_F(WriterTest, SlotsWithoutRoomAreRefusedAndTouchNothing) {
    writer.begin();
    const SlotRange range = writer.write_slots(numbers(4 * 32, 0));
    EXPECT_EQ(writer.write_slots(numbers(2 * 32 + 1, 5000)).count, 0u);
    EXPECT_EQ(slots(range), numbers(4 * 32, 0));
    EXPECT_EQ(writer.write_slots(numbers(2 * 32, 5000)).count, 64u);
}

TEST_F(WriterTest, ReleasedSlotsRestUntilTheirGenerationIsUnseen) {
    writer.begin();
    const SlotRange first = writer.write_slots(numbers(2 * 32, 0));
    ASSERT_EQ(writer.publish(naming(first), {}), "");

    writer.begin();
    const SlotRange second = writer.write_slots(numbers(2 * 32, 1000));
    writer.release_slots(first);
    EXPECT_NE(writer.write_slots(numbers(2 * 32, 2000)).base, first.base) << "still published";
    EXPECT_EQ(writer.write_slots(numbers(1, 0)).count, 0u);
    ASSERT_EQ(writer.publish(naming(second), {}), "");
    EXPECT_EQ(writer.write_slots(numbers(1, 0)).count, 0u) << "generation 1 may still be read";
    EXPECT_EQ(slots(first), numbers(2 * 32, 0));

    writer.begin();
    EXPECT_EQ(waited.back(), 2u);
    const SlotRange third = writer.write_slots(numbers(2 * 32, 3000));
    EXPECT_EQ(third.count, 64u);
    EXPECT_EQ(third.base, first.base);
    EXPECT_EQ(slots(second), numbers(2 * 32, 1000));
}

TEST_F(WriterTest, AFailedPublishKeepsReleasedSlots) {
    writer.begin();
    const SlotRange first = writer.write_slots(numbers(32, 0));
    ASSERT_EQ(writer.publish(naming(first), {}), "");
    writer.begin();
    writer.release_slots(first);
    ASSERT_NE(writer.publish({}, std::vector<weir_backend>(5)), "");
    writer.begin();
    while (writer.write_slots(numbers(32, 9000)).count > 0) {
    }
    EXPECT_EQ(slots(first), numbers(32, 0)) << "generation 1 names them and is current";
}

TEST_F(WriterTest, SlotsThatNobodyHasSeenAreFreeAtOnce) {
    writer.begin();
    for (int attempt = 0; attempt < 10; attempt++) {
        const SlotRange range = writer.write_slots(numbers(4 * 32, 0));
        ASSERT_EQ(range.count, 128u) << "attempt " << attempt;
        writer.release_slots(range);
    }
    // Once published it is not so any more.
    const SlotRange range = writer.write_slots(numbers(4 * 32, 0));
    ASSERT_EQ(writer.publish(naming(range), {}), "");
    writer.release_slots(range);
    EXPECT_EQ(writer.write_slots(numbers(4 * 32, 0)).count, 0u);
}

TEST_F(WriterTest, ATakeoverKeepsSlotsInUse) {
    writer.begin();
    const SlotRange gone = writer.write_slots(numbers(32, 500));
    const SlotRange slots_in_use = writer.write_slots(numbers(40, 0));
    const SlotRange turns_in_use = writer.write_slots(numbers(20, 700));
    std::vector<weir_service> services = naming(slots_in_use, turns_in_use);
    services.push_back(services[0]);  // a second listen of the same upstream
    services[1].port = weir_be16_from(81);
    writer.release_slots(gone);
    ASSERT_EQ(writer.publish(services, {}), "");

    Writer next(tables.view(), wait_seen());
    EXPECT_EQ(next.generation(), 1u);
    next.begin();
    const SlotRange other = next.write_slots(numbers(2 * 32, 2000));
    ASSERT_EQ(other.count, 64u);
    EXPECT_EQ(next.write_slots(numbers(32, 3000)).base, gone.base);
    EXPECT_EQ(next.write_slots(numbers(1, 4000)).count, 0u);
    EXPECT_EQ(slots(slots_in_use), numbers(40, 0));
    EXPECT_EQ(slots(turns_in_use), numbers(20, 700));

    ASSERT_EQ(next.publish(naming(other), {}), "");
    EXPECT_EQ(next.generation(), 2u);
    EXPECT_EQ(next.write_slots(numbers(1, 4000)).count, 0u) << "generation 1 may still be read";
    next.begin();
    EXPECT_EQ(next.write_slots(numbers(40, 5000)).base, slots_in_use.base);
    EXPECT_EQ(next.write_slots(numbers(20, 5000)).base, turns_in_use.base);
}

}  // namespace
}  // namespace weir::tables
