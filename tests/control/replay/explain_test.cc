// SPDX-License-Identifier: Apache-2.0
// An explanation must be what then happens, for each method, and must leave no trace: tables with
// thousands of explanations between the packets give what tables without any give.
#include "control/api/explain.h"

#include <fmt/format.h>

#include "tests/control/publish/balancer_fixture.h"

namespace weir::publish::test {
namespace {

using nlohmann::json;

class ExplainTest : public BalancerTest {
  protected:
    static tables::Geometry roomy() {
        tables::Geometry geometry = BalancerTest::geometry();
        geometry.flow_buckets = 1024;
        geometry.ref_buckets = 1024;
        return geometry;
    }
    ExplainTest() : BalancerTest(roomy()) {
        balancer->directory().ports = {{0, "weir0", "host link", "", ""},
                                       {1, "eth0", "network", "", ""}};
    }

    json why(const std::string& client, const std::string& service = "203.0.113.1:80",
             const std::string& protocol = "tcp") {
        const tables::View view = heap.view();
        const api::Sources sources{view, balancer->directory(), traffic.now};
        auto answer = api::explain(
            sources, {{"client", client}, {"service", service}, {"protocol", protocol}});
        if (!answer) return {{"error", answer.error()}};
        return *answer;
    }

    std::string step(const json& answer, const std::string& name) {
        for (const json& step : answer["steps"])
            if (step["step"] == name) return step["text"];
        return "";
    }

