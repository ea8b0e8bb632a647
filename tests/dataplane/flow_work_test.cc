// SPDX-License-Identifier: Apache-2.0
// How much of the flow table a new flow looks at (bpf/shared/flow.h), counted by an engine of its
// own: places, not time. What an operator under a flood pays is bounded, and small once the table
// is known to be full; and what is free is found wherever it lies.
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <random>
#include <vector>

#include "dataplane/tables/heap_store.h"

// This engine has what claims need, and nothing else.
#pragma GCC diagnostic ignored "-Wunused-function"
#include "bpf/shared/env.h"

struct weir_env {
    weir::tables::View view;
    weir_worker stats;
    unsigned worker;
    unsigned looks;  // at places
};

WEIR_INLINE const weir_control* weir_env_control(weir_env* env) {
    return env->view.control;
}
WEIR_INLINE weir_flow* weir_env_flow(weir_env* env, __u32 number) {
    env->looks++;
    return number < env->view.flows.size() ? &env->view.flows[number] : nullptr;
}
WEIR_INLINE weir_worker* weir_env_stats(weir_env* env) {
    return &env->stats;
}
WEIR_INLINE __u32 weir_env_worker(weir_env* env) {
    return env->worker;
}
WEIR_INLINE int weir_env_swap(__u32* place, __u32 expected, __u32 desired) {
    if (*place != expected) return 0;
    *place = desired;
    return 1;
}

#include "bpf/shared/flow.h"

namespace weir {
namespace {

constexpr std::uint32_t lifetime = 1 << 16;

class FlowWork : public ::testing::Test {
  protected:
    void make(std::uint32_t places, unsigned worker = 0) {
        tables::Geometry geometry;
        geometry.divide_flows(places);
        store_.emplace(geometry);
        tables::initialize(*store_->view().control, geometry, 42);
        env_ = {store_->view(), {}, worker, 0};
    }

    void fill(std::uint32_t number, std::uint8_t state, std::uint32_t life) {
        weir_flow& flow = env_.view.flows[number];
        flow.protocol = WEIR_PROTO_TCP;
        flow.state = state;
        flow.expires = now_ + life;
    }

    // The place of a new flow, or WEIR_NO_FLOW; looks() tells what it has cost.
    std::uint32_t start(std::uint8_t state, std::uint32_t life) {
        env_.looks = 0;
        const std::uint32_t number = weir_flow_claim(&env_, now_);
        if (number != WEIR_NO_FLOW) fill(number, state, life);
        all_looks_ += env_.looks;
        most_looks_ = std::max(most_looks_, env_.looks);
        return number;
    }
    void forget() { all_looks_ = most_looks_ = 0; }

