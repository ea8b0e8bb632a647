// SPDX-License-Identifier: Apache-2.0
// Packets in parts: frames in several segments, fragments of a datagram, answers that keep only the
// beginning of what they answer.
#include <algorithm>

#include "tests/dataplane/worker_fixture.h"

namespace weir {
namespace {

TEST_F(WorkerTest, APacketInTwoSegmentsIsWhole) {
    port_.bring(syn(4000));
    poll();
    ASSERT_TRUE(port_.sent());
    const Frame data =
        Frame::tcp(client_mac, port_mac, address(10, 0, 0, 9), 4000, address(192, 168, 0, 1), 80,
                   WEIR_TCP_ACK, std::vector<std::uint8_t>(1000, 0x5a));
    port_.bring(data, 600);
    poll();
    const auto forwarded = port_.sent();
    ASSERT_TRUE(forwarded);
    EXPECT_EQ(forwarded->bytes().size(), data.bytes().size());
    EXPECT_TRUE(forwarded->checksums_right());
}

// One burst brings a datagram's fragments together: the first leaves its ports before any of them
// is handed to the worker that has the flow, which need not be the one that received them.
TEST_F(WorkerTest, FragmentsReachTheWorkerOfTheirFlow) {
    for (std::uint16_t client = 4000; client < 4064; client++) {
        port_.bring(syn(client));
        poll();
        const auto opened = port_.sent();
        ASSERT_TRUE(opened) << client;
        const Frame data =
            Frame::tcp(client_mac, port_mac, address(10, 0, 0, 9), client, address(192, 168, 0, 1),
                       80, WEIR_TCP_ACK, std::vector<std::uint8_t>(1000, 0x5a));
        const std::vector<Frame> parts = data.fragments(client, 256);
        ASSERT_EQ(parts.size(), 4u);
        for (const Frame& part : parts) port_.bring(part);
        poll();
        for (std::size_t i = 0; i < parts.size(); i++) {
            const auto forwarded = port_.sent();
            ASSERT_TRUE(forwarded) << client << ", fragment " << i;
            EXPECT_TRUE(forwarded->is_to(backend_mac));
            EXPECT_TRUE(forwarded->ip_checksum_right());
            if (i == 0) {
                EXPECT_EQ(forwarded->source_port(), opened->source_port());
            } else {
                EXPECT_TRUE(std::equal(forwarded->bytes().begin() + 34, forwarded->bytes().end(),
                                       parts[i].bytes().begin() + 34, parts[i].bytes().end()));
            }
        }
    }
    for (const weir_worker& worker : view_.workers)
        EXPECT_GT(worker.reason[WEIR_REASON_FLOW_HIT], 64u);
    EXPECT_EQ(count(WEIR_REASON_FLOW_HIT), 4u * 64u);
    EXPECT_EQ(count(WEIR_REASON_FRAGMENT), 0u);
}

TEST_F(WorkerTest, AnAnswerIsCutToItsLengthWhereverThatEnds) {
    const std::vector<std::uint8_t> payload(1000, 0x5a);
    for (weir_service& service : view_.services) service.flags |= WEIR_SERVICE_RESET_UNKNOWN;
    const unsigned before = rte_mempool_avail_count(buffers);
    const Frame data = Frame::tcp(client_mac, port_mac, address(10, 0, 0, 9), 4000,
                                  address(192, 168, 0, 1), 80, WEIR_TCP_ACK, payload);
    for (const std::uint16_t tail : {std::uint16_t{0}, std::uint16_t{1}, std::uint16_t{1000}}) {
        port_.bring(data, tail);
        poll();
        const auto reset = port_.sent();
        ASSERT_TRUE(reset) << tail;
        EXPECT_EQ(reset->bytes().size(), 54u);
        EXPECT_TRUE(reset->checksums_right());
        EXPECT_TRUE(reset->is_to(client_mac));
        EXPECT_EQ(reset->source_port(), 80);
    }
    EXPECT_EQ(rte_mempool_avail_count(buffers), before);
}

}  // namespace
}  // namespace weir