    // Every new connection goes where it was said, and was said to.
    void agrees(const config::Model& model) {
        load(model);
        for (unsigned i = 0; i < 600; i++) {
            const auto client = fmt::format("192.{}.{}.9", i % 7, i % 251);
            const auto port = static_cast<std::uint16_t>(30000 + i);
            const json said = why(fmt::format("{}:{}", client, port));
            const json again = why(fmt::format("{}:{}", client, port));
            EXPECT_EQ(said, again);
            const Outcome done = traffic.send(client, port, vip, 80, WEIR_TCP_SYN);
            ASSERT_EQ(done.reason, WEIR_REASON_FLOW_NEW);
            ASSERT_EQ(said["backend"], done.backend) << said.dump(2);
            EXPECT_EQ(said["reason"], "flow_new");
            EXPECT_EQ(said["flow"], false);
            const auto source = weir_be16_to(done.flow->snat_port);
            EXPECT_GE(source, said["source_ports"][0].get<unsigned>());
            EXPECT_LE(source, said["source_ports"][1].get<unsigned>());
        }
    }
};

TEST_F(ExplainTest, RoundRobin) {
    auto model = three_servers();
    model.upstreams[0].servers[0].weight = 5;
    agrees(model);
    EXPECT_EQ(why("192.0.2.1:1")["turn"], 600);
    EXPECT_EQ(why("192.0.2.1:1")["slots"], 7);
    EXPECT_EQ(why("192.0.2.1:1")["slot"], 600 % 7);
}

TEST_F(ExplainTest, IpHash) {
    auto model = three_servers();
    model.upstreams[0].method = config::Method::ip_hash;
    model.upstreams[0].servers[1].down = true;
    agrees(model);
    // Some client's first slot names the backend that is down.
    bool tried_again = false;
    for (unsigned i = 0; i < 30 && !tried_again; i++)
        tried_again =
            step(why(fmt::format("10.9.{}.1:5", i)), "slot").find("th try") != std::string::npos;
    EXPECT_TRUE(tried_again);
}

TEST_F(ExplainTest, Maglev) {
    auto model = three_servers();
    model.upstreams[0].method = config::Method::maglev;
    agrees(model);
}

TEST_F(ExplainTest, MaglevOfAddresses) {
    auto model = three_servers();
    model.upstreams[0].method = config::Method::maglev;
    model.upstreams[0].hash_key = config::HashKey::client_address;
    agrees(model);
}

TEST_F(ExplainTest, LeavesNoTrace) {
    load(three_servers());
    traffic.establish(traffic.open(vip, 80));
    const tables::View view = heap.view();
    const auto bytes = [&] {
        std::string all(reinterpret_cast<const char*>(view.control), sizeof(*view.control));
        const auto add = [&all](const auto& records) {
            all.append(reinterpret_cast<const char*>(records.data()), records.size_bytes());
        };
        add(view.services), add(view.backends), add(view.slots), add(view.sources),
            add(view.upstreams);
        add(view.workers), add(view.counters);
        add(view.flows), add(view.flow_refs);
        return all;
    };
    const std::string before = bytes();
    for (const char* client : {"192.0.2.1:20000", "192.0.2.1:20001", "10.0.0.1:8080"})
        for (const char* service : {"203.0.113.1:80", "203.0.113.1:81", "10.0.0.254:40000"})
            EXPECT_FALSE(why(client, service).contains("error"));
    EXPECT_TRUE(before == bytes());
}

TEST_F(ExplainTest, KnownFlows) {
    load(three_servers());
    const Outcome opened = traffic.send("192.0.2.1", 1000, vip, 80, WEIR_TCP_SYN);
    traffic.establish(opened);
    traffic.now += 5'000'000'000;
    const json answer = why("192.0.2.1:1000");
    EXPECT_EQ(answer["flow"], true);
    EXPECT_EQ(answer["flow_state"], "established");
    EXPECT_EQ(answer["backend"], opened.backend);
    EXPECT_EQ(answer["source_port"], weir_be16_to(opened.flow->snat_port));
    EXPECT_EQ(answer["reason"], "flow_hit");
    EXPECT_EQ(answer["port"], "eth0");
    EXPECT_NE(step(answer, "flow").find("established, expires in "), std::string::npos);
    // The backend's reply is asked for the same way.
    const json reply =
        why(opened.backend, fmt::format("10.0.0.254:{}", weir_be16_to(opened.flow->snat_port)));
    EXPECT_EQ(reply["reason"], "flow_hit") << reply.dump(2);
    EXPECT_EQ(reply["matched"], nullptr);
}

TEST_F(ExplainTest, ASynReopensAClosedFlow) {
    load(three_servers());
    const Outcome opened = traffic.send("192.0.2.1", 1000, vip, 80, WEIR_TCP_SYN);
    traffic.establish(opened);
    traffic.next(opened, WEIR_TCP_FIN | WEIR_TCP_ACK);
    traffic.reply(opened, WEIR_TCP_FIN | WEIR_TCP_ACK);
    const json answer = why("192.0.2.1:1000");
    EXPECT_EQ(answer["flow"], false);
    EXPECT_EQ(answer["flow_state"], "closed");
    EXPECT_EQ(answer["turn"], 1);
    EXPECT_EQ(answer["backend"], traffic.send("192.0.2.1", 1000, vip, 80, WEIR_TCP_SYN).backend);
}

TEST_F(ExplainTest, WhyNot) {
    unreachable = {"10.0.0.2"};
    auto model = three_servers();
    model.upstreams[0].servers[2].down = true;
    load(model);
    EXPECT_EQ(why("192.0.2.1:1")["backend"], b1);
    EXPECT_NE(
        step(why("192.0.2.1:1"), "not chosen").find("10.0.0.2:8080 is unreachable: no answer"),
        std::string::npos);
    unreachable.insert("10.0.0.1");
    ASSERT_TRUE(publish());
    const json none = why("192.0.2.1:1");
    EXPECT_EQ(none["reason"], "no_backend");
    EXPECT_EQ(none["verdict"], "drop");
    EXPECT_NE(step(none, "not chosen").find("10.0.0.3:8080 is down"), std::string::npos);

    const json other = why("192.0.2.1:1", "203.0.113.1:443");
    EXPECT_EQ(other["reason"], "not_service");
    EXPECT_NE(step(other, "service").find("this address has 203.0.113.1:80/tcp"),
              std::string::npos);
    EXPECT_EQ(why("192.0.2.1:1", "203.0.113.1:80", "udp")["reason"], "not_service");
    EXPECT_EQ(why("[2001:db8::1]:1", "[2001:db8::2]:80")["reason"], "not_service");
    balancer->drain();
    ASSERT_TRUE(publish());
    EXPECT_EQ(why("192.0.2.1:1")["reason"], "service_draining");
}

TEST_F(ExplainTest, Modes) {
    auto model = three_servers();
    model.upstreams[0].delivery.forward = config::Forward::dsr;
    load(model);
    const json direct = why("192.0.2.1:1");
    EXPECT_EQ(direct["reason"], "flow_new");
    EXPECT_EQ(direct["mode"], "dsr");
    EXPECT_FALSE(direct.contains("source"));
    EXPECT_EQ(direct["backend"], "10.0.0.1:80") << "the client's port stays";
    EXPECT_NE(step(direct, "mode").find("answers the client itself"), std::string::npos);

    model.upstreams[0].method = config::Method::maglev;
    model.upstreams[0].stateless = true;
    restart();
    load(model);
    const json hashed = why("192.0.2.1:1");
    EXPECT_EQ(hashed["reason"], "stateless") << hashed.dump(2);
    EXPECT_EQ(hashed["flow"], false);
    EXPECT_NE(step(hashed, "slot").find("by the hash"), std::string::npos);
}

TEST_F(ExplainTest, AcrossFamilies) {
    auto model = three_servers();
    model.upstreams[0].servers = {server("2001:db8::21")};
    load(model);
    const json answer = why("192.0.2.1:1");
    EXPECT_EQ(answer["backend"], "[2001:db8::21]:8080") << answer.dump(2);
    EXPECT_EQ(answer["reason"], "flow_new");
}

TEST_F(ExplainTest, NonsenseIsRefused) {
    load(three_servers());
    for (const char* client : {"", "192.0.2.1", "192.0.2.1:0", "192.0.2.1:65536", "nobody:1",
                               "[192.0.2.1]:1", "2001:db8::1:80:x"})
        EXPECT_TRUE(why(client).contains("error")) << client;
    EXPECT_TRUE(why("192.0.2.1:1", "203.0.113.1:80", "sctp").contains("error"));
    EXPECT_TRUE(why("[2001:db8::1]:1").contains("error")) << "families differ";
    const tables::View view = heap.view();
    const api::Sources sources{view, balancer->directory(), traffic.now};
    EXPECT_FALSE(api::explain(sources, 7));
    EXPECT_FALSE(api::explain(sources, json::object()));
    EXPECT_FALSE(api::explain(sources, {{"client", 1}, {"service", 2}, {"protocol", 3}}));
    EXPECT_TRUE(api::answer(sources, {{"explain", nullptr}}).contains("error"));
}

}  // namespace
}  // namespace weir::publish::test
