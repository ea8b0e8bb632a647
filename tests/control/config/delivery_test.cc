// SPDX-License-Identifier: Apache-2.0
// forward, proxy_bind and their relatives: what they come to mean, which of several words counts,
// and each combination that cannot work, refused with the reason.
#include "tests/control/config/support.h"

namespace weir::config {
namespace {

// One upstream of three words' choice, one server.
std::string stream(const std::string& upstream, const std::string& server) {
    return "stream { upstream a { " + upstream + " }\nserver { proxy_pass a; " + server + " } }";
}

const Upstream& upstream_of(const Model& model, std::size_t service = 0) {
    return model.upstreams.at(model.services.at(service).upstream);
}

Delivery delivery_of(const std::string& upstream, const std::string& server) {
    return upstream_of(model_of(stream(upstream, server))).delivery;
}

TEST(Delivery, IsNatUnlessSaid) {
    const Delivery d = delivery_of("server one.test:1;", "listen 80;");
    EXPECT_EQ(d, Delivery{});
    EXPECT_EQ(d.forward, Forward::nat);
    EXPECT_TRUE(d.mss_clamp);
    EXPECT_FALSE(d.session_drop);
}

TEST(Delivery, OfTheUpstreamAndOfTheServerWhichWins) {
    EXPECT_EQ(delivery_of("forward ipip; server one.test:80;", "listen 80;").forward,
              Forward::ipip);
    EXPECT_EQ(delivery_of("forward ipip; server one.test:80;", "listen 80; forward dsr;").forward,
              Forward::dsr);
    EXPECT_EQ(delivery_of("server one.test:80; forward dsr;", "listen 80;").forward, Forward::dsr);
    const Delivery gue =
        delivery_of("forward gue port=6635 checksum=on; server one.test:80;", "listen 80;");
    EXPECT_EQ(gue.forward, Forward::gue);
    EXPECT_EQ(gue.tunnel_port, 6635);
    EXPECT_TRUE(gue.checksum);
    EXPECT_EQ(delivery_of("server one.test:80;", "listen 80; forward gue;").tunnel_port, 6080);
}

TEST(Delivery, ReadsProxyBindAndTheRest) {
    const Delivery kept =
        delivery_of("server one.test:1;", "listen 80; proxy_bind $remote_addr transparent;");
    EXPECT_EQ(kept.forward, Forward::transparent);
    const Delivery fixed = delivery_of("server one.test:1;", "listen 80; proxy_bind 192.0.2.9;");
    EXPECT_EQ(fixed.forward, Forward::nat);
    EXPECT_EQ(fixed.bind->to_string(), "192.0.2.9");
    const Delivery more =
        delivery_of("server one.test:1;", "listen 80; mss_clamp 1360; proxy_session_drop on;");
    EXPECT_EQ(more.mss, 1360);
    EXPECT_TRUE(more.mss_clamp);
    EXPECT_TRUE(more.session_drop);
    EXPECT_FALSE(delivery_of("server one.test:1;", "listen 80; mss_clamp off;").mss_clamp);
}

TEST(Delivery, IsInheritedFromTheBlockAround) {
    const Model model = model_of(R"(stream {
  proxy_bind 192.0.2.9; mss_clamp off; proxy_session_drop on;
  upstream a { server one.test:1; }
  server { listen 1; proxy_pass a; }
  server { listen 2; proxy_pass a; proxy_bind off; mss_clamp on; proxy_session_drop off; }
  server { listen 3; proxy_pass a; }
})");
    const Delivery& outer = upstream_of(model, 0).delivery;
    EXPECT_EQ(outer.bind->to_string(), "192.0.2.9");
    EXPECT_FALSE(outer.mss_clamp);
    EXPECT_TRUE(outer.session_drop);
    EXPECT_EQ(upstream_of(model, 1).delivery, Delivery{});
    EXPECT_EQ(model.services[0].upstream, model.services[2].upstream);

