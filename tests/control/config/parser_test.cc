// SPDX-License-Identifier: Apache-2.0
// What a configuration comes to mean: services, upstreams, core settings, and the notices.
#include <algorithm>

#include "control/config/defaults.h"
#include "tests/control/config/support.h"

namespace weir::config {
namespace {

using std::chrono::seconds;

std::vector<std::string> texts(const Parsed& parsed, LogLevel level) {
    std::vector<std::string> all;
    for (const Message& message : parsed.messages)
        if (message.level == level) all.push_back(message.text);
    return all;
}

TEST(Parser, AnEmptyFileHasDefaults) {
    const Model model = model_of("");
    EXPECT_EQ(model.core.pid, default_pid);
    EXPECT_EQ(model.core.error_log.target, default_error_log);
    EXPECT_TRUE(model.core.daemon);
    EXPECT_EQ(model.core.worker_processes, 1U);
    EXPECT_TRUE(model.services.empty());
}

TEST(Parser, ReadsTheMainLevel) {
    auto parsed = parse_text(
        "error_log e.log notice; pid /run/x.pid; daemon off; master_process off;"
        "worker_processes 3; worker_shutdown_timeout 10s; user www-data; user www-data;");
    ASSERT_TRUE(parsed.ok()) << parsed.error();
    const Core& core = parsed->model.core;
    EXPECT_TRUE(core.error_log.target.ends_with("/e.log"));
    EXPECT_TRUE(core.error_log.target.starts_with("/"));
    EXPECT_EQ(core.error_log.level, LogLevel::notice);
    EXPECT_EQ(core.pid, "/run/x.pid");
    EXPECT_FALSE(core.daemon);
    EXPECT_FALSE(core.master_process);
    EXPECT_EQ(core.worker_processes, 3U);
    EXPECT_EQ(core.worker_shutdown_timeout, seconds(10));
    const auto notices = texts(*parsed, LogLevel::notice);
    ASSERT_EQ(notices.size(), 1U) << "one notice for each name";
    EXPECT_TRUE(notices[0].starts_with("\"user\" directive is ignored: "));
}

TEST(Parser, ReadsAStreamServer) {
    const Model model = model_of(R"(stream {
  proxy_timeout 20s;
  upstream a { zone a 64k; server one.test:1 weight=4; server two.test:2 down; server 0.0.0.0:3 backup; }
  server { listen 10.0.0.1:53 udp reuseport; listen [::]:53; proxy_pass A;
           proxy_connect_timeout 500ms; health_check interval=2s fails=3 port=9; health_check_timeout 1s; }
  server { listen 80; proxy_pass 0.0.0.0:3000; proxy_timeout 1h; }
})");
    ASSERT_EQ(model.upstreams.size(), 2U);
    const Upstream& a = model.upstreams[0];
    EXPECT_EQ(a.name, "a");
    ASSERT_EQ(a.servers.size(), 3U);
    EXPECT_EQ(a.servers[0].weight, 4U);
    EXPECT_EQ(a.servers[1].addresses.size(), 2U);
    EXPECT_TRUE(a.servers[1].down);
    EXPECT_TRUE(a.servers[2].backup);
    EXPECT_EQ(a.servers[2].addresses[0].to_string(), "127.0.0.1");
    EXPECT_EQ(a.source.line, 3U);
    EXPECT_TRUE(model.upstreams[1].implicit);
    EXPECT_EQ(model.upstreams[1].name, "0.0.0.0:3000");
    EXPECT_EQ(model.upstreams[1].servers[0].addresses[0].to_string(), "127.0.0.1");

