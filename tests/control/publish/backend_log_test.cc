// SPDX-License-Identifier: Apache-2.0
// What the error log gets of backends that come and go: each change once, and of very many a
// number.
#include "control/publish/backend_log.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "control/log/log.h"

namespace weir::publish {
namespace {

class BackendLogTest : public testing::Test {
  protected:
    BackendLogTest()
        : path_(std::filesystem::temp_directory_path() /
                fmt::format("weir-backend-log-{}", ::getpid())) {
        log::console(false);
        EXPECT_TRUE(log::init(path_, log::Level::warn));
    }
    ~BackendLogTest() override { std::filesystem::remove(path_); }

    void backend(const std::string& upstream, unsigned number, const std::string& state) {
        BackendInfo info;
        info.upstream = upstream;
        info.address = info.name = fmt::format("10.0.{}.{}", number / 256, number % 256);
        info.mode = "nat";
        info.state = state;
        info.reason = state == "unreachable" ? "no answer" : "";
        info.next_hop = "via eth0";
        directory_.backends.push_back(info);
    }

    void all(const std::string& state, unsigned count = 1) {
        directory_.backends.clear();
        backend("app", 0, "up");
        for (unsigned i = 1; i <= count; i++) backend("app", i, state);
    }

    // The lines since the last call, from their level on.
    std::vector<std::string> lines() {
        std::vector<std::string> found;
        std::ifstream file(path_);
        std::string line;
        for (std::size_t number = 0; std::getline(file, line); number++) {
            if (number < read_) continue;
            const auto level = line.find('[');
            found.push_back(line.substr(level, line.find(' ', level) - level) +
                            line.substr(line.find(": ") + 1));
        }
        read_ += found.size();
        return found;
    }

    std::vector<std::string> noted() {
        log_.note(directory_);
        return lines();
    }

    using Lines = std::vector<std::string>;
    BackendLog log_;
    Directory directory_;
    std::filesystem::path path_;
    std::size_t read_ = 0;
};

const std::string gone =
    "[error] backend 10.0.0.1 of upstream app is unreachable, it gets no new flows: no answer";
const std::string back = "[warn] backend 10.0.0.1 of upstream app is reachable again: via eth0";

TEST_F(BackendLogTest, EachChangeIsSaidOnce) {
    all("up");
    EXPECT_EQ(noted(), Lines{});
    all("unreachable");
    EXPECT_EQ(noted(), Lines{gone});
    EXPECT_EQ(noted(), Lines{});
    all("up");
    EXPECT_EQ(noted(), Lines{back});
    EXPECT_EQ(noted(), Lines{});
    log_.sum_up();
    EXPECT_EQ(lines(), Lines{});
}

TEST_F(BackendLogTest, AReloadSaysItAgain) {
    all("unreachable");
    EXPECT_EQ(noted(), Lines{gone});
    log_.forget();
    EXPECT_EQ(noted(), Lines{gone});
}

TEST_F(BackendLogTest, AProbeThatFailsToIsNoReturn) {
    all("unreachable");
    EXPECT_EQ(noted(), Lines{gone});
    all("unhealthy");
    EXPECT_EQ(noted(), Lines{});
    all("up");
    EXPECT_EQ(noted(), Lines{back});
    all("unreachable");
    EXPECT_EQ(noted(), Lines{gone});
    all("draining");  // removed while it was away
    EXPECT_EQ(noted(), Lines{});
}

TEST_F(BackendLogTest, OfAThousandAFewAndTheNumber) {
    all("unreachable", 1000);
    const Lines first = noted();
    ASSERT_EQ(first.size(), 20U);
    EXPECT_EQ(first.front(), gone);
    log_.sum_up();
    EXPECT_EQ(lines(), Lines{"[warn] 980 more changes of backends and upstreams; 1000 backends are "
                             "unreachable now, see weirctl show backends"});
    all("up", 1000);
    EXPECT_EQ(noted().size(), 20U);
    log_.sum_up();
    EXPECT_EQ(lines(), Lines{"[warn] 980 more changes of backends and upstreams; 0 backends are "
                             "unreachable now, see weirctl show backends"});
}

TEST_F(BackendLogTest, AnUpstreamWithNobodyLeftIsAnError) {
    backend("app", 1, "up");
    backend("db", 2, "up");
    EXPECT_EQ(noted(), Lines{});
    directory_.backends[1].state = "unhealthy";
    EXPECT_EQ(noted(), Lines{"[error] upstream db has no backend left for new flows"});
    EXPECT_EQ(noted(), Lines{});
    directory_.backends[1].state = "up";
    EXPECT_EQ(noted(), Lines{"[warn] upstream db has a backend for new flows again"});
    directory_.backends[1].state = "draining";
    EXPECT_EQ(noted(), Lines{});
}

}  // namespace
}  // namespace weir::publish
