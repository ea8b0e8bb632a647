// SPDX-License-Identifier: Apache-2.0
// A service that is added on a port which older flows have as their source port: what their backend
// sends is addressed to the service, so it goes to a worker that does not know them, and from there
// to the one that does. With 2, 3 and 4 workers.
#include <gtest/gtest.h>

#include <numeric>

#include "tests/dataplane/worker_fixture.h"

namespace weir {
namespace {

const weir_addr vip = address(192, 168, 0, 1);
const weir_addr backend = address(172, 17, 0, 1);

class YoungService : public WorkerTest, public ::testing::WithParamInterface<unsigned> {
  protected:
    YoungService() : WorkerTest(GetParam()) {}

    static Frame packet(bool udp, const weir_mac& from, const weir_addr& src, std::uint16_t sport,
                        std::uint16_t dport, std::uint8_t flags) {
        return udp ? Frame::udp(from, port_mac, src, sport, vip, dport)
                   : Frame::tcp(from, port_mac, src, sport, vip, dport, flags);
    }

    // The source ports of as many new flows, and then services on all of them.
    std::vector<std::uint16_t> open_flows_then_services(bool udp) {
        std::vector<std::uint16_t> ports;
        for (std::uint16_t client = 4000; client < 4000 + flows; client++) {
            port_.bring(packet(udp, client_mac, address(10, 0, 0, 9), client, 80, WEIR_TCP_SYN));
            poll();
            const auto forwarded = port_.sent();
            EXPECT_TRUE(forwarded);
            if (forwarded) ports.push_back(forwarded->source_port());
        }
        service_ports_.insert(service_ports_.end(), ports.begin(), ports.end());
        publish();
        return ports;
    }

    std::uint64_t handed_on() const {
        std::uint64_t sum = 0;
        for (const weir_worker& worker : view_.workers) sum += worker.handed_on;
        return sum;
    }
    std::uint64_t ended() const {
        std::uint64_t sum = 0;
        for (const weir_worker& worker : view_.workers)
            sum += std::accumulate(std::begin(worker.reason), std::end(worker.reason),
                                   std::uint64_t{0});
        return sum;
    }

    static constexpr std::uint16_t flows = 24;
};

TEST_P(YoungService, RepliesOfOlderFlowsFindThem) {
    for (const bool udp : {false, true}) {
        const auto ports = open_flows_then_services(udp);
        const std::uint64_t before = handed_on();
        for (std::size_t i = 0; i < ports.size(); i++) {
            port_.bring(
                packet(udp, backend_mac, backend, 1000, ports[i], WEIR_TCP_SYN | WEIR_TCP_ACK));
            poll(3);
            const auto returned = port_.sent();
            ASSERT_TRUE(returned) << "port " << ports[i] << (udp ? "/udp" : "/tcp");
            EXPECT_TRUE(returned->is_to(client_mac));
            EXPECT_EQ(returned->source_port(), 80);
            EXPECT_EQ(returned->destination_port(), 4000 + i);
        }
        EXPECT_GT(handed_on(), before) << "some had another worker than their hash says";
        EXPECT_LT(handed_on(), before + flows) << "some had not";
    }
    EXPECT_EQ(count(WEIR_REASON_FLOW_NEW), 2u * flows) << "no reply has begun a flow";
    EXPECT_EQ(ended(), 4u * flows) << "each packet ends with one reason";
}

TEST_P(YoungService, StrangersStayWhereTheyAre) {
    const auto ports = open_flows_then_services(false);
    const std::uint64_t before = ended();
    for (const std::uint16_t port : ports) {
        port_.bring(packet(false, client_mac, address(10, 0, 0, 9), 5000, port, WEIR_TCP_ACK));
        port_.bring(packet(false, backend_mac, backend, 1001, port, WEIR_TCP_ACK));
        port_.bring(packet(false, backend_mac, backend, 1000, 80, WEIR_TCP_ACK));
        poll(3);
    }
    EXPECT_EQ(count(WEIR_REASON_NO_FLOW), 3u * flows);
    EXPECT_EQ(ended(), before + 3u * flows);
    EXPECT_EQ(handed_on(), 0u);
}

// Both its hash and its port send a packet away from worker 0, and each of the workers may be slow.
TEST_P(YoungService, NoReplyGoesRound) {
    const auto ports = open_flows_then_services(false);
    const std::uint64_t before = ended();
    for (const std::uint16_t port : ports)
        port_.bring(packet(false, backend_mac, backend, 1000, port, WEIR_TCP_ACK));
    for (unsigned round = 0; round < 3; round++)
        for (unsigned i = count_; i-- > 0;) {
            workers_[i]->poll(now);
            while (port_.sent()) {
            }
        }
    EXPECT_EQ(ended(), before + flows) << "after three polls each is where it belongs";
    EXPECT_EQ(count(WEIR_REASON_NO_FLOW), 0u);
    const std::uint64_t after = handed_on();
    poll(4);
    EXPECT_EQ(handed_on(), after);
}

TEST_P(YoungService, WhatTheirWorkersRingDoesNotTakeIsCounted) {
    const auto ports = open_flows_then_services(false);
    std::uint64_t sent = 0;
    const std::uint64_t before = ended();
    // Of one flow that is neither where its packets go nor at the worker that receives them ...
    std::uint16_t port = 0;
    for (const std::uint16_t each : ports) {
        const std::uint64_t handed = handed_on();
        port_.bring(packet(false, backend_mac, backend, 1000, each, WEIR_TCP_ACK));
        sent++;
        poll(3);
        while (port_.sent()) {
        }
        if (handed_on() > handed && each % count_ != 0) port = each;
    }
    ASSERT_NE(port, 0);
    // ... whose worker stands still.
    for (unsigned round = 0; round < 200; round++) {
        for (unsigned i = 0; i < 30; i++) {
            port_.bring(packet(false, backend_mac, backend, 1000, port, WEIR_TCP_ACK));
            sent++;
        }
        for (unsigned i = 0; i < count_; i++)
            if (i != port % count_) workers_[i]->poll(now);
    }
    for (unsigned i = 0; i < 300; i++) {
        poll(1);
        while (port_.sent()) {
        }
    }
    EXPECT_EQ(count(WEIR_REASON_HANDOFF_FULL), 6000u - 4095u) << "a ring of 4096 holds 4095";
    EXPECT_EQ(ended(), before + sent);
}

INSTANTIATE_TEST_SUITE_P(Workers, YoungService, ::testing::Values(2u, 3u, 4u));

}  // namespace
}  // namespace weir
