// SPDX-License-Identifier: Apache-2.0
// How full the flow table gets before it refuses: flows that live for random times, as many at once
// as it has been made for, all findable from both sides, turn after turn. Filling an empty table
// once would flatter it: then dead flows are not in the way.
#include <gtest/gtest.h>

#include <optional>
#include <queue>
#include <random>
#include <vector>

#include "bpf/shared/reference.h"
#include "tests/dataplane/tables/heap_tables.h"

namespace weir {
namespace {

constexpr std::uint32_t lifetime = 1 << 16;  // ticks, on average

class FlowLoad : public ::testing::Test {
  protected:
    void make(const tables::Geometry& geometry) {
        tables_.emplace(geometry);
        tables_->view().backends[0].addr = weir_addr_v4(weir_be32_from(0xac110001));
        tables_->view().backends[0].port = weir_be16_from(8080);
        env_ = tables_->env();
    }
    std::uint64_t places() const {
        return std::uint64_t{env_.control->flow_buckets} * WEIR_FLOWS_PER_BUCKET;
    }

    // Transparent flows: their source ports are given, so nothing can be chosen around a full
    // bucket.
    static weir_flow flow_of(std::uint32_t id) {
        weir_flow flow{};
        flow.client = weir_addr_v4(weir_be32_from(0x0a000000 + (id >> 15)));
        flow.service = weir_addr_v4(weir_be32_from(0xc0a80001));
        flow.client_port = weir_be16_from(static_cast<std::uint16_t>(32768 | id));
        flow.service_port = weir_be16_from(80);
        flow.source = WEIR_SOURCE_CLIENT;
        flow.snat_port = flow.client_port;
        flow.protocol = WEIR_PROTO_TCP;
        flow.state = WEIR_FLOW_ESTABLISHED;
        return flow;
    }

    bool insert(std::uint32_t id, std::uint32_t life) {
        weir_flow flow = flow_of(id);
        const weir_tuple client = weir_client_of(&flow);
        const std::uint64_t hash = weir_hash_tuple(env_.control->seed, &client);
        const std::uint32_t number = weir_flow_claim(&env_, now_);
        if (number == WEIR_NO_FLOW) return false;
        weir_flow_unlink(&env_, number);
        flow.expires = now_ + life;
        env_.flows[number] = flow;
        return weir_flow_link(&env_, number, weir_flow_hash(&env_, number, 1), now_) &&
               weir_flow_link(&env_, number, hash, now_);
    }

    bool found(std::uint32_t id) {
        const weir_flow flow = flow_of(id);
        const weir_tuple client = weir_client_of(&flow);
        const weir_tuple reply = weir_reply_of(&env_, &flow);
        const std::uint64_t seed = env_.control->seed;
        const auto number = weir_flow_find(&env_, &client, weir_hash_tuple(seed, &client), now_);
        return number != WEIR_NO_FLOW &&
               number == weir_flow_find_reply(&env_, &reply, weir_hash_tuple(seed, &reply), now_);
    }

    // Goes on for `turns` lifetimes with so many flows alive on average; how many were refused.
    std::uint64_t churn(std::uint64_t alive, unsigned turns) {
        std::exponential_distribution<double> life(1.0 / lifetime);
        std::uint64_t refused = 0;
        double instant = 0;
        for (std::uint64_t i = 0; i < (turns + 1) * alive; i++) {
            const bool filling = i < alive;
            if (!filling) instant += 1.0 * lifetime / static_cast<double>(alive);
            now_ = start + static_cast<std::uint32_t>(instant);
            const auto ticks = 1 + static_cast<std::uint32_t>(life(random_));
            if (!insert(fresh_, ticks))
                refused++;
            else if (i % 16 == 0)
                watched_.push({now_ + ticks - start, fresh_});
            fresh_++;
            while (!watched_.empty() && !weir_later(start + watched_.top().until, now_))
                watched_.pop();
            if (i % 64 == 0 && !watched_.empty()) {
                EXPECT_TRUE(found(watched_.top().id));
            }
        }
        for (; !watched_.empty(); watched_.pop()) EXPECT_TRUE(found(watched_.top().id));
        return refused;
    }

    struct Watched {
        std::uint32_t until;  // since the start
        std::uint32_t id;
        bool operator<(const Watched& other) const { return until > other.until; }
    };

    static constexpr std::uint32_t start = 1 << 20;
    std::optional<tables::HeapTables> tables_;
    weir_env env_{};
    std::uint32_t now_ = start;
    std::uint32_t fresh_ = 0;
    std::mt19937_64 random_{20261124};
    std::priority_queue<Watched> watched_;
};

TEST_F(FlowLoad, NothingIsRefusedAt90PercentTurnAfterTurn) {
    tables::Geometry geometry;
    geometry.divide_flows(100'000);
    make(geometry);
    EXPECT_EQ(churn(places() * 9 / 10, 10), 0u);
}

TEST_F(FlowLoad, AsManyFlowsAsWereAskedForHaveRoom) {
    make(tables::Geometry::for_flows(100'000, 1, 1));
    for (std::uint32_t id = 0; id < 100'000; id++) ASSERT_TRUE(insert(id, lifetime)) << id;
    for (std::uint32_t id = 0; id < 100'000; id++) ASSERT_TRUE(found(id)) << id;
}

TEST_F(FlowLoad, AFlowTakes80Bytes) {
    const auto geometry = tables::Geometry::for_flows(1'000'000, 1, 1);
    EXPECT_LE(geometry.flow_buckets * sizeof(weir_flow) * WEIR_FLOWS_PER_BUCKET +
                  geometry.ref_buckets * sizeof(weir_flow_refs),
              80'001'000u);
}

TEST_F(FlowLoad, ATableThatIsFullSaysSo) {
    tables::Geometry geometry;
    geometry.divide_flows(4096);
    make(geometry);
    std::uint32_t stored = 0, in_a_row = 0;
    for (std::uint32_t id = 0; id < 8192; id++) {
        const bool done = insert(id, lifetime);
        stored += done;
        in_a_row = done ? 0 : in_a_row + 1;
    }
    EXPECT_GT(stored, 4000u);
    EXPECT_LE(stored, 4096u);
    EXPECT_EQ(env_.stats->full_tick, now_);
    EXPECT_EQ(env_.stats->full_count, in_a_row);
}

// References of flows that cannot be found by their tuples any more (their backend is another one
// by now) make room when it is wanted, and no others do.
TEST_F(FlowLoad, ReferencesThatWereLeftBehindAreInNobodysWay) {
    tables::Geometry geometry;
    geometry.divide_flows(4096);
    make(geometry);
    const std::uint32_t alive = 3600;
    for (std::uint32_t round = 0; round < 20; round++) {
        tables_->view().backends[0].addr = weir_addr_v4(weir_be32_from(0xac110001 + round));
        for (std::uint32_t i = 0; i < alive; i++) ASSERT_TRUE(insert(round * alive + i, lifetime));
        for (std::uint32_t i = 0; i < alive; i++) ASSERT_TRUE(found(round * alive + i));
        now_ += lifetime;
    }
}

}  // namespace
}  // namespace weir
