// SPDX-License-Identifier: Apache-2.0
// Child with /bin/sh and /bin/sleep: how they end is told once, and they end when asked to.
#include "control/publish/child.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/control/net/namespace.h"

namespace weir::publish {
namespace {

using namespace std::chrono_literals;
using test::run_until;
using Clock = std::chrono::steady_clock;

class ChildTest : public testing::Test {
  protected:
    ChildTest() {
        log = std::filesystem::temp_directory_path() / ("weir-child." + std::to_string(::getpid()));
    }
    ~ChildTest() override {
        child.end(0ms);
        std::filesystem::remove(log);
    }
    Status sh(const std::string& script) { return child.start({"/bin/sh", "-c", script}, log); }
    void watch() {
        child.on_exit([this](const std::string& how) { ends.push_back(how); });
    }
    std::string logged() {
        std::ifstream file(log);
        return {std::istreambuf_iterator<char>(file), {}};
    }
    // The script has said so on its stderr: its traps are set.
    bool is_ready() {
        return run_until(io, [&] { return logged().find("ready") != std::string::npos; });
    }

    boost::asio::io_context io;
    Child child{io};
    std::vector<std::string> ends;
    std::string log;
};

TEST_F(ChildTest, TellsTheExitCodeOnce) {
    watch();
    ASSERT_TRUE(sh("exit 7"));
    ASSERT_TRUE(run_until(io, [&] { return !ends.empty(); }));
    EXPECT_EQ(ends, std::vector<std::string>{"exited with code 7"});
    EXPECT_FALSE(child.running());
    EXPECT_EQ(child.pid(), 0);
    EXPECT_EQ(child.collect(), "exited with code 7") << "remembered";
    run_until(
        io, [] { return false; }, 50ms);
    EXPECT_EQ(ends.size(), 1u);
}

TEST_F(ChildTest, TellsTheSignal) {
    watch();
    ASSERT_TRUE(child.start({"/bin/sleep", "60"}, ""));
    EXPECT_TRUE(child.running());
    ASSERT_GT(child.pid(), 0);
    ASSERT_EQ(::kill(child.pid(), SIGKILL), 0);
    ASSERT_TRUE(run_until(io, [&] { return !ends.empty(); }));
    EXPECT_EQ(ends[0], "was killed by signal 9");
}

TEST_F(ChildTest, MayBeStartedAgainFromTheCallback) {
    child.on_exit([this](const std::string& how) {
        ends.push_back(how);
        if (ends.size() == 1) {
            ASSERT_TRUE(sh("exit 4"));
        }
    });
    ASSERT_TRUE(sh("exit 3"));
    ASSERT_TRUE(run_until(io, [&] { return ends.size() == 2; }));
    EXPECT_EQ(ends[0], "exited with code 3");
    EXPECT_EQ(ends[1], "exited with code 4");
}

TEST_F(ChildTest, CollectSaysHowAndSilencesTheCallback) {
    watch();
    ASSERT_TRUE(sh("exit 5"));
    while (child.running()) ::usleep(1000);
    EXPECT_EQ(child.collect(), "exited with code 5");
    run_until(
        io, [] { return false; }, 50ms);
    EXPECT_TRUE(ends.empty());
}

TEST_F(ChildTest, AMissingProgramIsASentence) {
    const auto status = child.start({"/nowhere/weir-dataplane"}, "");
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error(),
              "cannot run \"/nowhere/weir-dataplane\" (2: No such file or directory)");
    EXPECT_FALSE(child.running());
    EXPECT_EQ(child.pid(), 0);
}

TEST_F(ChildTest, StderrGoesToTheLogAndNothingElseComesAlong) {
    watch();
    std::ofstream(log) << "before\n";
    ::setenv("WEIR_TEST", "seen", 1);
    ASSERT_TRUE(sh("read line; echo unseen; echo \"stdin ends, $WEIR_TEST\" >&2; exit 0"));
    ASSERT_TRUE(run_until(io, [&] { return !ends.empty(); }));
    EXPECT_EQ(logged(), "before\nstdin ends, seen\n");
}

TEST_F(ChildTest, HasASessionOfItsOwnAndNoBlockedSignals) {
    sigset_t term;
    sigset_t before;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    ASSERT_EQ(::sigprocmask(SIG_BLOCK, &term, &before), 0);
    const auto status = child.start({"/bin/sleep", "60"}, "");
    ::sigprocmask(SIG_SETMASK, &before, nullptr);
    ASSERT_TRUE(status);
    EXPECT_TRUE(run_until(io, [&] { return ::getsid(child.pid()) == child.pid(); }));
    const auto start = Clock::now();
    child.end(10s);
    EXPECT_EQ(child.collect(), "was killed by signal 15");
    EXPECT_LT(Clock::now() - start, 5s);
}

TEST_F(ChildTest, HoldsNoDescriptorOfOurs) {
    int ends_of_pipe[2];
    ASSERT_EQ(::pipe(ends_of_pipe), 0);
    ASSERT_TRUE(sh("echo ready >&2; sleep 60"));
    ASSERT_TRUE(is_ready());
    ::close(ends_of_pipe[1]);
    pollfd closed{ends_of_pipe[0], POLLIN, 0};
    EXPECT_EQ(::poll(&closed, 1, 1000), 1) << "the child still has the other end";
    ::close(ends_of_pipe[0]);
    ::kill(-child.pid(), SIGKILL);  // its own sleep too
}

TEST_F(ChildTest, EndAsksFirst) {
    watch();
    ASSERT_TRUE(sh("trap 'exit 9' TERM; echo ready >&2; while :; do sleep 0.05; done"));
    ASSERT_TRUE(is_ready());
    const pid_t pid = child.pid();
    child.end(5s);
    EXPECT_FALSE(child.running());
    EXPECT_EQ(child.collect(), "exited with code 9");
    EXPECT_EQ(::kill(pid, 0), -1) << "still there, or a zombie";
    run_until(
        io, [] { return false; }, 50ms);
    EXPECT_TRUE(ends.empty());
}

TEST_F(ChildTest, EndKillsWhoDoesNotListen) {
    ASSERT_TRUE(sh("trap '' TERM; echo ready >&2; while :; do sleep 0.05; done"));
    ASSERT_TRUE(is_ready());
    const auto start = Clock::now();
    child.end(100ms);
    EXPECT_GE(Clock::now() - start, 100ms);
    EXPECT_EQ(child.collect(), "was killed by signal 9");
}

TEST_F(ChildTest, ASignalToThisProcessDoesNotShortenThePatience) {
    ASSERT_TRUE(sh("trap 'sleep 0.3; exit 9' TERM; echo ready >&2; while :; do sleep 0.05; done"));
    ASSERT_TRUE(is_ready());
    struct sigaction action {};
    struct sigaction before {};
    action.sa_handler = [](int) {};
    ASSERT_EQ(::sigaction(SIGALRM, &action, &before), 0);
    const itimerval soon{{0, 50000}, {0, 50000}};
    const itimerval never{};
    ::setitimer(ITIMER_REAL, &soon, nullptr);
    child.end(5s);
    ::setitimer(ITIMER_REAL, &never, nullptr);
    ::sigaction(SIGALRM, &before, nullptr);
    EXPECT_EQ(child.collect(), "exited with code 9");
}

TEST_F(ChildTest, WatchesAProcessThatIsNoChild) {
    // A shell starts it, says its pid and ends: it is an orphan.
    watch();
    ASSERT_TRUE(sh("/bin/sleep 60 2>/dev/null & echo $! >&2"));
    ASSERT_TRUE(run_until(io, [&] { return !ends.empty(); }));
    ends.clear();
    const pid_t pid = std::stoi(logged());
    ASSERT_TRUE(child.adopt(pid));
    EXPECT_EQ(child.pid(), pid);
    EXPECT_TRUE(child.running());
    ASSERT_EQ(::kill(pid, SIGKILL), 0);
    ASSERT_TRUE(run_until(io, [&] { return !ends.empty(); }));
    EXPECT_EQ(ends, std::vector<std::string>{"ended"});
    EXPECT_FALSE(child.running());
}

TEST_F(ChildTest, EndsAnAdoptedProcess) {
    ASSERT_TRUE(sh("/bin/sleep 60 2>/dev/null & echo $! >&2"));
    ASSERT_TRUE(run_until(io, [&] { return !child.running(); }));
    child.collect();
    ASSERT_TRUE(child.adopt(std::stoi(logged())));
    const auto start = Clock::now();
    child.end(10s);
    EXPECT_LT(Clock::now() - start, 5s);
    EXPECT_EQ(child.pid(), 0);
}

TEST_F(ChildTest, AdoptsNobodyWhoIsGone) {
    ASSERT_TRUE(sh("exit 0"));
    const pid_t pid = child.pid();
    child.collect();
    const auto status = child.adopt(pid);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error(), "pidfd_open() failed (3: No such process)");
    EXPECT_FALSE(child.running());
}

TEST_F(ChildTest, LivesOnWithoutItsObject) {
    pid_t pid = 0;
    {
        Child left(io);
        ASSERT_TRUE(left.start({"/bin/sleep", "60"}, ""));
        pid = left.pid();
    }
    io.restart();
    io.poll();
    EXPECT_EQ(::waitpid(pid, nullptr, WNOHANG), 0) << "it has ended";
    ::kill(pid, SIGKILL);
    EXPECT_EQ(::waitpid(pid, nullptr, 0), pid);
}

}  // namespace
}  // namespace weir::publish
