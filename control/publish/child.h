// SPDX-License-Identifier: Apache-2.0
// A process that this weir started, or one that an earlier weir started and left behind: watched
// until it ends, and ended on request. Used for weir-dataplane; it knows nothing of what the
// process does.
#pragma once

#include <sys/types.h>

#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "dataplane/tables/result.h"

namespace weir::publish {

class Child {
  public:
    // How it ended: "exited with code 1", "was killed by signal 9", or just "ended" for an adopted
    // one.
    using OnExit = std::function<void(const std::string& how)>;

    explicit Child(boost::asio::io_context& io) : io_(io), watch_(io) {}
    ~Child();
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    // Starts argv[0] (a path) in a session of its own. Its stderr is appended to `log_file`, or
    // inherited when that is empty. It lives on when this process dies.
    Status start(const std::vector<std::string>& argv, const std::string& log_file);

    // Watches a process that is no child of this one.
    Status adopt(pid_t pid);

    void on_exit(OnExit callback) { callback_ = std::move(callback); }

    bool running() const;
    pid_t pid() const { return pid_; }

    // Once it has ended: says how. The callback is not called after this.
    const std::string& collect();

    // SIGTERM, and SIGKILL to one that has not ended in time. The callback is not called.
    void end(std::chrono::milliseconds patience);

  private:
    Status watch();
    void forget();

    boost::asio::io_context& io_;
    boost::asio::posix::stream_descriptor watch_;  // a pidfd: readable once the process has ended
    int watch_native_ = -1;
    pid_t pid_ = 0;
    std::string how_ = "ended";
    OnExit callback_;
};

}  // namespace weir::publish
