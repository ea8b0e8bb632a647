// SPDX-License-Identifier: Apache-2.0
// Captures of tagged frames: which ports are made of them, with and without the configuration's
// word or options, and what leaves by them.
#include "tests/control/replay/fixture.h"

namespace weir::replay {
namespace {

using test::backend_mac;
using test::balancer_mac;
using test::client_mac;
using test::ReplayTest;

using Tags = std::vector<std::pair<std::uint16_t, std::uint16_t>>;

constexpr std::uint16_t c_tag = 0x8100;
constexpr std::uint16_t s_tag = 0x88a8;
const Tags ten{{c_tag, 10}};
const Tags deep{{s_tag, 100}, {c_tag, 20}};

constexpr const char* with_tags = R"(
dataplane { port eth0; port clients vlan=10 parent=eth0; port servers vlan=100.20 parent=eth0; }
stream { server { listen 80; proxy_pass 10.2.0.21:8080; } })";

constexpr const char* by_name = R"(
dataplane { port eth0; port eth0.10; port eth0.100.20; }
stream { server { listen 80; proxy_pass 10.2.0.21:8080; } })";

constexpr const char* without_ports =
    "stream { server { listen 80; proxy_pass 10.2.0.21:8080; } }\n";

Bytes tagged(Bytes bytes, const Tags& tags) {
    Bytes added;
    for (const auto& [protocol, id] : tags)
        for (const int byte : {protocol >> 8, protocol & 255, id >> 8, id & 255})
            added.push_back(static_cast<std::uint8_t>(byte));
    bytes.insert(bytes.begin() + 12, added.begin(), added.end());
    return bytes;
}

Bytes request(std::uint8_t flags = WEIR_TCP_SYN) {
    return test::tcp({client_mac, balancer_mac, "10.1.0.2", 4242, "10.1.0.10", 80}, flags, 100, 1,
                     "payload");
}

// What the captured balancer sent, from a port of its own choice, and what came back to it.
Bytes sent() {
    return test::tcp({balancer_mac, backend_mac, "10.2.0.10", 30000, "10.2.0.21", 8080},
                     WEIR_TCP_SYN, 100, 1, "payload");
}

Bytes reply() {
    return test::tcp({backend_mac, balancer_mac, "10.2.0.21", 8080, "10.2.0.10", 30000},
                     WEIR_TCP_SYN | WEIR_TCP_ACK, 900, 7, "answer");
}

Bytes answer(std::uint8_t ttl) {
    return test::tcp({balancer_mac, client_mac, "10.1.0.10", 80, "10.1.0.2", 4242},
                     WEIR_TCP_SYN | WEIR_TCP_ACK, 900, 7, "answer", ttl);
}

class TaggedReplay : public ReplayTest {
  protected:
    // A connection's begin on a trunk, as its capture has it.
    Status start_on_a_stick(const char* text, const Given& given = {}) {
        return start(
            {{1, tagged(request(), ten)}, {2, tagged(sent(), deep)}, {3, tagged(reply(), deep)}},
            given, text);
    }

    std::string name(unsigned port) { return balancer_->directory().ports.at(port).name; }

    // Both directions, between these ports.
    void crosses(const std::string& clients, const std::string& servers) {
        const auto all = run();
        ASSERT_EQ(all.size(), 2u);
        EXPECT_EQ(all[0].reason, WEIR_REASON_FLOW_NEW);
        EXPECT_EQ(name(all[0].in_port), clients);
        ASSERT_EQ(all[0].out.size(), 1u);
        EXPECT_EQ(name(all[0].out[0].port), servers);
        const Bytes& out = all[0].out[0].bytes;
        EXPECT_EQ(Bytes(out.begin() + 12, out.begin() + 22),
                  (Bytes{0x88, 0xa8, 0, 100, 0x81, 0, 0, 20, 8, 0}));
        EXPECT_TRUE(std::equal(backend_mac.byte, backend_mac.byte + 6, out.begin()))
            << "it is in the capture";
        EXPECT_EQ(all[1].reason, WEIR_REASON_FLOW_HIT);
        EXPECT_EQ(name(all[1].in_port), servers);
        ASSERT_EQ(all[1].out.size(), 1u);
        EXPECT_EQ(name(all[1].out[0].port), clients);
        EXPECT_EQ(all[1].out[0].bytes, tagged(answer(63), ten));
    }

    bool noted(const std::string& part) {
        for (const std::string& note : surroundings_->notes())
            if (note.find(part) != std::string::npos) return true;
        return false;
    }
};

TEST_F(TaggedReplay, VlansOfTheConfiguration) {
    ASSERT_TRUE(start_on_a_stick(with_tags));
    crosses("clients", "servers");
    EXPECT_TRUE(
        noted("port clients is taken from the capture: 10.1.0.10, 02:00:00:00:00:10, "
              "VLAN 10 of eth0"));
}

