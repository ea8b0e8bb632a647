// SPDX-License-Identifier: Apache-2.0
// The error log's format, levels and reopening, in one process whose log state is shared: the tests
// only use init() and never assume what ran before.
#include "control/log/log.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

namespace weir {
namespace {

namespace fs = std::filesystem;

class Log : public testing::Test {
  protected:
    Log() : directory_(fs::temp_directory_path() / ("weir-log-" + std::to_string(::getpid()))) {
        fs::create_directories(directory_);
        log::console(false);
    }
    ~Log() override { fs::remove_all(directory_); }

    std::string path(const char* name) const { return directory_ / name; }
    static std::string read(const std::string& path) {
        std::ostringstream text;
        text << std::ifstream(path).rdbuf();
        return text.str();
    }

    fs::path directory_;
};

TEST_F(Log, WritesNginxFormat) {
    ASSERT_TRUE(log::init(path("a.log"), log::Level::notice));
    log::notice("using the \"{}\" event method", "epoll");
    log::info("not this one");
    const std::string id = std::to_string(::getpid());
    EXPECT_TRUE(std::regex_match(
        read(path("a.log")), std::regex(R"(\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \[notice\] )" + id + "#" +
                                        id + ": using the \"epoll\" event method\n")))
        << read(path("a.log"));
}

TEST_F(Log, ReopensAfterARename) {
    ASSERT_TRUE(log::init(path("a.log"), log::Level::info));
    log::info("before");
    fs::rename(path("a.log"), path("a.log.1"));
    log::info("still there");
    ASSERT_TRUE(log::reopen());
    log::info("after");
    EXPECT_NE(read(path("a.log.1")).find("still there"), std::string::npos);
    EXPECT_NE(read(path("a.log")).find("after"), std::string::npos);
}

TEST_F(Log, KeepsTheOldTargetWhenTheNewOneFails) {
    ASSERT_TRUE(log::init(path("a.log"), log::Level::info));
    const Status status = log::init(path("none/b.log"), log::Level::info);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error(),
              "open() \"" + path("none/b.log") + "\" failed (2: No such file or directory)");
    log::error("goes on");
    EXPECT_NE(read(path("a.log")).find("[error]"), std::string::npos);
}

TEST_F(Log, ShowsGraveMessagesOnTheConsole) {
    ASSERT_TRUE(log::init(path("a.log"), log::Level::error));
    log::console(true);
    testing::internal::CaptureStderr();
    log::emerg("no \"{}\"", "events");
    log::warn("only here");
    log::notice("nowhere");
    log::console(false);
    log::emerg("no longer here");
    EXPECT_EQ(testing::internal::GetCapturedStderr(),
              "weir: [emerg] no \"events\"\nweir: [warn] only here\n");
    EXPECT_EQ(read(path("a.log")).find("only here"), std::string::npos);
}

TEST_F(Log, OneMessageIsOneLine) {
    ASSERT_TRUE(log::init(path("a.log"), log::Level::info));
    log::info("a\nb\x1b[31mc");
    EXPECT_NE(read(path("a.log")).find(": a b [31mc\n"), std::string::npos);
}

}  // namespace
}  // namespace weir
