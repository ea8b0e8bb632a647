// SPDX-License-Identifier: Apache-2.0
// Which of several workers a packet belongs to, and which drops are answered with a reset.
#include <gtest/gtest.h>

#include <array>

#include "bpf/shared/host_env.h"
#include "bpf/shared/program.h"
#include "bpf/shared/reset.h"

namespace {

class Owner : public testing::Test {
  protected:
    Owner() {
        control.service_capacity = 16;
        env.control = &control;
        env.services = services.data();
        weir_env_generation(&env);
        env.worker = 2;
        env.workers = 4;
    }

    // A packet from port 40001 to 192.0.2.1:80, and the service there with these flags.
    weir_packet packet_to(std::uint8_t flags) {
        weir_packet packet{};
        packet.tuple.src = weir_addr_v4(weir_be32_from(0xc6336407));
        packet.tuple.dst = weir_addr_v4(weir_be32_from(0xc0000201));
        packet.tuple.sport = weir_be16_from(40001);
        packet.tuple.dport = weir_be16_from(80);
        packet.tuple.protocol = WEIR_PROTO_TCP;
        packet.hash = 3ull << 40;
        services = {};
        const auto home = weir_hash_service(&packet.tuple.dst, packet.tuple.dport, WEIR_PROTO_TCP);
        weir_service& service = services[home & 15];
        service.addr = packet.tuple.dst;
        service.port = packet.tuple.dport;
        service.protocol = WEIR_PROTO_TCP;
        service.flags = flags;
        return packet;
    }
    std::uint32_t owner(const weir_packet& packet, std::uint32_t workers = 4) {
        return weir_owner(&env, weir_service_find(&env, &packet.tuple), &packet.tuple, packet.hash,
                          workers);
    }

    weir_control control{};
    std::array<weir_service, 32> services{};
    weir_env env{};
};

TEST_F(Owner, AClientsPacketByItsHash) {
    EXPECT_EQ(owner(packet_to(WEIR_SERVICE_USED)), 3u);
    EXPECT_EQ(owner(packet_to(WEIR_SERVICE_USED), 1), 0u);
}

TEST_F(Owner, TransparentBothWaysByTheClientsPort) {
    weir_packet packet = packet_to(WEIR_SERVICE_USED | WEIR_SERVICE_BY_PORT);
    EXPECT_EQ(owner(packet), 40001u % 4);
    std::swap(packet.tuple.src, packet.tuple.dst);
    std::swap(packet.tuple.sport, packet.tuple.dport);
    EXPECT_EQ(owner(packet), 40001u % 4);
}

TEST_F(Owner, WithoutFlowsItStaysWhereItIs) {
    EXPECT_EQ(owner(packet_to(WEIR_SERVICE_USED | WEIR_SERVICE_STATELESS)), env.worker);
}

TEST(Reset, OnlyForAClientsSegmentThatIsNoResetItself) {
    weir_packet packet{};
    packet.from_client = 1;
    packet.tuple.protocol = WEIR_PROTO_TCP;
    packet.tcp_flags = WEIR_TCP_ACK;
    EXPECT_TRUE(weir_wants_reset(&packet, WEIR_REASON_NO_FLOW));
    EXPECT_TRUE(weir_wants_reset(&packet, WEIR_REASON_BACKEND_RESET));
    EXPECT_FALSE(weir_wants_reset(&packet, WEIR_REASON_NO_BACKEND));
    packet.tcp_flags = WEIR_TCP_ACK | WEIR_TCP_RST;
    EXPECT_FALSE(weir_wants_reset(&packet, WEIR_REASON_NO_FLOW));
    packet.tcp_flags = WEIR_TCP_ACK;
    packet.from_client = 0;
    EXPECT_FALSE(weir_wants_reset(&packet, WEIR_REASON_NO_FLOW));
    packet.from_client = 1;
    packet.tuple.protocol = WEIR_PROTO_UDP;
    EXPECT_FALSE(weir_wants_reset(&packet, WEIR_REASON_BACKEND_RESET));
}

}  // namespace
