// SPDX-License-Identifier: Apache-2.0
// A configuration and a made capture, replayed on the host build: verdicts, capture time, the
// network around the balancer, replies that went to another source port.
#include "tests/control/replay/fixture.h"

namespace weir::replay {
namespace {

using boost::asio::ip::make_address;
using test::backend_mac;
using test::balancer_mac;
using test::client_mac;
using test::Recorded;
using test::ReplayTest;

Bytes from_client(std::uint8_t flags, std::uint16_t sport = 4242, std::uint16_t id = 1) {
    return test::tcp({client_mac, balancer_mac, "10.0.0.2", sport, "10.0.0.10", 80}, flags, 100, id,
                     "payload");
}

// What a balancer that chose source port 30000 and this backend made of it.
Bytes sent_by_captured(std::uint8_t flags, const std::string& backend, std::uint16_t id = 1) {
    return test::tcp({balancer_mac, backend_mac, "10.0.0.10", 30000, backend, 8080}, flags, 100, id,
                     "payload");
}

Bytes reply(std::uint8_t flags, const std::string& backend) {
    return test::tcp({backend_mac, balancer_mac, backend, 8080, "10.0.0.10", 30000}, flags, 900, 7,
                     "answer");
}

TEST_F(ReplayTest, VerdictsWithServiceAndBackend) {
    ASSERT_TRUE(start({{1, from_client(WEIR_TCP_SYN)},
                       {2, from_client(WEIR_TCP_ACK)},
                       {3, from_client(WEIR_TCP_ACK, 4243)},
                       {4, from_client(WEIR_TCP_SYN, 4244)}}));
    const auto all = run();
    ASSERT_EQ(all.size(), 4u);
    EXPECT_EQ(all[0].reason, WEIR_REASON_FLOW_NEW);
    EXPECT_EQ(all[0].backend->address, "10.0.0.21");
    EXPECT_EQ(all[0].service->port, 80);
    EXPECT_EQ(all[1].reason, WEIR_REASON_FLOW_HIT);
    EXPECT_EQ(all[1].backend->address, "10.0.0.21");
    EXPECT_EQ(all[2].reason, WEIR_REASON_NO_FLOW);
    EXPECT_EQ(all[2].backend, nullptr);
    EXPECT_EQ(all[2].service->port, 80);
    EXPECT_TRUE(all[2].out.empty());
    EXPECT_EQ(all[3].backend->address, "10.0.0.22") << "round robin takes its turn";
    ASSERT_EQ(all[0].out.size(), 1u);
    EXPECT_TRUE(test::intact(all[0].out[0].bytes));
}

TEST_F(ReplayTest, CaptureTimeIsTheClock) {
    const std::uint64_t second = 1'000'000;
    ASSERT_TRUE(start({{1 * second, from_client(WEIR_TCP_SYN)},
                       {2 * second, sent_by_captured(WEIR_TCP_SYN, "10.0.0.21")},
                       {3 * second, reply(WEIR_TCP_SYN | WEIR_TCP_ACK, "10.0.0.21")},
                       {4 * second, from_client(WEIR_TCP_ACK)},
                       {13 * second, from_client(WEIR_TCP_ACK)},
                       {12 * second, from_client(WEIR_TCP_ACK)},  // time goes back
                       {24 * second, from_client(WEIR_TCP_ACK)}}));
    const auto all = run();
    ASSERT_EQ(all.size(), 6u);
    EXPECT_EQ(all[3].reason, WEIR_REASON_FLOW_HIT) << "9 s idle";
    EXPECT_EQ(all[4].reason, WEIR_REASON_FLOW_HIT);
    EXPECT_EQ(all[5].reason, WEIR_REASON_NO_FLOW) << "11 s idle, proxy_timeout is 10 s";
}

TEST_F(ReplayTest, RepliesFindTheReplaysSourcePort) {
    ASSERT_TRUE(start({{1, from_client(WEIR_TCP_SYN)},
                       {2, sent_by_captured(WEIR_TCP_SYN, "10.0.0.22")},
                       {3, reply(WEIR_TCP_SYN | WEIR_TCP_ACK, "10.0.0.22")}}));
    const auto all = run();
    ASSERT_EQ(all.size(), 2u);
    EXPECT_EQ(replay_->own(), 1u);
    EXPECT_TRUE(all[1].readdressed);
    EXPECT_EQ(all[1].reason, WEIR_REASON_FLOW_HIT);
    EXPECT_EQ(all[1].backend->address, "10.0.0.21") << "the replay's choice, not the capture's";
    ASSERT_EQ(all[1].out.size(), 1u);
    EXPECT_EQ(all[1].out[0].bytes,
              test::tcp({balancer_mac, client_mac, "10.0.0.10", 80, "10.0.0.2", 4242},
                        WEIR_TCP_SYN | WEIR_TCP_ACK, 900, 7, "answer", 63));
}

TEST_F(ReplayTest, RepliesOverIpv6FindTheReplaysSourcePort) {
    const auto captured = [](std::uint8_t flags) {
        return test::tcp6({balancer_mac, backend_mac, "fd00::10", 30000, "fd00::22", 8080}, flags,
                          100, "payload");
    };
    ASSERT_TRUE(
        start({{1, test::tcp6({client_mac, balancer_mac, "fd00::2", 4242, "fd00::10", 80},
                              WEIR_TCP_SYN, 100, "payload")},
               {2, captured(WEIR_TCP_SYN)},
               {3, test::tcp6({backend_mac, balancer_mac, "fd00::22", 8080, "fd00::10", 30000},
                              WEIR_TCP_SYN | WEIR_TCP_ACK, 900, "answer")}},
              {}, R"(stream {
        upstream app { server [fd00::21]:8080; server [fd00::22]:8080; }
        server { listen [::]:80; proxy_pass app; } })"));
    const auto all = run();
    ASSERT_EQ(all.size(), 2u);
    EXPECT_EQ(all[0].reason, WEIR_REASON_FLOW_NEW);
    EXPECT_TRUE(all[1].readdressed);
    EXPECT_EQ(all[1].reason, WEIR_REASON_FLOW_HIT);
    EXPECT_EQ(all[1].backend->address, "fd00::21");
    ASSERT_EQ(all[1].out.size(), 1u);
    EXPECT_EQ(all[1].out[0].bytes,
              test::tcp6({balancer_mac, client_mac, "fd00::10", 80, "fd00::2", 4242},
                         WEIR_TCP_SYN | WEIR_TCP_ACK, 900, "answer", 63));
}

TEST_F(ReplayTest, TunnelsMakePacketsLonger) {
    ASSERT_TRUE(start({{1, from_client(WEIR_TCP_SYN)}, {2, from_client(WEIR_TCP_ACK)}}, {},
                      R"(stream {
        upstream app { forward gue; server 10.0.0.21; }
        server { listen 80; proxy_pass app; } })"));
    const auto all = run();
    ASSERT_EQ(all.size(), 2u);
    for (const Replayed& replayed : all) {
        EXPECT_EQ(replayed.backend->address, "10.0.0.21");
        ASSERT_EQ(replayed.out.size(), 1u);
        EXPECT_EQ(replayed.out[0].bytes.size(), packets_[0].bytes.size() + 28);
    }
    EXPECT_TRUE(std::equal(packets_[1].bytes.begin() + 14, packets_[1].bytes.end(),
                           all[1].out[0].bytes.begin() + 14 + 28))
        << "the client's packet is inside as it was";
}

TEST_F(ReplayTest, StatelessServicesHaveABackend) {
    ASSERT_TRUE(start({{1, from_client(WEIR_TCP_ACK)}}, {}, R"(stream {
        upstream app { maglev; forward dsr; stateless on; server 10.0.0.21; }
        server { listen 80; proxy_pass app; } })"));
    const auto all = run();
    ASSERT_EQ(all.size(), 1u);
    EXPECT_EQ(all[0].reason, WEIR_REASON_STATELESS);
    ASSERT_NE(all[0].backend, nullptr);
    EXPECT_EQ(all[0].backend->address, "10.0.0.21");
}

TEST_F(ReplayTest, RepliesStayStrangersWithoutTheBalancersOwnPackets) {
    ASSERT_TRUE(start(
        {{1, from_client(WEIR_TCP_SYN)}, {3, reply(WEIR_TCP_SYN | WEIR_TCP_ACK, "10.0.0.21")}}));
    const auto all = run();
    ASSERT_EQ(all.size(), 2u);
    EXPECT_EQ(all[1].reason, WEIR_REASON_NOT_SERVICE);
    EXPECT_FALSE(all[1].readdressed);
}

TEST_F(ReplayTest, MacsComeFromTheCaptureOrAreInventedOrMissed) {
    const std::vector<Recorded> packets = {{1, from_client(WEIR_TCP_SYN)},
                                           {2, sent_by_captured(WEIR_TCP_SYN, "10.0.0.22")}};
    ASSERT_TRUE(start(packets));
    EXPECT_TRUE(weir_mac_equal(&view_.control->ports[1].mac, &balancer_mac));
    const auto shown = surroundings_->to(make_address("10.0.0.22"), 1);
    EXPECT_TRUE(weir_mac_equal(&shown.next_hop, &backend_mac));
    EXPECT_TRUE(surroundings_->to(make_address("10.0.0.21"), 0).known);
    ASSERT_EQ(surroundings_->notes().size(), 2u);
    EXPECT_NE(surroundings_->notes()[1].find("invented for 10.0.0.21"), std::string::npos);

    Given given;
    given.strict = true;
    ASSERT_TRUE(start(packets, given));
    EXPECT_FALSE(surroundings_->to(make_address("10.0.0.21"), 0).known);
    EXPECT_TRUE(surroundings_->to(make_address("10.0.0.22"), 1).known);
    ASSERT_TRUE(add_neighbor(given, "10.0.0.21=02:00:00:00:00:99"));
    ASSERT_TRUE(start(packets, given));
    EXPECT_EQ(surroundings_->to(make_address("10.0.0.21"), 0).next_hop.byte[5], 0x99);
}

TEST_F(ReplayTest, LocalBackendsAreBehindTheHostLink) {
    Given given;
    ASSERT_TRUE(add_neighbor(given, "10.0.0.22=local"));
    ASSERT_TRUE(start({{1, from_client(WEIR_TCP_SYN)}}, given));
    EXPECT_EQ(surroundings_->to(make_address("10.0.0.21"), 0).port, 1);
    EXPECT_EQ(surroundings_->to(make_address("10.0.0.22"), 1).port, 0);
    EXPECT_EQ(surroundings_->to(make_address("10.0.0.22"), 1).source, make_address("169.254.77.2"));
}

TEST_F(ReplayTest, PortsAreGivenByName) {
    Given given;
    given.ports = {*parse_port("left=10.0.0.10/24,02:00:00:00:00:10"),
                   *parse_port("right=10.0.1.1/24,02:00:00:00:01:10")};
    ASSERT_TRUE(start({{1, from_client(WEIR_TCP_SYN)}}, given, R"(stream {
        server { listen 80; proxy_pass 10.0.1.21:80; } })"));
    const auto all = run();
    ASSERT_EQ(all.size(), 1u);
    EXPECT_EQ(all[0].in_port, 1u);
    ASSERT_EQ(all[0].out.size(), 1u);
    EXPECT_EQ(all[0].out[0].port, 2u) << "the port whose network the backend is in";
}

TEST_F(ReplayTest, AnUnknownPortIsAnError) {
    const auto none =
        start({{1, test::tcp({client_mac, balancer_mac, "10.0.0.2", 1, "10.0.0.10", 81},
                             WEIR_TCP_SYN, 1, 1)}});
    ASSERT_FALSE(none);
    EXPECT_NE(none.error().find("--port NAME=ADDRESS/LENGTH,MAC"), std::string::npos);
}

TEST(Options, PortsAndNeighborsAreChecked) {
    EXPECT_TRUE(parse_port("eth0=10.0.0.1/24"));
    EXPECT_TRUE(parse_port("eth0=10.0.0.1/24,fd00::1/64,02:00:00:00:00:01")->mac);
    for (const char* wrong :
         {"", "eth0", "=10.0.0.1/24", "eth0=", "eth0=02:00:00:00:00:01", "eth0=10.0.0.1/33",
          "eth0=10.0.0.1", "eth0=10.0.0.1/24,02:00:00:00:00"})
        EXPECT_FALSE(parse_port(wrong)) << wrong;
    Given given;
    EXPECT_TRUE(add_neighbor(given, "10.0.0.1=02:aB:00:00:00:01"));
    for (const char* wrong : {"", "10.0.0.1", "10.0.0.1=", "10.0.0=02:00:00:00:00:01",
                              "10.0.0.1=02-00-00-00-00-01", "10.0.0.1=02:00:00:00:00:0g"})
        EXPECT_FALSE(add_neighbor(given, wrong)) << wrong;
}

}  // namespace
}  // namespace weir::replay
