// SPDX-License-Identifier: Apache-2.0
// Between workers: to whom a packet is handed over, what a full ring costs, and that a worker that
// sleeps is woken.
#include <gtest/gtest.h>
#include <poll.h>

#include <array>
#include <atomic>
#include <chrono>
#include <numeric>
#include <thread>

#include "dataplane/run.h"
#include "tests/dataplane/worker_fixture.h"

namespace weir {
namespace {

using HandoffTest = WorkerTest;

TEST_F(HandoffTest, WithRssAClientIsWhereTheNicWouldPutItAndSoAreItsReplies) {
    const Rss rss(Rss::key_from(9), workers);
    restart_workers(rss);
    unsigned elsewhere = 0;
    for (std::uint16_t client = 4000; client < 4200; client++) {
        const weir_tuple tuple{address(10, 0, 0, 9), address(192, 168, 0, 1),
                               weir_be16_from(client), weir_be16_from(80), WEIR_PROTO_TCP};
        const std::uint32_t worker = rss.worker_of(rss.hash(tuple));
        const weir_worker& owner = view_.workers[worker];
        const std::uint64_t before = owner.reason[WEIR_REASON_FLOW_NEW];
        port_.bring(syn(client));
        poll();
        EXPECT_EQ(owner.reason[WEIR_REASON_FLOW_NEW], before + 1) << client;
        const auto forwarded = port_.sent();
        ASSERT_TRUE(forwarded) << client;
        const weir_tuple reply{address(172, 17, 0, 1), address(192, 168, 0, 1),
                               weir_be16_from(1000), weir_be16_from(forwarded->source_port()),
                               WEIR_PROTO_TCP};
        EXPECT_EQ(forwarded->source_port() % workers, worker);
        elsewhere += rss.worker_of(rss.hash(reply)) != worker;
        port_.bring(answer(*forwarded));
        poll();
        const auto returned = port_.sent();
        ASSERT_TRUE(returned) << "the reply of client " << client << " has found its flow";
        EXPECT_EQ(returned->destination_port(), client);
    }
    EXPECT_EQ(elsewhere, 0u) << "one in 16 million finds no port in 24 tries";
    EXPECT_GT(view_.workers[0].reason[WEIR_REASON_FLOW_NEW], 60u);
    EXPECT_GT(view_.workers[1].reason[WEIR_REASON_FLOW_NEW], 60u);
}

TEST_F(HandoffTest, TheHashThatTheNicGaveIsTakenAsItIs) {
    const Rss rss(Rss::key_from(9), workers);
    restart_workers(rss);
    for (const std::uint32_t hash : {0u, 1u}) {
        port_.bring(syn(static_cast<std::uint16_t>(4000 + hash)), 0, [hash](rte_mbuf& head) {
            head.hash.rss = hash;
            head.ol_flags |= RTE_MBUF_F_RX_RSS_HASH;
        });
        poll();
        EXPECT_EQ(view_.workers[hash].reason[WEIR_REASON_FLOW_NEW], 1u);
    }
}

TEST_F(HandoffTest, WhatAFullRingDoesNotTakeIsCounted) {
    unsigned sent = 0;
    for (unsigned round = 0; round < 200; round++) {
        for (unsigned i = 0; i < 50; i++)
            port_.bring(syn(static_cast<std::uint16_t>(4000 + sent++)));
        for (unsigned i = 0; i < 2; i++) workers_[0]->poll(now);  // the other one stands still
        while (port_.sent()) {
        }
    }
    const auto ended = [](const weir_worker& worker) {
        return std::accumulate(std::begin(worker.reason), std::end(worker.reason),
                               std::uint64_t{0});
    };
    const std::uint64_t lost = view_.workers[0].reason[WEIR_REASON_HANDOFF_FULL];
    const std::uint64_t handed = sent - (ended(view_.workers[0]) - lost);
    ASSERT_GT(handed, 4095u);  // a ring of 4096 holds 4095
    EXPECT_EQ(lost, handed - 4095);
    for (unsigned i = 0; i < 130; i++) {
        workers_[1]->poll(now);
        while (port_.sent()) {
        }
    }
    EXPECT_EQ(ended(view_.workers[0]) + ended(view_.workers[1]), sent)
        << "each packet ends with one reason";
}

TEST_F(HandoffTest, AHandedOverPacketRingsTheBellOfASleeper) {
    Bell& bell = handoff_.bell(1);
    pollfd rung{bell.fd(), POLLIN, 0};
    const auto bring_to_both = [this] {
        for (std::uint16_t client = 4000; client < 4020; client++) port_.bring(syn(client));
        workers_[0]->poll(now);
    };
    bring_to_both();
    EXPECT_EQ(::poll(&rung, 1, 0), 0) << "nobody listens: no system call";
    bell.listen();
    bring_to_both();
    EXPECT_EQ(::poll(&rung, 1, 0), 1);
    bell.stop_listening();
    EXPECT_EQ(::poll(&rung, 1, 0), 0);
}

TEST_F(HandoffTest, AWorkerOnRingsAloneSleepsUntilItIsRungFor) {
    std::atomic<bool> stopping{false};
    Wakeup wakeup({}, handoff_.bell(1));
    ASSERT_TRUE(wakeup.complete());
    std::thread thread(
        [&] { run(*workers_[1], Idle(BusyPoll::automatic, wakeup.complete()), wakeup, stopping); });
    const weir_worker& sleeper = view_.workers[1];
    const auto wait = [](const auto& condition) {
        for (unsigned i = 0; i < 2000 && !condition(); i++)
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        return condition();
    };
    const auto read = [](const auto& value) { return __atomic_load_n(&value, __ATOMIC_RELAXED); };
    EXPECT_TRUE(wait([&] { return read(sleeper.rest) == WEIR_REST_WAIT; }));
    const std::uint64_t polls = read(sleeper.polls);
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    EXPECT_LT(read(sleeper.polls) - polls, 200u) << "two polls for each wait of 5 ms";
    for (std::uint16_t client = 4000; client < 4020; client++) port_.bring(syn(client));
    workers_[0]->poll(now);
    EXPECT_TRUE(wait([&] { return read(sleeper.reason[WEIR_REASON_FLOW_NEW]) > 0; }));
    stopping = true;
    thread.join();
}

TEST_F(HandoffTest, APortWithoutInterruptsLetsItsWorkerNap) {
    const std::array queues{RxQueue{port_.eth(), 0, 1, false}};
    const Wakeup wakeup(queues, handoff_.bell(0));
    EXPECT_FALSE(wakeup.complete());
}

TEST_F(HandoffTest, OnlyPollsThatFoundPacketsAreBusy) {
    workers_[0]->poll(now);
    EXPECT_EQ(view_.workers[0].busy_cycles, 0u);
    const std::uint64_t idle = view_.workers[0].all_cycles;
    EXPECT_GT(idle, 0u);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    port_.bring(syn(4000));
    workers_[0]->poll(now);
    EXPECT_GT(view_.workers[0].busy_cycles, 0u);
    EXPECT_LT(view_.workers[0].busy_cycles, (view_.workers[0].all_cycles - idle) / 2)
        << "the sleep before it is no work";
    EXPECT_EQ(view_.workers[0].polls, 2u);
}

}  // namespace
}  // namespace weir
