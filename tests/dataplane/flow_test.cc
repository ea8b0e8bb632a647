// SPDX-License-Identifier: Apache-2.0
// The flow table (bpf/shared/flow.h) against a std::unordered_map that never forgets: random
// inserts, lookups from both sides, closing and expiry, at every degree of fullness.
#include "bpf/shared/reference.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <random>
#include <unordered_map>

#include "tests/dataplane/tables/heap_tables.h"

namespace weir {
namespace {

constexpr std::uint32_t second = WEIR_TICKS_OF_MS(1000);
constexpr std::uint32_t backends = 64;

weir_addr v4(std::uint32_t host) {
    return weir_addr_v4(weir_be32_from(host));
}

class FlowTable : public ::testing::Test {
  protected:
    // What the table shall know of a flow.
    struct Known {
        std::uint32_t number = 0;
        weir_tuple tuple{};
        weir_tuple reply{};
        std::uint32_t expires = 0;
        std::uint8_t state = WEIR_FLOW_OPENING;
    };

    // Exactly so many places.
    void make(std::uint32_t places) {
        tables::Geometry geometry;
        geometry.divide_flows(places);
        tables_.emplace(geometry);
        const tables::View view = tables_->view();
        for (std::uint32_t id = 0; id < backends; id++) {
            view.backends[id].addr = v4(0xac110001 + id);
            view.backends[id].port = weir_be16_from(8080);
        }
        view.sources[0].addr = v4(0xc0a80001);
        env_ = tables_->env();
    }

    static weir_tuple tuple_of(std::uint32_t id) {
        return {v4(0x0a000000 + id / 50000), v4(0xc0a80001),
                weir_be16_from(static_cast<std::uint16_t>(1024 + id % 50000)), weir_be16_from(80),
                WEIR_PROTO_TCP};
    }
    static weir_tuple reply_of(std::uint32_t id) {
        return {v4(0xac110001 + id / 60000 % backends), v4(0xc0a80001), weir_be16_from(8080),
                weir_be16_from(static_cast<std::uint16_t>(1024 + id % 60000)), WEIR_PROTO_TCP};
    }
    std::uint64_t hash(const weir_tuple& tuple) const {
        return weir_hash_tuple(env_.control->seed, &tuple);
    }

    // As weir_flow_begin and weir_flow_open do it. false: no room.
    bool insert(std::uint32_t id, std::uint8_t state, std::uint32_t lifetime) {
        Known known{0, tuple_of(id), reply_of(id), now_ + lifetime, state};
        known.number = weir_flow_claim(&env_, now_);
        if (known.number == WEIR_NO_FLOW) return false;
        weir_flow_unlink(&env_, known.number);
        weir_flow& flow = env_.flows[known.number];
        flow.client = known.tuple.src;
        flow.service = known.tuple.dst;
        flow.client_port = known.tuple.sport;
        flow.service_port = known.tuple.dport;
        flow.backend_id = static_cast<std::uint16_t>(id / 60000 % backends);
        flow.source = 0;
        flow.snat_port = known.reply.dport;
        flow.state = state;
        flow.protocol = WEIR_PROTO_TCP;
        flow.expires = known.expires;
        if (!weir_flow_link(&env_, known.number, hash(known.reply), now_) ||
            !weir_flow_link(&env_, known.number, hash(known.tuple), now_)) {
            flow.expires = now_;
            return false;
        }
        model_[id] = known;
        return true;
    }

    std::uint32_t find(const weir_tuple& tuple) {
        return weir_flow_find(&env_, &tuple, hash(tuple), now_);
    }
    std::uint32_t find_reply(const weir_tuple& tuple) {
        return weir_flow_find_reply(&env_, &tuple, hash(tuple), now_);
    }

    // Every flow is found as itself from both sides or not at all; established ones are found.
    void check(std::uint32_t id) {
        const Known& known = model_.at(id);
        const std::uint32_t number = find(known.tuple);
        const std::uint32_t reply = find_reply(known.reply);
        EXPECT_EQ(number, reply) << "flow " << id << " differs by direction";
        if (!weir_later(known.expires, now_)) {
            EXPECT_EQ(number, WEIR_NO_FLOW) << "flow " << id << " has expired";
        } else if (known.state == WEIR_FLOW_ESTABLISHED) {
            EXPECT_EQ(number, known.number) << "established flow " << id << " is lost";
        } else if (number != WEIR_NO_FLOW) {
            EXPECT_EQ(number, known.number);
        }
    }