TEST_F(TaggedReplay, VlansByTheirNames) {
    ASSERT_TRUE(start_on_a_stick(by_name));
    crosses("eth0.10", "eth0.100.20");
}

TEST_F(TaggedReplay, VlansOfWhateverThePortsAre) {
    ASSERT_TRUE(start_on_a_stick(without_ports));
    crosses("port1.10", "port1.100.20");
}

TEST_F(TaggedReplay, VlansThatAreNoPortsAreTheHosts) {
    ASSERT_TRUE(start_on_a_stick(R"(dataplane { port eth0; port eth0.20; }
        stream { server { listen 10.1.0.10:80; proxy_pass 10.2.0.21:8080; } })"));
    const auto all = run();
    ASSERT_EQ(all.size(), 2u);
    for (const Replayed& replayed : all) {
        EXPECT_EQ(replayed.reason, WEIR_REASON_VLAN);
        EXPECT_EQ(name(replayed.in_port), "eth0");
    }
    EXPECT_TRUE(
        noted("packets for 10.1.0.10 are tagged for VLAN 10, which is no port of the "
              "configuration; --port NAME=10.1.0.10/LENGTH,vlan=10,parent=eth0"));
}

TEST_F(TaggedReplay, VlansOfOptions) {
    Given given;
    given.ports = {*parse_port("in=10.1.0.10/24,vlan=10,parent=eth0"),
                   *parse_port("out=10.2.0.10/24,vlan=100.20,parent=eth0")};
    ASSERT_TRUE(start_on_a_stick(without_ports, given));
    crosses("in", "out");
    ASSERT_EQ(surroundings_->ports().size(), 3u);
    EXPECT_EQ(surroundings_->ports()[0].configured.name, "eth0") << "which needs no address";

    given.ports = {*parse_port("eth0=10.9.0.10/24"), *parse_port("eth0.10=10.1.0.10/24"),
                   *parse_port("servers=10.2.0.10/24")};
    ASSERT_TRUE(start_on_a_stick(with_tags, given));
    crosses("eth0.10", "servers");
}

TEST_F(TaggedReplay, TwoTagsOfOneKindAreOtherTags) {
    const Tags both{{c_tag, 100}, {c_tag, 20}};
    ASSERT_TRUE(start({{1, tagged(request(), both)}}, {}, with_tags));
    EXPECT_EQ(run()[0].reason, WEIR_REASON_VLAN);
    ASSERT_TRUE(start({{1, tagged(request(), both)}}, {}, without_ports));
    const auto all = run();
    EXPECT_EQ(all.back().reason, WEIR_REASON_FLOW_NEW);
}

TEST_F(TaggedReplay, APriorityAloneIsNoVlan) {
    ASSERT_TRUE(start({{1, tagged(request(), {{c_tag, 0}})}}, {}, without_ports));
    const auto all = run();
    ASSERT_EQ(all.size(), 1u);
    EXPECT_EQ(all[0].reason, WEIR_REASON_FLOW_NEW);
    EXPECT_EQ(name(all[0].in_port), "port1");
}

TEST(Options, VlansAreChecked) {
    EXPECT_EQ(parse_port("a=10.0.0.1/24,vlan=100.20,parent=eth0")->tags,
              (VlanTags{{s_tag, 100}, {c_tag, 20}}));
    for (const char* wrong :
         {"a=10.0.0.1/24,vlan=10", "a=10.0.0.1/24,parent=eth0", "a=10.0.0.1/24,vlan=,parent=eth0",
          "a=10.0.0.1/24,vlan=4095,parent=eth0", "a=10.0.0.1/24,vlan=1.2.3,parent=eth0"})
        EXPECT_FALSE(parse_port(wrong)) << wrong;
}

TEST_F(TaggedReplay, AVlanOfAVlan) {
    Given given;
    given.ports = {*parse_port("a=10.1.0.10/24,vlan=10,parent=eth0"),
                   *parse_port("b=10.2.0.10/24,vlan=20,parent=a")};
    ASSERT_TRUE(start_on_a_stick(without_ports, given));
    EXPECT_EQ(door_of(surroundings_->ports().back()),
              (Door{surroundings_->ports()[0].mac, {{c_tag, 10}, {c_tag, 20}}}));
    given.ports.push_back(*parse_port("c=10.3.0.10/24,vlan=30,parent=b"));
    const Status third = start_on_a_stick(without_ports, given);
    ASSERT_FALSE(third);
    EXPECT_NE(third.error().find("which is a VLAN itself"), std::string::npos);
}

}  // namespace
}  // namespace weir::replay
