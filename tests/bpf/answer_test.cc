// SPDX-License-Identifier: Apache-2.0
// How many answers a worker gives, and to what.
#include "bpf/shared/answer.h"

#include <gtest/gtest.h>

#include "bpf/shared/host_env.h"

namespace {

class Answer : public testing::Test {
  protected:
    Answer() {
        control_.answers = 3;
        env_.control = &control_;
        env_.stats = &stats_;
        packet_.family = 4;
        packet_.tuple.src = weir_addr_v4(weir_be32_from(0xc6336401));
        packet_.tuple.dst = weir_addr_v4(weir_be32_from(0xc0000201));
        packet_.tuple.protocol = WEIR_PROTO_TCP;
        packet_.from_client = 1;
        packet_.l3 = 14;
        packet_.length = 60;
        packet_.ip_length = 40;
        packet_.in_port = 5;
    }

    weir_reason reset(std::uint32_t now) {
        weir_packet packet = packet_;
        return weir_answer_reset(&env_, &packet, &from_, now, WEIR_REASON_NO_FLOW);
    }

    weir_reason too_big(weir_packet& packet, std::uint32_t takes) {
        return weir_answer_too_big(&env_, &packet, &from_, takes, 1, WEIR_REASON_FRAG_NEEDED);
    }

    weir_control control_{};
    weir_worker stats_{};
    weir_env env_{};
    weir_packet packet_{};
    weir_mac from_{{2, 0, 0, 0, 0, 7}};
};

TEST_F(Answer, SoManyInATickAndAsManyInTheNext) {
    for (const std::uint32_t now : {100u, 101u, 4000000000u, 5u})
        for (int i = 0; i < 6; i++)
            EXPECT_EQ(reset(now), i < 3 ? WEIR_REASON_RESET_SENT : WEIR_REASON_ANSWER_LIMITED);
}

TEST_F(Answer, WhatIsNotAnsweredCostsNothing) {
    packet_.tcp_flags = WEIR_TCP_RST;
    for (int i = 0; i < 6; i++) EXPECT_EQ(reset(7), WEIR_REASON_NO_FLOW);
    packet_.tcp_flags = WEIR_TCP_ACK;
    packet_.kind = WEIR_KIND_ICMP_ERROR;
    EXPECT_EQ(reset(7), WEIR_REASON_NO_FLOW);
    packet_.kind = WEIR_KIND_PLAIN;
    EXPECT_EQ(reset(7), WEIR_REASON_RESET_SENT);
    EXPECT_EQ(stats_.answers_left, 2u);
}

TEST_F(Answer, GoesBackWhereThePacketCameFrom) {
    weir_packet packet = packet_;
    ASSERT_EQ(weir_answer_reset(&env_, &packet, &from_, 1, WEIR_REASON_NO_FLOW),
              WEIR_REASON_RESET_SENT);
    EXPECT_EQ(packet.out_port, 5);
    EXPECT_TRUE(weir_mac_equal(&packet.next_hop, &from_));
    EXPECT_EQ(packet.length - packet.trim, 54u);
}

TEST_F(Answer, TooBigSaysWhatTheWayTakes) {
    weir_packet packet = packet_;
    packet.ip_length = 1480;
    packet.length = 1494;
    EXPECT_EQ(too_big(packet, 0), WEIR_REASON_FRAG_NEEDED);
    EXPECT_EQ(too_big(packet, 67), WEIR_REASON_FRAG_NEEDED);
    EXPECT_EQ(packet.kind, WEIR_KIND_PLAIN);
    EXPECT_EQ(too_big(packet, 1479), WEIR_REASON_TOO_BIG_SENT);
    EXPECT_EQ(packet.mtu, 1479);
    EXPECT_EQ(packet.length + packet.room - packet.trim, 14 + 28 + WEIR_QUOTE_V4);
}

TEST_F(Answer, OfIpv6SaysNoLessThanEveryLinkTakes) {
    packet_.family = 6;
    packet_.tuple.src.word[0] = packet_.tuple.dst.word[0] = weir_be32_from(0x20010db8);
    weir_packet packet = packet_;
    packet.ip_length = 1280;
    packet.length = 1294;
    EXPECT_EQ(too_big(packet, 1279), WEIR_REASON_FRAG_NEEDED);
    packet.ip_length = 1281;
    packet.length = 1295;
    EXPECT_EQ(too_big(packet, 0), WEIR_REASON_FRAG_NEEDED);
    EXPECT_EQ(too_big(packet, 1200), WEIR_REASON_TOO_BIG_SENT);
    EXPECT_EQ(packet.mtu, 1280);
    EXPECT_EQ(packet.length + packet.room - packet.trim, 14 + 1280);
}

TEST_F(Answer, TimeExceededComesFromThePortItself) {
    const weir_addr sent_to = packet_.tuple.dst;
    packet_.ttl = 1;
    packet_.l4 = 34;
    packet_.next_hop = from_;
    weir_packet packet = packet_;
    ASSERT_EQ(weir_answer_time_exceeded(&env_, &packet, 1), WEIR_REASON_TIME_EXCEEDED_SENT);
    EXPECT_TRUE(weir_addr_equal(&packet.tuple.dst, &sent_to));  // it has no address
    EXPECT_EQ(packet.out_port, 5);
    EXPECT_TRUE(weir_mac_equal(&packet.next_hop, &from_));
    EXPECT_EQ(packet.length + packet.room - packet.trim, 14 + 28 + 28);

    control_.generation = 7;
    control_.interfaces[1][5].addr4 = weir_be32_from(0x0a000001);
    control_.interfaces[1][5].addr6.word[0] = weir_be32_from(0x20010db8);
    const weir_addr own = weir_addr_v4(weir_be32_from(0x0a000001));
    packet = packet_;
    ASSERT_EQ(weir_answer_time_exceeded(&env_, &packet, 1), WEIR_REASON_TIME_EXCEEDED_SENT);
    EXPECT_TRUE(weir_addr_equal(&packet.tuple.dst, &own));
    packet = packet_;
    packet.family = 6;
    packet.l4 = 54;
    packet.length = 74;
    ASSERT_EQ(weir_answer_time_exceeded(&env_, &packet, 1), WEIR_REASON_TIME_EXCEEDED_SENT);
    EXPECT_TRUE(weir_addr_equal(&packet.tuple.dst, &control_.interfaces[1][5].addr6));
}

TEST_F(Answer, NoTimeExceededToWhatMayNotBeAnswered) {
    packet_.ttl = 1;
    packet_.l4 = 34;
    const auto ends = [&](weir_packet packet) {
        return weir_answer_time_exceeded(&env_, &packet, 1);
    };
    for (const auto kind : {WEIR_KIND_ICMP_ERROR, WEIR_KIND_FRAGMENT}) {
        weir_packet packet = packet_;
        packet.kind = kind;
        EXPECT_EQ(ends(packet), WEIR_REASON_TTL);
    }
    weir_packet deep = packet_;  // behind extension headers
    deep.length = deep.ip_length = 300;
    deep.l4 = 14 + WEIR_QUOTE_MOST - 8;
    EXPECT_EQ(ends(deep), WEIR_REASON_TIME_EXCEEDED_SENT);
    deep.l4 += 8;
    EXPECT_EQ(ends(deep), WEIR_REASON_TTL);
    EXPECT_EQ(ends(packet_), WEIR_REASON_TIME_EXCEEDED_SENT);
    EXPECT_EQ(ends(packet_), WEIR_REASON_TIME_EXCEEDED_SENT);
    EXPECT_EQ(ends(packet_), WEIR_REASON_ANSWER_LIMITED);
}

TEST_F(Answer, NothingToNobodysAddress) {
    packet_.tuple.src = weir_addr_v4(weir_be32_from(0xe0000001));
    EXPECT_EQ(reset(7), WEIR_REASON_NO_FLOW);
}

}  // namespace
