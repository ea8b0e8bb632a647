// SPDX-License-Identifier: Apache-2.0
// Network namespaces for tests: a test body runs in a thread of its own with a fresh namespace, and
// a peer namespace belongs to a child process. Both vanish with the test.
#pragma once

#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <string>
#include <thread>

namespace weir::test {

// Skips the test where namespaces are not allowed.
inline void in_namespace(const std::function<void()>& body) {
    bool allowed = true;
    std::thread thread([&] {
        allowed = ::unshare(CLONE_NEWNET) == 0;
        if (allowed) body();
    });
    thread.join();
    if (!allowed) GTEST_SKIP() << "unshare(CLONE_NEWNET) is not permitted here";
}

inline void shell(const std::string& command) {
    ASSERT_EQ(std::system(command.c_str()), 0) << command;
}

class PeerNamespace {
  public:
    PeerNamespace() {
        int ready[2];
        if (::pipe(ready) != 0) std::abort();
        child_ = ::fork();
        if (child_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // of the test's thread, which outlives this
            const char ok = ::unshare(CLONE_NEWNET) == 0 ? 'y' : 'n';
            if (::write(ready[1], &ok, 1) != 1) ::_exit(1);
            for (;;) ::pause();
        }
        char ok = 'n';
        EXPECT_EQ(::read(ready[0], &ok, 1), 1);
        EXPECT_EQ(ok, 'y');
        ::close(ready[0]);
        ::close(ready[1]);
    }
    ~PeerNamespace() {
        ::kill(child_, SIGKILL);
        ::waitpid(child_, nullptr, 0);
    }
    PeerNamespace(const PeerNamespace&) = delete;
    PeerNamespace& operator=(const PeerNamespace&) = delete;

    std::string pid() const { return std::to_string(child_); }
    void run(const std::string& command) const { shell("nsenter -n -t " + pid() + " " + command); }

  private:
    pid_t child_ = -1;
};

// Runs the event loop until the condition holds; false after the time.
inline bool run_until(boost::asio::io_context& io, const std::function<bool()>& condition,
                      std::chrono::milliseconds limit = std::chrono::seconds(6)) {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end) return false;
        io.restart();
        io.run_one_for(std::chrono::milliseconds(20));
    }
    return true;
}

}  // namespace weir::test
