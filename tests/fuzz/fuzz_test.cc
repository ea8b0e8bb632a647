// SPDX-License-Identifier: Apache-2.0
// The packet fuzzer itself: it must find a runner that does something else, say what, and leave a
// small case that still shows it. The other runner here is the host's, with a fault put into what
// it sends.
#include <gtest/gtest.h>

#include <cstdio>

#include "tests/fuzz/frame.h"
#include "tests/fuzz/judge.h"
#include "tests/fuzz/scenario.h"

namespace weir::fuzz {
namespace {

using nlohmann::json;

// As the host's, but a packet of 50 bytes or more loses its last bit on the way out.
class FaultyRunner : public replay::Runner {
  public:
    bool takes(std::size_t bytes) const override { return host_->takes(bytes); }
    std::vector<std::uint32_t> ifindexes() const override { return host_->ifindexes(); }

  private:
    Result<tables::View> make_tables(const tables::Geometry& geometry) override {
        return host_->open(geometry);
    }
    Status pass(const replay::Frame& frame, std::uint64_t now, replay::Fate& fate) override {
        auto done = host_->send(frame, now);
        if (!done) return Error{done.error()};
        fate.out = done->out;
        fate.to_host = done->to_host;
        for (replay::Frame& sent : fate.out)
            if (sent.bytes.size() >= 50) sent.bytes.back() &= 0xfe;
        return success();
    }

