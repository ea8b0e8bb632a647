// SPDX-License-Identifier: Apache-2.0
// Workers on software ports: what the packet program decides leaves by the right port, is counted
// under one reason, and reaches the worker that owns the flow.
#include "dataplane/worker.h"

#include <gtest/gtest.h>

#include <array>
#include <set>

#include "tests/dataplane/worker_fixture.h"

namespace weir {
namespace {

const auto* const environment = ::testing::AddGlobalTestEnvironment(new EalEnvironment);

TEST_F(WorkerTest, AFlowGoesThereAndBack) {
    port_.bring(syn(4000));
    poll();
    const auto forwarded = port_.sent();
    ASSERT_TRUE(forwarded);
    EXPECT_TRUE(forwarded->checksums_right());
    EXPECT_EQ(forwarded->destination_port(), 1000);
    EXPECT_TRUE(forwarded->is_to(backend_mac));

    port_.bring(answer(*forwarded));
    poll();
    const auto returned = port_.sent();
    ASSERT_TRUE(returned);
    EXPECT_TRUE(returned->checksums_right());
    EXPECT_EQ(returned->source_port(), 80);
    EXPECT_EQ(returned->destination_port(), 4000);
    EXPECT_TRUE(returned->is_to(client_mac));
    EXPECT_EQ(count(WEIR_REASON_FLOW_NEW), 1u);
    EXPECT_EQ(count(WEIR_REASON_FLOW_HIT), 1u);
}

TEST_F(WorkerTest, ABufferWithoutRoomForLongerHeadersIsCounted) {
    publish(1, {{{0x000000fd}, {0}, {0}, {0x01000000}}});
    port_.bring(syn(4000));
    poll();
    const auto forwarded = port_.sent();
    ASSERT_TRUE(forwarded) << "the usual headroom is enough";
    EXPECT_EQ(forwarded->bytes().size(), syn(4000).bytes().size() + 20);

    port_.bring(syn(4001), 0, [](rte_mbuf& head) { head.data_off = 19; });
    poll();
    EXPECT_FALSE(port_.sent());
    EXPECT_EQ(count(WEIR_REASON_NO_ROOM), 1u);
}

TEST_F(WorkerTest, ATagThatTheDriverTookOffCounts) {
    weir_port& vlan = view_.control->ports[2];
    vlan.mac = port_mac;
    vlan.kind = WEIR_PORT_NETWORK;
    vlan.tags = 1;
    vlan.parent = 1;
    vlan.tag[0] = {weir_be16_from(WEIR_ETH_VLAN), weir_be16_from(100)};
    const auto strip = [](rte_mbuf& head) {
        head.vlan_tci = 100;
        head.ol_flags |= RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
    };
    port_.bring(syn(4000), 0, strip);
    poll();
    const auto forwarded = port_.sent();
    ASSERT_TRUE(forwarded) << "by the backend's port, which has no tag";
    port_.bring(answer(*forwarded));
    poll();
    const auto returned = port_.sent();
    ASSERT_TRUE(returned);
    const std::vector<std::uint8_t> tag(returned->bytes().begin() + 12,
                                        returned->bytes().begin() + 16);
    EXPECT_EQ(tag, (std::vector<std::uint8_t>{0x81, 0x00, 0x00, 100}));

    vlan.tag[0].tci = weir_be16_from(101);
    port_.bring(syn(4001), 0, strip);
    poll();
    EXPECT_FALSE(port_.sent());
    EXPECT_EQ(count(WEIR_REASON_VLAN), 1u);
    EXPECT_TRUE(tap_.sent());
}

TEST_F(WorkerTest, EachFlowLivesWithOneWorkerAndBothWorkersHaveSome) {
    std::set<std::uint16_t> source_ports;
    for (std::uint16_t client = 4000; client < 4200; client++) {
        port_.bring(syn(client));
        poll();
        const auto forwarded = port_.sent();
        ASSERT_TRUE(forwarded) << client;
        EXPECT_TRUE(source_ports.insert(forwarded->source_port()).second) << "a source port twice";
        port_.bring(answer(*forwarded));
        poll();
        const auto returned = port_.sent();
        ASSERT_TRUE(returned) << client;
        EXPECT_EQ(returned->destination_port(), client);
    }
    for (const weir_worker& worker : view_.workers) {
        EXPECT_GT(worker.reason[WEIR_REASON_FLOW_NEW], 60u);
        EXPECT_EQ(worker.reason[WEIR_REASON_FLOW_NEW], worker.reason[WEIR_REASON_FLOW_HIT]);
    }
}

TEST_F(WorkerTest, ABackendOnTheHostIsReachedOverTheLink) {
    publish(0);
    port_.bring(syn(4000));
    poll();
    const auto forwarded = link_.sent();
    ASSERT_TRUE(forwarded);
    EXPECT_TRUE(forwarded->is_from(link_mac));

    link_.bring(Frame::tcp(backend_mac, link_mac, address(172, 17, 0, 1), 1000,
                           address(192, 168, 0, 1), forwarded->source_port(),
                           WEIR_TCP_SYN | WEIR_TCP_ACK));
    poll();
    const auto returned = port_.sent();
    ASSERT_TRUE(returned);
    EXPECT_EQ(returned->destination_port(), 4000);
    EXPECT_TRUE(returned->is_from(port_mac));
}

TEST_F(WorkerTest, TheHostsPacketsPassBothWaysUntouched) {
    const Frame ssh = Frame::tcp(client_mac, port_mac, address(10, 0, 0, 9), 5000,
                                 address(192, 168, 0, 1), 22, WEIR_TCP_SYN);
    port_.bring(ssh);
    poll();
    EXPECT_EQ(tap_.sent(), ssh);
    tap_.bring(ssh);
    poll();
    EXPECT_EQ(port_.sent(), ssh);
    EXPECT_EQ(count(WEIR_REASON_NOT_SERVICE), 1u);
    EXPECT_EQ(count(WEIR_REASON_FROM_HOST), 1u);
}

TEST_F(WorkerTest, AStrayFromTheHostLinkIsDroppedAndCounted) {
    link_.bring(Frame::tcp(backend_mac, link_mac, address(172, 17, 0, 1), 1000,
                           address(192, 168, 0, 1), 61000, WEIR_TCP_ACK));
    poll();
    EXPECT_FALSE(link_.sent() || port_.sent() || tap_.sent());
    EXPECT_EQ(count(WEIR_REASON_HOST_LINK_STRAY), 1u);
}

TEST_F(WorkerTest, APacketForAPortThatIsNotThereIsCounted) {
    publish(9);
    port_.bring(syn(4000));
    poll();
    EXPECT_EQ(count(WEIR_REASON_PORT_UNKNOWN), 1u);
    EXPECT_EQ(count(WEIR_REASON_FLOW_NEW), 0u);
}

TEST_F(WorkerTest, WhatThePortDoesNotTakeIsCountedOnce) {
    for (std::uint16_t client = 4000; client < 4100; client++) port_.bring(syn(client));
    poll(8);
    EXPECT_EQ(count(WEIR_REASON_FLOW_NEW), 31u);  // a ring of 32 holds 31
    EXPECT_EQ(count(WEIR_REASON_TX_FULL), 69u);
}

TEST_F(WorkerTest, EveryBufferComesBack) {
    const unsigned before = rte_mempool_avail_count(buffers);
    for (std::uint16_t client = 4000; client < 4100; client++) port_.bring(syn(client));
    poll(8);
    while (port_.sent()) {
    }
    EXPECT_EQ(rte_mempool_avail_count(buffers), before);
}

TEST_F(WorkerTest, AWorkerShowsWhichGenerationItUsesAndThatItLives) {
    poll(1);
    for (const weir_worker& worker : view_.workers) {
        EXPECT_EQ(worker.generation, view_.control->generation);
        EXPECT_EQ(worker.heartbeat_ns, now);
    }
    publish();
    poll(1);
    for (const weir_worker& worker : view_.workers) EXPECT_EQ(worker.generation, 2u);
}

}  // namespace
}  // namespace weir