    std::optional<tables::HeapStore> store_;
    weir_env env_{};
    std::uint32_t now_ = 1 << 20;
    std::uint64_t all_looks_ = 0;
    unsigned most_looks_ = 0;
};

constexpr unsigned group = WEIR_FLOWS_PER_BUCKET;

TEST_F(FlowWork, AFullTableIsRefusedForAGroup) {
    make(65'536);
    for (std::uint32_t i = 0; i < 65'536; i++) fill(i, WEIR_FLOW_ESTABLISHED, lifetime);
    for (unsigned i = 0; i < WEIR_CLAIM_FAILURES; i++)
        ASSERT_EQ(start(WEIR_FLOW_OPENING, lifetime), WEIR_NO_FLOW);
    EXPECT_LE(most_looks_, WEIR_CLAIM_TRIES * group);
    forget();
    for (int i = 0; i < 20'000; i++) ASSERT_EQ(start(WEIR_FLOW_OPENING, lifetime), WEIR_NO_FLOW);
    EXPECT_LE(most_looks_, group);
    // Another tick, another try.
    now_++;
    forget();
    ASSERT_EQ(start(WEIR_FLOW_OPENING, lifetime), WEIR_NO_FLOW);
    EXPECT_GT(most_looks_, (WEIR_CLAIM_TRIES - 1) * group);
}

TEST_F(FlowWork, AFullTableIsWatchedAllTheSame) {
    make(4096);
    for (std::uint32_t i = 0; i < 4096; i++) fill(i, WEIR_FLOW_ESTABLISHED, lifetime);
    for (int i = 0; i < 1000; i++) ASSERT_EQ(start(WEIR_FLOW_OPENING, lifetime), WEIR_NO_FLOW);
    fill(1234, WEIR_FLOW_CLOSED, lifetime);
    unsigned tries = 1;
    while (start(WEIR_FLOW_ESTABLISHED, lifetime) != 1234) ASSERT_LE(++tries, 4096 / group + 1);
}

TEST_F(FlowWork, AFloodTakesTheOldestOfItsOwnForLittle) {
    constexpr std::uint32_t places = 65'536;
    make(places);
    for (std::uint32_t i = 0; i < places; i++) fill(i, WEIR_FLOW_OPENING, lifetime + i / 64);
    for (unsigned i = 0; i < WEIR_CLAIM_FAILURES; i++) start(WEIR_FLOW_OPENING, 2 * lifetime);
    forget();
    std::vector<unsigned> taken(places);
    for (std::uint32_t i = 0; i < places; i++) {
        const std::uint32_t number = start(WEIR_FLOW_OPENING, 2 * lifetime);
        ASSERT_NE(number, WEIR_NO_FLOW);
        taken[number]++;
    }
    EXPECT_LE(most_looks_, group + 1);
    EXPECT_LE(all_looks_, 6ull * places);
    // Each has had the time of a round: none was taken twice in one.
    EXPECT_EQ(*std::max_element(taken.begin(), taken.end()), 1u);
}

TEST_F(FlowWork, AFloodBesideEstablishedFlowsIsBounded) {
    constexpr std::uint32_t places = 65'536;
    make(places);
    for (std::uint32_t i = 0; i < places; i++)
        fill(i, i % 16 == 3 ? WEIR_FLOW_OPENING : WEIR_FLOW_ESTABLISHED, lifetime);
    for (unsigned i = 0; i < WEIR_CLAIM_FAILURES; i++) start(WEIR_FLOW_OPENING, lifetime);
    forget();
    for (std::uint32_t i = 0; i < places; i++)
        ASSERT_NE(start(WEIR_FLOW_OPENING, lifetime), WEIR_NO_FLOW);
    EXPECT_LE(most_looks_, WEIR_CLAIM_FULL_TRIES * group + 1);
    EXPECT_LE(all_looks_, 22ull * places);  // a group has one or none: three groups, less what
                                            // lies behind the hand
    const auto established = std::ranges::count(env_.view.flows, WEIR_FLOW_ESTABLISHED,
                                                [](const weir_flow& flow) { return flow.state; });
    EXPECT_EQ(established, places / 16 * 15);
}

// The next dead place is near: what the hand comes to is what it has not seen for longest.
TEST_F(FlowWork, HalfAFullTableCostsTwoPlaces) {
    constexpr std::uint32_t places = 65'536;
    make(places);
    std::mt19937_64 random(1);
    std::exponential_distribution<double> life(1.0 / lifetime);
    for (std::uint64_t i = 0; i < 20 * places; i++) {
        if (i == 10 * places) forget();
        now_ = (1 << 20) + static_cast<std::uint32_t>(i * lifetime / (places / 2));
        ASSERT_NE(start(WEIR_FLOW_ESTABLISHED, 1 + static_cast<std::uint32_t>(life(random))),
                  WEIR_NO_FLOW);
    }
    EXPECT_LE(all_looks_, 2ull * 10 * places);
}

// Flows that stay lie side by side when they came side by side. What the others leave, 5 % of the
// table at any time, must be found beyond them, time after time.
TEST_F(FlowWork, WhatIsFreeIsFoundBehindFlowsThatStay) {
    constexpr std::uint32_t places = 65'536;
    for (const std::uint32_t staying : {places / 2, places * 9 / 10, places * 94 / 100}) {
        make(places);
        for (std::uint32_t i = 0; i < staying; i++) fill(i, WEIR_FLOW_ESTABLISHED, 0x7ffffff);
        const std::uint32_t others = places * 95 / 100 - staying;
        std::mt19937_64 random(staying);
        std::exponential_distribution<double> life(1.0 / lifetime);
        forget();
        std::uint64_t refused = 0;
        const std::uint64_t count = 4'000'000;
        for (std::uint64_t i = 0; i < count; i++) {
            now_ = (1 << 20) + static_cast<std::uint32_t>(i * lifetime / others);
            refused += start(WEIR_FLOW_ESTABLISHED, 1 + static_cast<std::uint32_t>(life(random))) ==
                       WEIR_NO_FLOW;
        }
        EXPECT_EQ(refused, 0u) << staying;
        EXPECT_LE(all_looks_, 8 * count) << staying;
        EXPECT_LE(most_looks_, WEIR_CLAIM_TRIES * group);
    }
}

TEST_F(FlowWork, CpusBeginFarFromEachOther) {
    std::vector<std::uint32_t> first;
    for (unsigned worker = 0; worker < 8; worker++) {
        make(65'536, worker);
        first.push_back(start(WEIR_FLOW_OPENING, lifetime));
    }
    std::ranges::sort(first);
    for (std::size_t i = 1; i < first.size(); i++) EXPECT_GT(first[i] - first[i - 1], 65'536u / 16);
}

}  // namespace
}  // namespace weir