    ASSERT_EQ(model.services.size(), 3U);
    const Service& udp = model.services[0];
    EXPECT_EQ(udp.address->to_string(), "10.0.0.1");
    EXPECT_EQ(udp.protocol, Protocol::udp);
    EXPECT_EQ(udp.proxy_timeout, seconds(20));
    EXPECT_EQ(udp.proxy_connect_timeout, Milliseconds(500));
    ASSERT_TRUE(udp.health_check);
    EXPECT_EQ(udp.health_check->interval, seconds(2));
    EXPECT_EQ(udp.health_check->timeout, seconds(1));
    EXPECT_EQ(udp.health_check->fails, 3U);
    EXPECT_EQ(udp.health_check->port, 9);
    EXPECT_TRUE(model.services[1].ipv6_wildcard);
    EXPECT_FALSE(model.services[1].address);
    EXPECT_FALSE(model.services[2].ipv6_wildcard);
    EXPECT_EQ(model.services[2].upstream, 1U);
    EXPECT_EQ(model.services[2].proxy_timeout, seconds(3600));
    EXPECT_EQ(model.services[2].proxy_connect_timeout, seconds(60));
}

TEST(Parser, ReadsAnHttpServer) {
    auto parsed = parse_text(R"(user nginx;
events { worker_connections 1024; }
http {
  include mime.typ[e]s; default_type text/plain; sendfile on; gzip on; access_log off;
  types { text/html html; }
  map $http_upgrade $connection_upgrade { default upgrade; '' close; }
  proxy_connect_timeout 3s;
  upstream node_js { ip_hash; keepalive 16; server 0.0.0.0:3000; server 123.131.121.122; }
  server { listen 80 default_server; server_name yourdomain.com www.yourdomain.com;
    location / { proxy_pass http://node_js/; proxy_set_header Host $host; proxy_http_version 1.1;
                 health_check uri=/ok passes=2; } }
  server { listen 8080; location / { proxy_pass http://one.test; } }
})");
    ASSERT_TRUE(parsed.ok()) << parsed.error();
    const Model& model = parsed->model;
    EXPECT_EQ(model.upstreams[0].method, Method::ip_hash);
    EXPECT_EQ(model.upstreams[0].servers[0].addresses[0].to_string(), "127.0.0.1");
    EXPECT_EQ(model.upstreams[0].servers[1].port, 80);
    EXPECT_EQ(model.upstreams[1].servers[0].port, 80);
    ASSERT_EQ(model.services.size(), 2U);
    EXPECT_TRUE(model.services[0].http);
    EXPECT_EQ(model.services[0].proxy_connect_timeout, seconds(3));
    EXPECT_EQ(model.services[0].health_check->type, HealthCheck::Type::http);
    EXPECT_EQ(model.services[0].health_check->uri, "/ok");
    const auto notices = texts(*parsed, LogLevel::notice);
    EXPECT_EQ(std::count_if(notices.begin(), notices.end(),
                            [](const auto& text) { return text.starts_with("\"sendfile\""); }),
              1);
}

TEST(Parser, AnHttpServerListensOnPort80ByDefault) {
    const Model model = model_of("http { server { location / { proxy_pass http://10.0.0.1; } } }");
    ASSERT_EQ(model.services.size(), 1U);
    EXPECT_EQ(model.services[0].port, 80);
    EXPECT_FALSE(model.services[0].address);
}

TEST(Parser, ReadsMaglev) {
    const Model model = model_of(
        "stream { upstream a { maglev; server one.test:1; } upstream b { maglev $remote_addr; "
        "server "
        "one.test:1; } server { listen 1; proxy_pass b; } }");
    EXPECT_EQ(model.upstreams[0].method, Method::maglev);
    EXPECT_EQ(model.upstreams[0].hash_key, HashKey::flow);
    EXPECT_EQ(model.upstreams[1].hash_key, HashKey::client_address);
    EXPECT_EQ(model.services[0].upstream, 1U);
}

TEST(Parser, SplitsADualStackListen) {
    const Model model =
        model_of("stream { server { listen [::]:80 ipv6only=off; proxy_pass one.test:1; } }");
    ASSERT_EQ(model.services.size(), 2U);
    EXPECT_TRUE(model.services[0].ipv6_wildcard);
    EXPECT_FALSE(model.services[1].ipv6_wildcard);
}

TEST(Parser, WarnsOncePerUpstreamOfPassiveChecks) {
    auto parsed = parse_text(
        "stream { upstream a { server one.test:1 max_fails=2 fail_timeout=5s; server one.test:2 "
        "max_fails=3; } }");
    ASSERT_TRUE(parsed.ok());
    EXPECT_EQ(texts(*parsed, LogLevel::warn).size(), 1U);
}

TEST(Parser, IncludesAreRelativeToTheMainFileAndDumpedOnce) {
    Directory directory;
    std::filesystem::create_directory(directory.path() / "sub");
    directory.write("t.conf",
                    "include sub/*.conf; stream { include sub/x.inc; include sub/x.inc; }");
    directory.write("sub/b.conf", "pid b.pid;");
    directory.write("sub/a.conf", "include sub/deep.inc;");
    directory.write("sub/deep.inc", "daemon off;");
    directory.write("sub/x.inc", "");
    ParseOptions options;
    options.file = directory.path() / "t.conf";
    options.prefix = "/nowhere";
    auto parsed = parse(options);
    ASSERT_TRUE(parsed.ok()) << parsed.error();
    EXPECT_FALSE(parsed->model.core.daemon);
    EXPECT_EQ(parsed->model.core.pid, "/nowhere/b.pid");
    ASSERT_EQ(parsed->files.size(), 5U);
    EXPECT_TRUE(parsed->files[1].name.ends_with("a.conf"));
    EXPECT_TRUE(parsed->files[2].name.ends_with("deep.inc"));
    EXPECT_EQ(parsed->files[2].text, "daemon off;");
}

TEST(Parser, AFileThatIncludesItselfIsAnError) {
    const std::string error = error_of("include t.conf;");
    EXPECT_TRUE(
        error.starts_with("too many nested \"include\" directives, the limit is 32 in t.conf:1\n"))
        << error;
}

TEST(Parser, ReportsAMissingMainFileAsNginxDoes) {
    ParseOptions options;
    options.file = "/nonexistent/x.conf";
    EXPECT_EQ(parse(options).error(),
              "open() \"/nonexistent/x.conf\" failed (2: No such file or directory)");
}

TEST(Parser, WithoutResolvingAHostHasNoAddresses) {
    Directory directory;
    directory.write("t.conf", "stream { server { listen 1; proxy_pass nosuch.invalid:1; } }");
    ParseOptions options;
    options.file = directory.path() / "t.conf";
    options.resolve = false;
    auto parsed = parse(options);
    ASSERT_TRUE(parsed.ok());
    EXPECT_TRUE(parsed->model.upstreams[0].servers[0].addresses.empty());
}

TEST(Parser, TheCommandLinesErrorLogIsADefault) {
    Directory directory;
    ParseOptions options;
    options.file = directory.path() / "t.conf";
    options.error_log = "stderr";
    directory.write("t.conf", "");
    EXPECT_EQ(parse(options)->model.core.error_log.target, "stderr");
    directory.write("t.conf", "error_log /tmp/other.log;");
    EXPECT_EQ(parse(options)->model.core.error_log.target, "/tmp/other.log");
}

TEST(Parser, GlobalDirectivesComeFirst) {
    EXPECT_FALSE(model_of("", "daemon off;").core.daemon);
    EXPECT_EQ(error_of("daemon on;", "daemon off;"),
              "\"daemon\" directive is duplicate in t.conf:1");
    EXPECT_EQ(error_of("", "daemon maybe;"),
              "invalid value \"maybe\" in \"daemon\" directive, it must be \"on\" or \"off\" in "
              "command line");
    EXPECT_EQ(error_of("", "daemon off"),
              "unexpected end of parameter, expecting \";\" in command line");
    EXPECT_TRUE(
        error_of("", "stream {}")
            .starts_with("block directives are not supported in -g option in command line"));
}

TEST(Parser, AConfigurationThatServesNothingIsNoneToRun) {
    for (const char* text : {"", "# all commented out\n", "events { }", "daemon off;", "stream { }",
                             "http { upstream a { server 192.0.2.1:80; } }"}) {
        const Status status = check_serves(model_of(text), "t.conf");
        ASSERT_FALSE(status.ok()) << text;
        EXPECT_TRUE(status.error().starts_with("no \"server\" in configuration t.conf\n"));
    }
    const Model model = model_of("stream { server { listen 1; proxy_pass 192.0.2.1:1; } }");
    EXPECT_TRUE(check_serves(model, "t.conf").ok());
}

}  // namespace
}  // namespace weir::config