    std::optional<tables::HeapTables> tables_;
    weir_env env_{};
    std::uint32_t now_ = 0u - 100 * second;  // time wraps during each test
    std::unordered_map<std::uint32_t, Known> model_;
};

TEST_F(FlowTable, StrangersAreNotFound) {
    make(4096);
    for (std::uint32_t id = 0; id < 1000; id++)
        ASSERT_TRUE(insert(id, WEIR_FLOW_ESTABLISHED, 60 * second));
    for (std::uint32_t id = 1000; id < 20000; id++) {
        EXPECT_EQ(find(tuple_of(id)), WEIR_NO_FLOW);
        EXPECT_EQ(find_reply(reply_of(id)), WEIR_NO_FLOW);
    }
}

TEST_F(FlowTable, AFlowIsFoundUntilTheTickItExpires) {
    make(64);
    ASSERT_TRUE(insert(1, WEIR_FLOW_ESTABLISHED, second));
    now_ += second - 1;
    EXPECT_EQ(find(tuple_of(1)), model_.at(1).number);
    now_ += 1;
    EXPECT_EQ(find(tuple_of(1)), WEIR_NO_FLOW);
    EXPECT_EQ(find_reply(reply_of(1)), WEIR_NO_FLOW);
}

TEST_F(FlowTable, IsMoreThanNineTenthsFullBeforeAnyInsertFails) {
    make(8192);
    std::uint32_t stored = 0;
    while (insert(stored, WEIR_FLOW_ESTABLISHED, 60 * second)) stored++;
    EXPECT_GT(stored, 8192u * 9 / 10);
    for (std::uint32_t id = 0; id < stored; id++) check(id);
}

TEST_F(FlowTable, AFloodOfHalfOpenFlowsEvictsNoEstablishedOne) {
    make(1024);
    for (std::uint32_t id = 0; id < 400; id++)
        ASSERT_TRUE(insert(id, WEIR_FLOW_ESTABLISHED, 600 * second));
    for (std::uint32_t id = 1000; id < 101000; id++) {
        insert(id, WEIR_FLOW_OPENING, 60 * second);
        now_ += id % 100 == 0;
    }
    for (std::uint32_t id = 0; id < 400; id++) check(id);
}

TEST_F(FlowTable, TheOldestOfTheHalfOpenGivesWay) {
    make(8);  // one bucket
    for (std::uint32_t id = 0; id < 8; id++)
        ASSERT_TRUE(insert(id, WEIR_FLOW_OPENING, (10 + id) * second));
    ASSERT_TRUE(insert(8, WEIR_FLOW_OPENING, 60 * second));
    EXPECT_EQ(find(tuple_of(0)), WEIR_NO_FLOW);
    EXPECT_EQ(find_reply(reply_of(0)), WEIR_NO_FLOW);
    for (std::uint32_t id = 1; id <= 8; id++) EXPECT_NE(find(tuple_of(id)), WEIR_NO_FLOW) << id;
}

TEST_F(FlowTable, AFullTableOfEstablishedFlowsRefusesAndTakesAgainAfterExpiry) {
    make(8);
    for (std::uint32_t id = 0; id < 8; id++)
        ASSERT_TRUE(insert(id, WEIR_FLOW_ESTABLISHED, 10 * second));
    EXPECT_FALSE(insert(8, WEIR_FLOW_ESTABLISHED, 10 * second));
    for (std::uint32_t id = 0; id < 8; id++) check(id);
    now_ += 10 * second;
    EXPECT_TRUE(insert(8, WEIR_FLOW_ESTABLISHED, 10 * second));
    check(8);
}

// A year in the life of a table that is sometimes nearly empty and sometimes overfull.
TEST_F(FlowTable, AgreesWithAMapThatNeverForgets) {
    make(512);
    std::mt19937 random(20261124);
    const auto draw = [&random](std::uint32_t below) { return random() % below; };
    std::uint32_t fresh = 0;
    for (int step = 0; step < 60'000; step++) {
        now_ += draw(2);
        if (draw(2) == 0) {
            const std::uint8_t state = draw(3) == 0 ? WEIR_FLOW_OPENING : WEIR_FLOW_ESTABLISHED;
            const std::uint32_t longest = step / 10'000 % 2 ? 200 * second : 20 * second;
            insert(fresh++, state,
                   1 + std::uniform_int_distribution<std::uint32_t>(0, longest)(random));
        } else if (!model_.empty()) {
            // some flow of the last thousand closes, or goes on
            const auto found = model_.find(fresh - 1 - draw(std::min(fresh, 1000u)));
            if (found != model_.end() && find(found->second.tuple) == found->second.number) {
                Known& known = found->second;
                known.state = draw(4) == 0 ? WEIR_FLOW_CLOSED : WEIR_FLOW_ESTABLISHED;
                known.expires = now_ + 1 + draw(60 * second);
                env_.flows[known.number].state = known.state;
                env_.flows[known.number].expires = known.expires;
            }
        }
        if (fresh > 0) {
            const std::uint32_t id = fresh - 1 - draw(std::min(fresh, 2000u));
            if (model_.contains(id)) check(id);
        }
        if (HasFailure()) FAIL() << "at step " << step;
    }
    for (const auto& [id, known] : model_) check(id);
}

}  // namespace
}  // namespace weir
