// SPDX-License-Identifier: Apache-2.0
// The Checker's thresholds, schedule and replacement of targets, with backends on loopback.
#include "control/health/checker.h"

#include <gtest/gtest.h>

#include "tests/control/health/backend.h"

namespace weir {
namespace {

using std::chrono::milliseconds;
using test::Backend;
using test::run_until;

class CheckerTest : public testing::Test {
  protected:
    CheckerTest()
        : checker(io, [this](const std::string& id, bool healthy, const std::string& reason) {
              changes.push_back(id + (healthy ? " up: " : " down: ") + reason);
          }) {}

    Checker::Target target(const std::string& id, const Backend& backend) {
        Checker::Target wanted{id, boost::asio::ip::address_v4::loopback(), backend.port(), {}};
        wanted.check.interval = milliseconds(30);
        wanted.check.timeout = milliseconds(200);
        return wanted;
    }
    void run_for(milliseconds time) {
        run_until(
            io, [] { return false; }, time);
    }

    boost::asio::io_context io;
    std::vector<std::string> changes;
    Checker checker;
};

TEST_F(CheckerTest, ADeadBackendGoesAndComesBack) {
    Backend backend(io, {});
    checker.replace({target("a", backend)});
    run_for(milliseconds(100));
    EXPECT_TRUE(changes.empty());
    EXPECT_GE(backend.accepted, 2);
    backend.stop();
    ASSERT_TRUE(run_until(io, [&] { return !changes.empty(); }));
    // Refused, or reset where the connection was waiting to be accepted.
    EXPECT_TRUE(changes[0].starts_with("a down: connect() failed (1")) << changes[0];
    EXPECT_FALSE(checker.healthy("a"));
    backend.start();
    ASSERT_TRUE(run_until(io, [&] { return changes.size() == 2; }));
    EXPECT_EQ(changes[1], "a up: connected");
    EXPECT_TRUE(checker.healthy("a"));
}

TEST_F(CheckerTest, TheFirstProbeIsAtOnce) {
    Backend backend(io, {});
    Checker::Target wanted = target("a", backend);
    wanted.check.interval = std::chrono::hours(1);
    backend.stop();
    checker.replace({wanted});
    EXPECT_TRUE(checker.healthy("a"));
    ASSERT_TRUE(run_until(
        io, [&] { return !changes.empty(); }, milliseconds(300)));
}

TEST_F(CheckerTest, CountsInARow) {
    Backend backend(io, {"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", false, true});
    Checker::Target wanted = target("a", backend);
    wanted.check.type = config::HealthCheck::Type::http;
    wanted.check.fails = 3;
    wanted.check.passes = 2;
    checker.replace({wanted});
    ASSERT_TRUE(run_until(io, [&] { return !changes.empty(); }));
    EXPECT_EQ(backend.accepted, 3);
    EXPECT_EQ(changes[0], "a down: HTTP status 503");
    backend.behaviour.say = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    ASSERT_TRUE(run_until(io, [&] { return changes.size() == 2; }));
    EXPECT_EQ(backend.accepted, 5);
    EXPECT_EQ(checker.last_reason("a"), "HTTP status 200");
}

TEST_F(CheckerTest, OneSuccessBreaksTheRow) {
    Backend backend(io, {"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", false, true});
    Checker::Target wanted = target("a", backend);
    wanted.check.type = config::HealthCheck::Type::http;
    wanted.check.fails = 2;
    checker.replace({wanted});
    for (int round = 0; round < 3; ++round) {
        backend.behaviour.say = "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n";
        ASSERT_TRUE(run_until(io, [&] { return checker.last_reason("a") == "HTTP status 503"; }));
        backend.behaviour.say = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        ASSERT_TRUE(run_until(io, [&] { return checker.last_reason("a") == "HTTP status 200"; }));
    }
    EXPECT_TRUE(changes.empty());
}

TEST_F(CheckerTest, ReplacingKeepsStateAndSchedule) {
    Backend dead(io, {});
    Backend alive(io, {});
    dead.stop();
    Checker::Target slow = target("alive", alive);
    slow.check.interval = std::chrono::hours(1);
    checker.replace({target("dead", dead), slow});
    ASSERT_TRUE(run_until(io, [&] { return !changes.empty() && alive.accepted == 1; }));

    checker.replace({slow, target("dead", dead)});  // the same
    run_for(milliseconds(100));
    EXPECT_EQ(alive.accepted, 1);
    EXPECT_FALSE(checker.healthy("dead"));
    EXPECT_EQ(changes.size(), 1u);

    slow.check.interval = std::chrono::hours(2);  // another check: probed at once, state kept
    Checker::Target other = target("dead", dead);
    other.check.passes = 5;
    checker.replace({slow, other});
    EXPECT_FALSE(checker.healthy("dead"));
    ASSERT_TRUE(run_until(io, [&] { return alive.accepted == 2; }));

    checker.replace({target("dead", alive)});  // another backend by the same name: a new start
    EXPECT_TRUE(checker.healthy("dead"));
    EXPECT_TRUE(checker.healthy("alive"));
}

TEST_F(CheckerTest, ProbesThePortOfTheCheck) {
    Backend backend(io, {});
    Backend health(io, {});
    Checker::Target wanted = target("a", backend);
    wanted.check.port = health.port();
    checker.replace({wanted});
    ASSERT_TRUE(run_until(io, [&] { return health.accepted > 1; }));
    EXPECT_EQ(backend.accepted, 0);
}

TEST_F(CheckerTest, MayBeReplacedFromItsCallback) {
    Backend backend(io, {});
    backend.stop();
    int calls = 0;
    std::unique_ptr<Checker> own;
    own = std::make_unique<Checker>(io, [&](const std::string&, bool, const std::string&) {
        ++calls;
        own->replace({});
    });
    own->replace({target("a", backend), target("b", backend)});
    ASSERT_TRUE(run_until(io, [&] { return calls == 1; }));
    run_for(milliseconds(100));
    EXPECT_EQ(calls, 1);
    own.reset();
    run_for(milliseconds(20));
}

TEST_F(CheckerTest, ManyTargets) {
    Backend backend(io, {});
    std::vector<Checker::Target> targets;
    for (int i = 0; i < 300; ++i) {
        targets.push_back(target("t" + std::to_string(i), backend));
        targets.back().check.interval = std::chrono::hours(1);
        targets.back().check.jitter = milliseconds(100);
    }
    checker.replace(targets);
    ASSERT_TRUE(run_until(io, [&] { return backend.accepted == 300; }));
    EXPECT_TRUE(changes.empty());
}

}  // namespace
}  // namespace weir
