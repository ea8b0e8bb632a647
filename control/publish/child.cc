// SPDX-License-Identifier: Apache-2.0
#include "control/publish/child.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>

#include "control/log/system_error.h"

namespace weir::publish {
namespace {

// Between fork and exec: only calls that are safe there.
[[noreturn]] void become(char* const* argv, const char* log_file) {
    ::setsid();
    const int null = ::open("/dev/null", O_RDWR);
    ::dup2(null, STDIN_FILENO);
    ::dup2(null, STDOUT_FILENO);
    if (*log_file != '\0') {
        const int log = ::open(log_file, O_WRONLY | O_APPEND | O_CREAT, 0644);
        if (log >= 0) ::dup2(log, STDERR_FILENO);
    }
    ::close_range(STDERR_FILENO + 1, ~0u, 0);  // a socket of ours must not outlive us in it
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::execv(argv[0], argv);
    ::_exit(127);
}

// A signal to this process does not shorten the time.
bool ends_within(int pidfd, std::chrono::milliseconds patience) {
    using Clock = std::chrono::steady_clock;
    const auto deadline = Clock::now() + patience;
    pollfd ended{pidfd, POLLIN, 0};
    for (;;) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
        const int ready =
            ::poll(&ended, 1, static_cast<int>(std::max<std::int64_t>(0, left.count())));
        if (ready >= 0 || errno != EINTR) return ready > 0;
    }
}

}  // namespace

Child::~Child() {
    forget();
}

Status Child::start(const std::vector<std::string>& argv, const std::string& log_file) {
    std::vector<char*> arguments;
    for (const std::string& argument : argv)
        arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);
    if (::access(argv[0].c_str(), X_OK) != 0)
        return Error{fmt::format("cannot run \"{}\" ({})", argv[0], system_error(errno))};
    const pid_t pid = ::fork();
    if (pid < 0) return Error{fmt::format("fork() failed ({})", system_error(errno))};
    if (pid == 0) become(arguments.data(), log_file.c_str());
    pid_ = pid;
    return watch();
}

Status Child::adopt(pid_t pid) {
    pid_ = pid;
    return watch();
}

Status Child::watch() {
    how_ = "ended";
    const auto descriptor = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
    if (descriptor < 0) {
        pid_ = 0;
        return Error{fmt::format("pidfd_open() failed ({})", system_error(errno))};
    }
    watch_native_ = descriptor;
    watch_.assign(descriptor);
    watch_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                      [this](const boost::system::error_code& error) {
                          if (error) return;
                          const std::string how = collect();
                          if (callback_) callback_(how);
                      });
    return success();
}

bool Child::running() const {
    if (pid_ == 0) return false;
    pollfd ended{watch_native_, POLLIN, 0};
    return ::poll(&ended, 1, 0) == 0;
}

const std::string& Child::collect() {
    int status = 0;
    if (pid_ != 0 && ::waitpid(pid_, &status, 0) == pid_) {
        if (WIFEXITED(status)) how_ = fmt::format("exited with code {}", WEXITSTATUS(status));
        if (WIFSIGNALED(status)) how_ = fmt::format("was killed by signal {}", WTERMSIG(status));
    }
    forget();
    return how_;
}

void Child::end(std::chrono::milliseconds patience) {
    callback_ = nullptr;
    if (pid_ == 0) return;
    ::kill(pid_, SIGTERM);
    if (!ends_within(watch_native_, patience)) {
        ::kill(pid_, SIGKILL);
        ends_within(watch_native_, std::chrono::seconds(5));
    }
    collect();
}

void Child::forget() {
    boost::system::error_code ignored;
    watch_.close(ignored);
    pid_ = 0;
}

}  // namespace weir::publish