    const Model http = model_of(R"(http { proxy_bind $remote_addr transparent;
  server { listen 1; location / { proxy_pass http://one.test; proxy_bind 192.0.2.9; } }
  server { listen 2; location / { proxy_pass http://one.test; } } })");
    EXPECT_EQ(upstream_of(http, 0).delivery.forward, Forward::nat);
    EXPECT_EQ(upstream_of(http, 1).delivery.forward, Forward::transparent);
}

TEST(Delivery, EachWayToAnUpstreamIsOneUpstream) {
    const Model model = model_of(R"(stream {
  upstream a { server one.test:80; }
  upstream b { forward dsr; server one.test:80; }
  server { listen 80; proxy_pass a; }
  server { listen 192.0.2.80:80; proxy_pass a; forward dsr; }
  server { listen 81; proxy_pass a; }
  server { listen 82; proxy_pass a; proxy_bind 192.0.2.9; }
}
http { upstream a { server one.test; } server { listen 8080; location / { proxy_pass http://a; } } })");
    std::vector<std::string> keys;
    for (const Upstream& upstream : model.upstreams) keys.push_back(upstream.key);
    EXPECT_EQ(keys, (std::vector<std::string>{"a", "b/dsr", "a/dsr", "a#2", "a#3"}));
    EXPECT_EQ(upstream_of(model, 1).name, "a");
    EXPECT_EQ(model.services[0].upstream, model.services[2].upstream);
}

TEST(Delivery, AServerBehindDsrOrATunnelNeedsNoPort) {
    const Model model =
        model_of(stream("forward ipip; server one.test;", "listen 80; listen 443;"));
    EXPECT_EQ(upstream_of(model).servers[0].port, 0);
    EXPECT_EQ(model.services[0].upstream, model.services[1].upstream);
}

TEST(Delivery, ReadsRangesOfPorts) {
    const Model model =
        model_of(stream("server one.test:1;", "listen 8000-8010; listen *:1-2 udp; listen 80;"));
    EXPECT_EQ(model.services[0].port, 8000);
    EXPECT_EQ(model.services[0].last_port, 8010);
    EXPECT_TRUE(model.services[0].is_range());
    EXPECT_EQ(model.services[1].last_port, 2);
    EXPECT_EQ(model.services[1].protocol, Protocol::udp);
    EXPECT_FALSE(model.services[2].is_range());
}

TEST(Delivery, ReadsQuicConnectionIds) {
    const Model model =
        model_of(stream("server one.test:1 server_id=7; server 192.0.2.8:1 server_id=300;",
                        "listen 443 udp; listen 443; quic_cid offset=2 length=2;"));
    EXPECT_EQ(model.services[0].quic_cid, (QuicCid{2, 2}));
    EXPECT_FALSE(model.services[1].quic_cid) << "TCP has none";
    EXPECT_EQ(upstream_of(model).servers[1].server_id, 300);
    const Model plain =
        model_of(stream("server one.test:1 server_id=7;", "listen 443 udp; quic_cid;"));
    EXPECT_EQ(plain.services[0].quic_cid, (QuicCid{1, 1}));
}

struct Case {
    const char* upstream;
    const char* server;
    const char* first_line;
    const char* detail;  // a part of the second line
};

TEST(DeliveryRefusals, OfAWordAlone) {
    const Case cases[] = {
        {"forward tunnel; server one.test:1;", "listen 1;",
         "invalid value \"tunnel\" in \"forward\" directive in t.conf:1", "nat, dsr, ipip or gue"},
        {"forward transparent; server one.test:1;", "listen 1;",
         "invalid value \"transparent\" in \"forward\" directive in t.conf:1",
         "proxy_bind $remote_addr transparent"},
        {"forward ipip port=5; server one.test:1;", "listen 1;",
         "invalid parameter \"port=5\" in t.conf:1", "only gue has parameters"},
        {"forward gue port=0; server one.test:1;", "listen 1;",
         "invalid parameter \"port=0\" in t.conf:1", "port=65535"},
        {"forward gue checksum=maybe; server one.test:1;", "listen 1;",
         "invalid parameter \"checksum=maybe\" in t.conf:1", "checksum=off"},
        {"forward gue key=5; server one.test:1;", "listen 1;",
         "invalid parameter \"key=5\" in t.conf:1", "port= or checksum="},
        {"server one.test:1;", "listen 1; mss_clamp 100;",
         "invalid value \"100\" in \"mss_clamp\" directive in t.conf:2", "on, off or a number"},
        {"server one.test:1;", "listen 1; proxy_bind $server_addr;",
         "variable \"$server_addr\" in \"proxy_bind\" is not supported by an L4 balancer in "
         "t.conf:2",
         "proxy_bind $remote_addr transparent"},
        {"server one.test:1;", "listen 1; proxy_bind $remote_addr;",
         "\"proxy_bind $remote_addr\" needs \"transparent\" in t.conf:2", "none of this host's"},
        {"server one.test:1;", "listen 1; proxy_bind 192.0.2.9:80;",
         "port in \"192.0.2.9:80\" of the \"proxy_bind\" directive is not supported by an L4 "
         "balancer in t.conf:2",
         "address alone"},
        {"server one.test:1;", "listen 1; proxy_bind 127.0.0.1;",
         "address \"127.0.0.1\" of the \"proxy_bind\" directive cannot work in t.conf:2",
         "over the network"},
        {"server one.test:1;", "listen 1 udp; quic_cid offset=19;",
         "invalid parameter \"offset=19\" in t.conf:2", "length=2"},
        {"server one.test:1;", "listen 1 udp; quic_cid length=3;",
         "invalid parameter \"length=3\" in t.conf:2", "length=2"},
        {"server two.test:1 server_id=1;", "listen 1;",
         "invalid parameter \"server_id=1\" in t.conf:1", "2 addresses"},
        {"server one.test:1 server_id=1; server one.test:2 server_id=1;", "listen 1;",
         "invalid parameter \"server_id=1\" in t.conf:1", "has it already"},
    };
    for (const Case& c : cases)
        expect_refused(stream(c.upstream, c.server), c.first_line, c.detail);
    EXPECT_EQ(error_of(stream("server one.test:1 server_id=x;", "listen 1;")),
              "invalid parameter \"server_id=x\" in t.conf:1");
    EXPECT_EQ(error_of(stream("forward nat; forward nat; server one.test:1;", "listen 1;")),
              "\"forward\" directive is duplicate in t.conf:1");
    EXPECT_EQ(error_of(stream("stateless maybe; server one.test:1;", "listen 1;")),
              "invalid value \"maybe\" in \"stateless\" directive, it must be \"on\" or \"off\" in "
              "t.conf:1");
    EXPECT_EQ(error_of(stream("server one.test:1;", "listen 1; proxy_session_drop 1;")),
              "invalid value \"1\" in \"proxy_session_drop\" directive, it must be \"on\" or "
              "\"off\" in t.conf:2");
    EXPECT_EQ(error_of("stream { forward dsr; }"),
              "\"forward\" directive is not allowed here in t.conf:1");
}

TEST(DeliveryRefusals, OfWhatAModeCannotDo) {
    const Case cases[] = {
        {"forward dsr; server one.test:8080;", "listen 80;",
         "\"forward dsr\" cannot change the port of \"0.0.0.0:80\" to that of server "
         "\"one.test:8080\" in t.conf:1",
         "listen on port 8080, let the server have port 80"},
        {"forward ipip; server one.test:80;", "listen 80; listen 443;",
         "\"forward ipip\" cannot change the port of \"0.0.0.0:443\" to that of server "
         "\"one.test:80\" in t.conf:1",
         "or none in a stream upstream"},
        {"server one.test:8001;", "listen 8000-8010; forward gue;",
         "\"forward gue\" cannot change the port of \"0.0.0.0:8000-8010\" to that of server "
         "\"one.test:8001\" in t.conf:1",
         "port 8000"},
        {"forward dsr; server one.test;", "listen 80; forward nat;",
         "no port in upstream \"one.test\" in t.conf:1", "\"forward nat\", which needs one"},
        {"forward dsr; server one.test:80;", "listen [::]:80;",
         "\"forward dsr\" cannot bring IPv6 packets of \"[::]:80\" to IPv4 server \"one.test:80\" "
         "in t.conf:1",
         "nat, ipip or gue"},
        {"forward dsr; server two.test:80;", "listen 192.0.2.80:80;",
         "\"forward dsr\" cannot bring IPv4 packets of \"192.0.2.80:80\" to IPv6 server "
         "\"two.test:80\" in t.conf:1",
         "same family"},
        {"server [2001:db8::1]:80;", "listen 80; proxy_bind $remote_addr transparent;",
         "\"proxy_bind $remote_addr transparent\" cannot bring IPv4 packets of \"0.0.0.0:80\" to "
         "IPv6 server \"[2001:db8::1]:80\" in t.conf:1",
         "remove proxy_bind"},
        {"forward dsr; server 127.0.0.1:80;", "listen 80;",
         "\"forward dsr\" cannot reach server \"127.0.0.1:80\" on this host in t.conf:1",
         "use \"forward nat\""},
        {"server 127.0.0.1:80;", "listen 80; proxy_bind $remote_addr transparent;",
         "\"proxy_bind $remote_addr transparent\" cannot reach server \"127.0.0.1:80\" on this "
         "host in t.conf:1",
         "another machine"},
        {"server [::1]:80;", "listen 80;", "server \"[::1]:80\" cannot be reached in t.conf:1",
         "127.0.0.1"},
        {"server [::]:80;", "listen 80;", "server \"[::]:80\" cannot be reached in t.conf:1",
         "127.0.0.1"},
        {"forward dsr; server one.test:80;", "listen 80; proxy_bind 192.0.2.9;",
         "\"proxy_bind\" is not possible with \"forward dsr\" in t.conf:2", "remove proxy_bind"},
        {"forward gue; server one.test:80;", "listen 80; proxy_bind $remote_addr transparent;",
         "\"proxy_bind\" is not possible with \"forward gue\" in t.conf:2", "client's address"},
        {"server two.test:80;", "listen 80; proxy_bind 192.0.2.9;",
         "\"proxy_bind 192.0.2.9\" cannot be the source address toward server \"two.test:80\" in "
         "t.conf:1",
         "two upstreams"},
        {"stateless on; maglev; server one.test:80;", "listen 80;",
         "\"stateless\" is not possible with \"forward nat\" in t.conf:1", "without flows"},
        {"stateless on; maglev; server one.test:80;",
         "listen 80; proxy_bind $remote_addr transparent;",
         "\"stateless\" is not possible with \"proxy_bind $remote_addr transparent\" in t.conf:1",
         "without flows"},
        {"stateless on; forward dsr; server one.test:80;", "listen 80;",
         "\"stateless\" is not possible with round robin in t.conf:1", "add \"maglev\""},
        {"stateless on; forward dsr; ip_hash; server one.test:80;", "listen 80;",
         "\"stateless\" is not possible with \"ip_hash\" in t.conf:1", "maglev $remote_addr"},
        {"stateless on; forward dsr; maglev; server one.test:80;",
         "listen 80; proxy_session_drop on;",
         "\"stateless\" is not possible with \"proxy_session_drop on\" in t.conf:1", "no sessions"},
        {"server one.test:1 server_id=1;", "listen 1; quic_cid;",
         "\"quic_cid\" needs a \"listen ... udp\" in t.conf:2", "UDP"},
        {"server one.test:1;", "listen 1 udp; quic_cid;",
         "no server in upstream \"a\" has a \"server_id=\" in t.conf:2", "its own"},
        {"server one.test:1 server_id=300;", "listen 1 udp; quic_cid;",
         "invalid parameter \"server_id=300\" in t.conf:1", "at most 255"},
    };
    for (const Case& c : cases)
        expect_refused(stream(c.upstream, c.server), c.first_line, c.detail);
    EXPECT_EQ(error_of(stream("server one.test; forward dsr;", "listen 80;")),
              "no port in upstream \"one.test\" in t.conf:1")
        << "without a port only after forward";
}

TEST(DeliveryRefusals, NotOfWhatWorks) {
    for (const auto& [upstream, server] : {
             std::pair{"forward dsr; maglev; stateless on; server one.test:80;", "listen 80;"},
             std::pair{"stateless off; server one.test:80;", "listen 80;"},
             std::pair{"forward gue; server two.test;", "listen 80; listen [::]:443;"},
             std::pair{"forward ipip; server one.test;", "listen *:1-65535; proxy_bind 192.0.2.9;"},
             std::pair{"server 127.0.0.1:80;", "listen [::]:80;"},
             std::pair{"server two.test:80;", "listen [::]:80; listen 80;"},
             std::pair{"server one.test:9000;", "listen 8000-8010;"},
         })
        EXPECT_EQ(error_of(stream(upstream, server)), "");
}

}  // namespace
}  // namespace weir::config
