// SPDX-License-Identifier: Apache-2.0
// Single probes against well-behaved, broken and hostile backends.
#include "control/health/probe.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <optional>

#include "tests/control/health/backend.h"

namespace weir {
namespace {

using test::Backend;
using test::run_until;
using Verdict = ProbeOutcome::Verdict;
using std::chrono::milliseconds;
namespace asio = boost::asio;

class ProbeTest : public testing::Test {
  protected:
    asio::ip::tcp::endpoint at(std::uint16_t port) const {
        return {asio::ip::address_v4::loopback(), port};
    }
    ProbeOutcome http(std::uint16_t port, milliseconds timeout = milliseconds(500)) {
        std::optional<ProbeOutcome> got;
        const auto probe = start_http_probe(io, at(port), "/health?x=1", timeout,
                                            [&](const ProbeOutcome& outcome) { got = outcome; });
        EXPECT_FALSE(got);
        EXPECT_TRUE(run_until(io, [&] { return got.has_value(); }));
        return got.value_or(ProbeOutcome{});
    }
    ProbeOutcome tcp(const asio::ip::tcp::endpoint& backend) {
        std::optional<ProbeOutcome> got;
        const auto probe = start_tcp_probe(io, backend, milliseconds(300),
                                           [&](const ProbeOutcome& outcome) { got = outcome; });
        EXPECT_TRUE(run_until(io, [&] { return got.has_value(); }));
        return got.value_or(ProbeOutcome{});
    }

    asio::io_context io;
};

std::string response(const std::string& status, const std::string& body = "ok") {
    return "HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\n\r\n" + body;
}

TEST_F(ProbeTest, TcpConnects) {
    Backend backend(io, {});
    EXPECT_EQ(tcp(at(backend.port())).verdict, Verdict::passed);
}

TEST_F(ProbeTest, TcpRefused) {
    Backend backend(io, {});
    backend.stop();
    const ProbeOutcome outcome = tcp(at(backend.port()));
    EXPECT_EQ(outcome.verdict, Verdict::failed);
    EXPECT_EQ(outcome.reason, "connect() failed (111: Connection refused)");
}

TEST_F(ProbeTest, ConnectTimesOut) {
    // A full backlog answers no SYN: the same as a host that is gone.
    asio::ip::tcp::acceptor full(io);
    full.open(asio::ip::tcp::v4());
    full.bind(at(0));
    full.listen(0);
    asio::ip::tcp::socket first(io), second(io);
    first.connect(full.local_endpoint());
    second.async_connect(full.local_endpoint(), [](const boost::system::error_code&) {});
    const ProbeOutcome outcome = tcp(full.local_endpoint());
    EXPECT_EQ(outcome.verdict, Verdict::failed);
    EXPECT_EQ(outcome.reason, "upstream timed out (110: Connection timed out) while connecting");
}

TEST_F(ProbeTest, OwnShortageSaysNothingOfTheBackend) {
    Backend backend(io, {});
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    const rlimit none{0, before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    const ProbeOutcome outcome = tcp(at(backend.port()));
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    EXPECT_EQ(outcome.verdict, Verdict::inconclusive);
    EXPECT_EQ(outcome.reason, "connect() failed (24: Too many open files)");
}

TEST_F(ProbeTest, HttpStatusDecides) {
    Backend backend(io, {});
    for (const auto& [status, passes] : {std::pair{"200 OK", true},
                                         {"204 No Content", true},
                                         {"302 Found", true},
                                         {"404 Not Found", false},
                                         {"503 Service Unavailable", false},
                                         {"100 Continue", false}}) {
        backend.behaviour.say =
            response(status, status == std::string("204 No Content") ? "" : "ok");
        const ProbeOutcome outcome = http(backend.port());
        EXPECT_EQ(outcome.verdict == Verdict::passed, passes) << status;
        EXPECT_EQ(outcome.reason, "HTTP status " + std::string(status).substr(0, 3));
    }
    EXPECT_TRUE(backend.heard.starts_with("GET /health?x=1 HTTP/1.1\r\n")) << backend.heard;
    EXPECT_NE(backend.heard.find("Host: 127.0.0.1:" + std::to_string(backend.port())),
              std::string::npos);
    EXPECT_NE(backend.heard.find("Connection: close"), std::string::npos);
}

TEST_F(ProbeTest, HttpBodiesOfEveryFraming) {
    Backend backend(io, {});
    backend.behaviour.say =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
    EXPECT_EQ(http(backend.port()).verdict, Verdict::passed);
    backend.behaviour.say = "HTTP/1.0 200 OK\r\n\r\nuntil the end";
    EXPECT_EQ(http(backend.port()).verdict, Verdict::passed);
    backend.behaviour.say = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort";
    const ProbeOutcome cut = http(backend.port());
    EXPECT_EQ(cut.verdict, Verdict::failed);
    EXPECT_EQ(cut.reason, "upstream prematurely closed connection while reading the response body");
}

TEST_F(ProbeTest, HugeBodiesPassWithoutBeingRead) {
    Backend backend(io, {});
    backend.behaviour.say = "HTTP/1.1 200 OK\r\nContent-Length: 107374182400\r\n\r\n";
    EXPECT_EQ(http(backend.port()).verdict, Verdict::passed);
    backend.behaviour.say = "HTTP/1.0 200 OK\r\n\r\n" + std::string(1 << 20, 'x');
    EXPECT_EQ(http(backend.port()).verdict, Verdict::passed);
    backend.behaviour.say = response("200 OK", std::string(60000, 'x'));
    EXPECT_EQ(http(backend.port()).verdict, Verdict::passed);
}

TEST_F(ProbeTest, EndlessHeadersAreCutOff) {
    Backend backend(io, {});
    backend.behaviour.say = "HTTP/1.1 200 OK\r\n";
    for (int i = 0; i < 100000; ++i) backend.behaviour.say += "X-Padding: yes\r\n";
    backend.behaviour.for_ever = true;
    const ProbeOutcome outcome = http(backend.port());
    EXPECT_EQ(outcome.verdict, Verdict::failed);
    EXPECT_NE(outcome.reason.find("while reading the response header"), std::string::npos)
        << outcome.reason;
}

TEST_F(ProbeTest, GarbageAndSilenceFail) {
    Backend backend(io, {"SSH-2.0-OpenSSH_9.2\r\n", false, true});
    EXPECT_NE(http(backend.port()).reason.find("upstream sent invalid response"),
              std::string::npos);
    backend.behaviour.say = "";
    EXPECT_EQ(http(backend.port()).reason,
              "upstream prematurely closed connection while reading the response header");
    backend.behaviour.then_close = false;
    EXPECT_EQ(http(backend.port()).reason,
              "upstream timed out (110: Connection timed out) while reading the response header");
    backend.stop();
    EXPECT_EQ(http(backend.port()).reason, "connect() failed (111: Connection refused)");
}

TEST_F(ProbeTest, CancelledProbesStaySilent) {
    Backend backend(io, {response("200 OK"), false, true});
    bool called = false;
    const auto probe = start_http_probe(io, at(backend.port()), "/", milliseconds(100),
                                        [&](const ProbeOutcome&) { called = true; });
    probe->cancel();
    run_until(
        io, [] { return false; }, milliseconds(200));
    EXPECT_FALSE(called);
}

}  // namespace
}  // namespace weir
