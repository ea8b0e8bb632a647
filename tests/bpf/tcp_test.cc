// SPDX-License-Identifier: Apache-2.0
// The flow step as a table: who sends what, and what the flow is afterwards.
#include "bpf/shared/tcp.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

namespace {

constexpr std::uint8_t syn = WEIR_TCP_SYN, ack = WEIR_TCP_ACK, fin = WEIR_TCP_FIN,
                       rst = WEIR_TCP_RST;
constexpr std::uint8_t syn_ack = syn | ack, fin_ack = fin | ack, rst_ack = rst | ack;

struct Segment {
    bool from_client;
    std::uint8_t flags;
    weir_flow_state then;
};

struct Story {
    const char* name;
    std::vector<Segment> segments;
};

constexpr auto opening = WEIR_FLOW_OPENING;
constexpr auto established = WEIR_FLOW_ESTABLISHED;
constexpr auto closed = WEIR_FLOW_CLOSED;

const Story stories[] = {
    {"handshake", {{true, syn, opening}, {false, syn_ack, opening}, {true, ack, established}}},
    {"syn flood", {{true, syn, opening}, {true, syn, opening}, {true, ack, opening}}},
    {"backend never answers, client insists", {{true, syn, opening}, {true, fin_ack, opening}}},
    {"backend speaks first after the handshake was lost",
     {{true, syn, opening}, {false, ack, opening}, {true, ack, opening}}},
    {"challenge ack: backend remembers an older connection",
     {{true, syn, opening}, {false, ack, opening}, {true, rst, closed}, {true, syn, opening}}},
    {"refused", {{true, syn, opening}, {false, rst_ack, closed}}},
    {"client closes",
     {{true, syn, opening},
      {false, syn_ack, opening},
      {true, ack, established},
      {true, fin_ack, established},
      {false, ack, established},
      {false, fin_ack, closed},
      {true, ack, closed}}},
    {"backend closes",
     {{true, syn, opening},
      {false, syn_ack, opening},
      {true, ack, established},
      {false, fin_ack, established},
      {true, fin_ack, closed}}},
    {"both close at once",
     {{true, syn, opening},
      {false, syn_ack, opening},
      {true, ack, established},
      {true, fin_ack, established},
      {false, fin_ack, closed}}},
    {"forged reset is taken back by the next segment of its side",
     {{true, syn, opening},
      {false, syn_ack, opening},
      {true, ack, established},
      {true, rst, closed},
      {false, ack, closed},
      {true, ack, established}}},
    {"forged reset from the backend's side",
     {{true, syn, opening},
      {false, syn_ack, opening},
      {true, ack, established},
      {false, rst, closed},
      {false, ack, established}}},
};

TEST(TcpStep, Stories) {
    for (const Story& story : stories) {
        weir_flow flow{};
        flow.idle = weir_span_of_ms(600000);
        flow.connect = weir_span_of_ms(60000);
        std::uint32_t now = 0xfffffff0;
        for (std::size_t i = 0; i < story.segments.size(); i++) {
            const Segment& segment = story.segments[i];
            now += 17;
            weir_flow_step(&flow, WEIR_PROTO_TCP, segment.from_client, segment.flags, now);
            EXPECT_EQ(flow.state, segment.then) << story.name << ", segment " << i;
            const std::uint32_t left = flow.state == closed    ? WEIR_CLOSED_TICKS
                                       : flow.state == opening ? WEIR_TICKS_OF_MS(60000)
                                                               : weir_span_ticks(flow.idle);
            EXPECT_EQ(flow.expires, now + left) << story.name << ", segment " << i;
        }
    }
}

// Packets of both sides are processed on two CPUs: whatever the order, the same state comes of
// them.
TEST(TcpStep, StateIsAFunctionOfWhatEachSideSent) {
    for (unsigned client = 0; client < 32; client++)
        for (unsigned backend = 0; backend < 32; backend++) {
            const auto state = weir_tcp_state(static_cast<std::uint8_t>(client),
                                              static_cast<std::uint8_t>(backend));
            if ((client | backend) & WEIR_SENT_RST) {
                EXPECT_EQ(state, closed);
            }
            if (state == established) {
                EXPECT_TRUE(backend & WEIR_SENT_SYN);
                EXPECT_TRUE(client & WEIR_SENT_ACK);
            }
        }
}

TEST(UdpStep, EstablishedOnceBothHaveSent) {
    weir_flow flow{};
    flow.idle = weir_span_of_ms(10000);
    weir_flow_step(&flow, WEIR_PROTO_UDP, 1, 0, 5);
    EXPECT_EQ(flow.state, opening);
    EXPECT_EQ(flow.expires, 5 + WEIR_TICKS_OF_MS(10000));
    weir_flow_step(&flow, WEIR_PROTO_UDP, 1, 0, 6);
    EXPECT_EQ(flow.state, opening);
    weir_flow_step(&flow, WEIR_PROTO_UDP, 0, 0, 7);
    EXPECT_EQ(flow.state, established);
}

// Every flow that there can be, and every packet: one that finds it steady changes its expiry only.
TEST(Steady, IsWhatAStepLeavesAsItIs) {
    const std::uint8_t all_flags[] = {0, ack, syn, syn_ack, fin_ack, rst};
    unsigned steady = 0;
    for (unsigned bits = 0; bits < 4u << 10; bits++)
        for (const std::uint32_t protocol : {WEIR_PROTO_TCP, WEIR_PROTO_UDP})
            for (const std::uint16_t source : {std::uint16_t{0}, std::uint16_t{WEIR_SOURCE_NONE}})
                for (const int from_client : {0, 1}) {
                    if (!from_client && source == WEIR_SOURCE_NONE) continue;
                    weir_flow flow{};
                    flow.protocol = static_cast<std::uint8_t>(protocol);
                    flow.source = source;
                    flow.sent_by_client = bits & 31;
                    flow.sent_by_backend = bits >> 5 & 31;
                    flow.state = static_cast<std::uint8_t>(bits >> 10);
                    flow.idle = weir_span_of_ms(10000);
                    flow.connect = weir_span_of_ms(5000);
                    if (!weir_flow_is_steady(&flow, protocol, from_client)) continue;
                    steady++;
                    for (const std::uint8_t flags : all_flags) {
                        if (protocol == WEIR_PROTO_TCP && flags & (syn | fin | rst)) continue;
                        weir_flow after = flow;
                        weir_flow_step(&after, protocol, from_client, flags, 7);
                        EXPECT_EQ(after.expires, 7 + WEIR_TICKS_OF_MS(10000));
                        after.expires = flow.expires;
                        EXPECT_EQ(std::memcmp(&after, &flow, sizeof(flow)), 0);
                    }
                }
    EXPECT_GT(steady, 20u);
}

// Only the client's packets come by: its own flags tell, and the backend's silence means nothing.
TEST(OneWayStep, TcpIsWhatTheClientSays) {
    const struct {
        std::uint8_t flags;
        weir_flow_state then;
    } steps[] = {{syn, opening},    {syn, opening}, {ack, established}, {ack, established},
                 {fin_ack, closed}, {ack, closed},  {rst, closed}};
    weir_flow flow{};
    flow.source = WEIR_SOURCE_NONE;
    flow.idle = weir_span_of_ms(600000);
    flow.connect = weir_span_of_ms(60000);
    for (const auto& step : steps) {
        weir_flow_step(&flow, WEIR_PROTO_TCP, 1, step.flags, 5);
        EXPECT_EQ(flow.state, step.then);
        EXPECT_EQ(flow.sent_by_backend, 0);
    }
}

TEST(OneWayStep, UdpIsEstablishedByASecondPacket) {
    weir_flow flow{};
    flow.source = WEIR_SOURCE_NONE;
    weir_flow_step(&flow, WEIR_PROTO_UDP, 1, 0, 5);
    EXPECT_EQ(flow.state, opening);
    weir_flow_step(&flow, WEIR_PROTO_UDP, 1, 0, 6);
    EXPECT_EQ(flow.state, established);
}

}  // namespace
