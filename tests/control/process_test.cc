// SPDX-License-Identifier: Apache-2.0
// weir as a process: forks stand for the terminal's process, for the second instance and for the
// one signalled.
#include "control/process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>

namespace weir {
namespace {

namespace fs = std::filesystem;

std::string content(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

pid_t forked(const std::function<int()>& body) {
    const pid_t pid = ::fork();
    if (pid == 0) ::_exit(body());
    return pid;
}

// The exit code, or 1000 and the signal.
int end_of(pid_t pid) {
    int status = 0;
    EXPECT_EQ(::waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

class PidFileTest : public testing::Test {
  protected:
    PidFileTest() {
        directory = fs::temp_directory_path() / ("weir-process." + std::to_string(::getpid()));
        fs::create_directories(directory);
        path = directory / "weir.pid";
    }
    ~PidFileTest() override { fs::remove_all(directory); }
    std::string refusal(const std::string& text) {
        std::ofstream(path) << text;
        const auto status = signal_process(path, "stop");
        EXPECT_FALSE(status);
        return status ? std::string() : status.error();
    }

    fs::path directory;
    std::string path;
};

TEST_F(PidFileTest, HoldsThisProcessAndGoes) {
    ASSERT_TRUE(write_pid_file(path));
    EXPECT_EQ(content(path), std::to_string(::getpid()) + "\n");
    ASSERT_TRUE(write_pid_file(path)) << "over the one of a weir that was killed";
    remove_pid_file(path);
    EXPECT_FALSE(fs::exists(path));
    remove_pid_file(path);
}

TEST_F(PidFileTest, MakesItsDirectory) {
    const std::string deep = directory / "run" / "weir" / "weir.pid";
    ASSERT_TRUE(write_pid_file(deep));
    EXPECT_TRUE(fs::exists(deep));
}

TEST_F(PidFileTest, SaysWhyItCannotBeWritten) {
    const auto is_directory = write_pid_file(directory);
    ASSERT_FALSE(is_directory);
    EXPECT_EQ(is_directory.error(),
              "open() \"" + directory.string() + "\" failed (21: Is a directory)");
    std::ofstream(path) << "a file";
    const auto below = write_pid_file(path + "/weir.pid");
    ASSERT_FALSE(below);
    EXPECT_EQ(below.error(), "open() \"" + path + "/weir.pid\" failed (20: Not a directory)");
}

TEST_F(PidFileTest, EachWordIsItsSignal) {
    const std::pair<const char*, int> words[] = {
        {"stop", SIGTERM}, {"quit", SIGQUIT}, {"reopen", SIGUSR1}, {"reload", SIGHUP}};
    for (const auto& [word, number] : words) {
        const pid_t pid = forked([number = number] {
            ::signal(number, SIG_DFL);
            for (;;) ::pause();
            return 0;
        });
        std::ofstream(path) << pid << "\n";
        const auto status = signal_process(path, word);
        EXPECT_TRUE(status) << status.error();
        EXPECT_EQ(end_of(pid), 1000 + number) << word;
    }
}

TEST_F(PidFileTest, WithoutItNginxsSentence) {
    const auto status = signal_process(path, "stop");
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error(), "open() \"" + path + "\" failed (2: No such file or directory)");
}

TEST_F(PidFileTest, WhatIsNoNumberIsRefusedAsNginxDoes) {
    for (const std::string text : {"", "abc", " 12", "12 ", "+4", "12x", "-5", "0x10"})
        EXPECT_EQ(refusal(text + "\n"), "invalid PID number \"" + text + "\" in \"" + path + "\"");
}

// kill(0) and kill(-1) would reach far more than one weir.
TEST_F(PidFileTest, NumbersThatAreNoProcessAreRefused) {
    for (const std::string text : {"0", "2147483648", "4294967295", "99999999999999999999"})
        EXPECT_EQ(refusal(text + "\n"), "invalid PID number \"" + text + "\" in \"" + path + "\"");
}

TEST_F(PidFileTest, AProcessThatIsGoneIsSaid) {
    const pid_t pid = forked([] { return 0; });
    ASSERT_EQ(end_of(pid), 0);
    const std::string text = std::to_string(pid);
    EXPECT_EQ(refusal(text + "\n"), "kill(" + text + ", 15) failed (3: No such process)");
    EXPECT_EQ(refusal(text + "\r\n"), "kill(" + text + ", 15) failed (3: No such process)");
    EXPECT_EQ(refusal(text), "kill(" + text + ", 15) failed (3: No such process)");
}

class InstanceLockTest : public testing::Test {
  protected:
    void SetUp() override {
        std::error_code ignored;
        fs::create_directories(runtime_directory, ignored);
        if (::access(runtime_directory, W_OK) != 0)
            GTEST_SKIP() << runtime_directory << " may not be written here";
    }
    ~InstanceLockTest() override { fs::remove(path()); }
    std::string path() const { return std::string(runtime_directory) + "/" + name + ".lock"; }

    const std::string name = "unit-test-" + std::to_string(::getpid());
};

TEST_F(InstanceLockTest, OneProcessAtATime) {
    auto lock = InstanceLock::take(name);
    ASSERT_TRUE(lock) << lock.error();
    lock->name_this_process();
    EXPECT_EQ(content(path()), std::to_string(::getpid()) + "\n");

    const std::string holder = std::to_string(::getpid());
    EXPECT_EQ(end_of(forked([&] {
                  const auto second = InstanceLock::take(name);
                  if (second) return 1;
                  const std::string expected = "weir instance \"" + name +
                                               "\" is already running (pid " + holder +
                                               "); stop it, or give this one another name with "
                                               "`instance` in dataplane {}";
                  return second.error() == expected ? 0 : 2;
              })),
              0);
    const auto other = InstanceLock::take(name + "-other");
    EXPECT_TRUE(other) << "another instance is another lock";
    fs::remove(std::string(runtime_directory) + "/" + name + "-other.lock");
}

TEST_F(InstanceLockTest, EndsWithItsProcessHoweverThatEnds) {
    int ready[2];
    ASSERT_EQ(::pipe(ready), 0);
    const pid_t holder = forked([&] {
        const auto lock = InstanceLock::take(name);
        (void)!::write(ready[1], lock ? "y" : "n", 1);
        for (;;) ::pause();
        return 0;
    });
    char taken = 0;
    ASSERT_EQ(::read(ready[0], &taken, 1), 1);
    EXPECT_EQ(taken, 'y');
    EXPECT_FALSE(InstanceLock::take(name));
    ::kill(holder, SIGKILL);
    end_of(holder);
    EXPECT_TRUE(InstanceLock::take(name));
    ::close(ready[0]);
    ::close(ready[1]);
}

TEST_F(InstanceLockTest, EndsWithTheObjectAndMoves) {
    {
        auto lock = InstanceLock::take(name);
        ASSERT_TRUE(lock);
        const InstanceLock moved = *std::move(lock);
        EXPECT_FALSE(InstanceLock::take(name)) << "the moved one holds it";
        EXPECT_TRUE(fs::exists(path()));
    }
    EXPECT_FALSE(fs::exists(path())) << "the machine is left as it was";
    EXPECT_TRUE(InstanceLock::take(name));
}

TEST_F(InstanceLockTest, TheFileGoesWithItsOwnerOnly) {
    auto lock = InstanceLock::take(name);
    ASSERT_TRUE(lock);
    lock->name_this_process();
    EXPECT_EQ(end_of(forked([&] {
                  const InstanceLock copy = *std::move(lock);  // a fork's, which ends here
                  return 0;
              })),
              0);
    EXPECT_TRUE(fs::exists(path()));
}

TEST_F(InstanceLockTest, StaysWithTheBackgroundProcess) {
    int hold[2];
    ASSERT_EQ(::pipe(hold), 0);
    const pid_t terminal = forked([&] {
        ::close(hold[1]);
        auto lock = InstanceLock::take(name);
        Background background;
        if (!lock || !background.enter()) return 3;
        lock->name_this_process();
        background.started();
        char byte;
        (void)!::read(hold[0], &byte, 1);
        return 0;
    });
    ::close(hold[0]);
    EXPECT_EQ(end_of(terminal), 0);
    EXPECT_FALSE(InstanceLock::take(name)) << "the terminal's process took the lock with it";
    EXPECT_NE(content(path()), std::to_string(terminal) + "\n");
    ::close(hold[1]);  // the background process ends
    for (int tries = 0; tries < 200 && !InstanceLock::take(name); tries++) ::usleep(10000);
    EXPECT_TRUE(InstanceLock::take(name));
}

// Runs `body` in the background process of a terminal's process, whose pid is returned.
pid_t in_background(const std::function<int(Background&)>& body) {
    return forked([&] {
        Background background;
        if (!background.enter()) return 9;
        return body(background);
    });
}

TEST(Background, TheTerminalWaitsForStarted) {
    int go[2];
    ASSERT_EQ(::pipe(go), 0);
    const pid_t terminal = in_background([&](Background& background) {
        char byte;
        if (::read(go[0], &byte, 1) != 1) return 1;
        background.started();
        return 0;
    });
    ::usleep(100000);
    EXPECT_EQ(::waitpid(terminal, nullptr, WNOHANG), 0) << "it did not wait";
    ASSERT_EQ(::write(go[1], "g", 1), 1);
    EXPECT_EQ(end_of(terminal), 0);
    ::close(go[0]);
    ::close(go[1]);
}

TEST(Background, AFailedStartIsExitCodeOne) {
    EXPECT_EQ(end_of(in_background([](Background&) { return 0; })), 1) << "an end before started()";
    EXPECT_EQ(end_of(in_background([](Background&) { return 5; })), 1);
    EXPECT_EQ(end_of(in_background([](Background&) -> int {
                  ::kill(::getpid(), SIGKILL);
                  return 0;
              })),
              1);
}

TEST(Background, LeavesTheTerminalBehind) {
    int report[2];
    ASSERT_EQ(::pipe(report), 0);
    const pid_t terminal = in_background([&](Background& background) {
        struct stat null {};
        struct stat out {};
        const bool leads = ::getsid(0) == ::getpid();
        background.started();
        ::stat("/dev/null", &null);
        bool quiet = true;
        for (const int standard : {0, 1, 2})
            quiet = quiet && ::fstat(standard, &out) == 0 && out.st_rdev == null.st_rdev &&
                    S_ISCHR(out.st_mode);
        const char answers[2] = {leads ? 'y' : 'n', quiet ? 'y' : 'n'};
        (void)!::write(report[1], answers, 2);
        background.started();  // a second time is nothing
        return 0;
    });
    ::close(report[1]);
    char answers[2] = {};
    EXPECT_EQ(::read(report[0], answers, 2), 2);
    EXPECT_EQ(answers[0], 'y') << "no session of its own";
    EXPECT_EQ(answers[1], 'y') << "a standard stream is not /dev/null";
    EXPECT_EQ(end_of(terminal), 0);
    ::close(report[0]);
}

TEST(Background, ForegroundWithoutEnterIsUntouched) {
    Background background;
    struct stat before {};
    struct stat after {};
    ASSERT_EQ(::fstat(STDOUT_FILENO, &before), 0);
    background.started();
    ASSERT_EQ(::fstat(STDOUT_FILENO, &after), 0);
    EXPECT_EQ(before.st_ino, after.st_ino);
}

TEST(Limits, OpenFilesMayBeAsManyAsTheHardLimitSays) {
    EXPECT_EQ(end_of(forked([] {
                  rlimit files{};
                  if (::getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_max < 200) return 2;
                  files.rlim_cur = 100;
                  if (::setrlimit(RLIMIT_NOFILE, &files) != 0) return 3;
                  raise_limits();
                  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return 4;
                  return files.rlim_cur == files.rlim_max ? 0 : 1;
              })),
              0);
}

TEST(Rights, AProcessWithoutThemIsToldWhich) {
    if (!missing_rights().empty()) GTEST_SKIP() << missing_rights();
    EXPECT_EQ(end_of(forked([] {
                  if (::setuid(65534) != 0) return 2;
                  return missing_rights() ==
                                 "weir may not take over network ports: it lacks "
                                 "CAP_NET_ADMIN CAP_NET_RAW CAP_BPF; run it as root"
                             ? 0
                             : 1;
              })),
              0);
}

}  // namespace
}  // namespace weir