    std::unique_ptr<replay::Runner> host_ = replay::make_host_runner();
};

// One service, one backend, and three packets: an ARP request, a datagram, and a longer one.
Case small_case() {
    const json service{{"addr", "192.0.2.10"},    {"port", 53},        {"protocol", "udp"},
                       {"method", "round_robin"}, {"turns", {0}},      {"slots", json::array()},
                       {"upstream", 0},           {"id", 1},           {"idle_ms", 1000},
                       {"connect_ms", 1000},      {"draining", false}, {"reset_unknown", false},
                       {"cid", json::array()},    {"cid_offset", 1},   {"cid_length", 1},
                       {"stateless", false},      {"by_port", false},  {"peers", false},
                       {"ports", {0, 0}}};
    const json backend{{"id", 0},           {"addr", "10.0.0.10"},
                       {"port", 53},        {"snat", "10.0.0.1"},
                       {"link_mtu", 0},     {"snat_low", 2000},
                       {"snat_high", 2999}, {"mac", "02:bb:00:00:00:0a"},
                       {"out", 2},          {"reachable", true},
                       {"down", false},     {"reset", false},
                       {"checksum", false}, {"mode", "nat"},
                       {"mtu", 0},          {"mss", 0},
                       {"tunnel_port", 0}};
    const json ports{{{"index", 1}, {"mac", "02:00:00:00:01:01"}, {"kind", "network"}},
                     {{"index", 2}, {"mac", "02:00:00:00:02:01"}, {"kind", "network"}}};
    Case made;
    made.head = {{"name", "small"}, {"seed", 7},       {"flow_buckets", 16},
                 {"ports", ports},  {"answers", 1000}, {"generations", json::array()}};
    made.head["generations"].push_back({{"services", {service}}, {"backends", {backend}}});

    Bytes datagram{2,    0,   0, 0, 1,  1,    2,    0xaa, 0,  0,  0, 7, 8,   0,  // Ethernet
                   0x45, 0,   0, 0, 0,  1,    0,    0,    64, 17, 0, 0, 198, 51, 100,
                   7,    192, 0, 2, 10, 0x9c, 0x40, 0,    53, 0,  0, 0, 0,   'w'};
    fix_lengths(datagram);
    fix_checksums(datagram);
    Bytes longer = datagram;
    longer.resize(60, 0xff);
    fix_lengths(longer);
    fix_checksums(longer);
    made.steps.push_back({Step::Kind::publish, 0, {}});
    made.steps.push_back({Step::Kind::packet, 1, Bytes(42, 1)});
    made.steps.push_back({Step::Kind::packet, 1, datagram});
    made.steps.push_back({Step::Kind::packet, 1, longer});
    return made;
}

TEST(PacketFuzzer, FindsAFaultAndLeavesASmallCase) {
    const auto host = replay::make_host_runner();
    FaultyRunner faulty;
    Twins twins(*host, faulty, "faulty");
    const Case whole = small_case();
    const auto difference = twins.run(whole);
    ASSERT_TRUE(difference);
    EXPECT_NE(difference->find("flow_hit"), std::string::npos) << *difference;

    const Case small = shrunk(twins, whole);
    ASSERT_EQ(small.steps.size(), 2u);  // the tables and the long packet
    EXPECT_EQ(small.steps[1].packet, whole.steps[3].packet);
    EXPECT_TRUE(twins.run(small));
}

TEST(PacketFuzzer, TwoHostsAgreeAndRandomCasesFindAFault) {
    const auto host = replay::make_host_runner(), same = replay::make_host_runner();
    FaultyRunner faulty;
    const std::vector<Case> rows{small_case()};
    Twins alike(*host, *same, "same"), unlike(*host, faulty, "faulty");
    Scenario agree(alike, rows), differ(unlike, rows);
    EXPECT_FALSE(agree.play_cut(rows[0]));
    EXPECT_TRUE(differ.play_cut(rows[0]));
    bool found = false;
    for (std::uint64_t seed = 1; seed <= 50; seed++) {
        Choices choices(seed), again(seed);
        EXPECT_FALSE(agree.play(choices)) << "seed " << seed;
        found = differ.play(again) || found;
    }
    EXPECT_TRUE(found);
}

TEST(PacketFuzzer, ASeedAndAnInputRepeat) {
    const auto host = replay::make_host_runner(), same = replay::make_host_runner();
    const std::vector<Case> rows{small_case()};
    Twins twins(*host, *same, "same");
    Scenario scenario(twins, rows);
    Choices first(9), second(9);
    scenario.play(first);
    const json one = scenario.so_far().as_json();
    scenario.play(second);
    EXPECT_EQ(one, scenario.so_far().as_json());
    EXPECT_EQ(one, Case::from(one).as_json());
}

TEST(PacketFuzzer, FragmentsAndErrorsAreWellFormed) {
    const Bytes whole = small_case().steps[3].packet;
    const auto parts = fragments_of(whole, 8, 77);
    ASSERT_EQ(parts.size(), 2u);
    EXPECT_EQ(word_at(parts[0], 20), 0x2000);
    EXPECT_EQ(word_at(parts[1], 20), 1);
    EXPECT_EQ(parts[0].size() + parts[1].size(), whole.size() + 34);

    Bytes error = error_about(whole, 3, 4, 28);
    EXPECT_EQ(error.size(), 14u + 20 + 8 + 28);
    const Bytes before = error;
    fix_lengths(error);
    fix_checksums(error);
    EXPECT_EQ(error, before);
    EXPECT_EQ(turned_around(turned_around(whole)), whole);
}

TEST(PacketFuzzer, JudgesWhatBothMakeOfAPacket) {
    const Bytes came = small_case().steps[3].packet;
    const auto judged = [&came](const Bytes& sent) {
        return judge(came, {{WEIR_REASON_FLOW_HIT}, {{2, sent}}, {}}).value_or("well");
    };
    Bytes sent = came;
    EXPECT_EQ(judged(sent), "well");
    sent[44] ^= 1;
    EXPECT_EQ(judged(sent), "a transport checksum was right");
    sent = came;
    sent[24] ^= 1;
    EXPECT_EQ(judged(sent), "the IP header's checksum is wrong");
    sent.resize(50);
    EXPECT_EQ(judged(sent), "what leaves is shorter than it says");
    EXPECT_TRUE(judge(came, {{WEIR_REASON_NOT_SERVICE}, {}, {{1, sent}}}));
    EXPECT_FALSE(judge(came, {{WEIR_REASON_NOT_SERVICE}, {}, {{1, came}}}));

    Bytes damaged = came;
    damaged[50] ^= 1;
    EXPECT_FALSE(judge(damaged, {{WEIR_REASON_FLOW_HIT}, {{2, damaged}}, {}}));
    EXPECT_EQ(judge(damaged, {{WEIR_REASON_FLOW_HIT}, {{2, came}}, {}}),
              "a transport checksum hides damage");
}

TEST(PacketFuzzer, JudgesWhatAnErrorQuotes) {
    const Bytes error = error_about(small_case().steps[3].packet, 3, 4, 200);
    const auto judged = [&error](std::size_t at) {
        Bytes sent = error;
        sent[at] ^= 1;
        fix_checksums(sent);
        return judge(error, {{WEIR_REASON_ICMP_ERROR}, {{2, sent}}, {}}).value_or("well");
    };
    EXPECT_EQ(judged(14 + 20 + 8 + 12), "a quoted IP header's checksum was right");
    EXPECT_EQ(judged(14 + 20 + 8 + 20), "a quoted transport checksum was right");
}

}  // namespace
}  // namespace weir::fuzz
