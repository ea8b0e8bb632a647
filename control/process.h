// SPDX-License-Identifier: Apache-2.0
// weir as a process: one per instance, in the background when asked, known by its pid file. Called
// by main only.
#pragma once

#include <string>
#include <utility>

#include "dataplane/tables/result.h"

namespace weir {

// /run/weir: sockets and locks of all instances. Made if missing.
inline constexpr const char* runtime_directory = "/run/weir";

// Held for as long as the process lives: an instance name has one control plane.
class InstanceLock {
  public:
    // The error names the process that holds it.
    // The lock file goes with the lock.
    static Result<InstanceLock> take(const std::string& instance);
    InstanceLock(InstanceLock&& other) noexcept;
    InstanceLock& operator=(InstanceLock&&) = delete;
    ~InstanceLock();

    // After a fork: the lock file names this process from now on.
    void name_this_process();

  private:
    InstanceLock(int descriptor, std::string path)
        : descriptor_(descriptor), path_(std::move(path)) {}
    int descriptor_;
    std::string path_;
    int owner_ = 0;  // pid; 0: whoever took it
};

// Goes to the background as nginx does, but keeps the foreground process waiting until started() or
// exit: start-up errors still reach the terminal, and the exit code tells the truth.
class Background {
  public:
    // In the foreground process this does not return: it exits with 0 once the child calls
    // started(), else with 1.
    Status enter();
    void started();

  private:
    int notify_ = -1;
};

Status write_pid_file(const std::string& path);
void remove_pid_file(const std::string& path);

// So that a file can be made there; whoever opens the file says why not.
void make_folder_of(const std::string& path);

// nginx -s: signals the process of the pid file. `signal` is stop, quit, reopen or reload.
Status signal_process(const std::string& pid_file, const std::string& signal);

// Raises the limits that maps and sockets need; nothing is reported, because what needs them will
// say so.
void raise_limits();

// What a process without the needed rights lacks, as a sentence; empty when it has them.
std::string missing_rights();

}  // namespace weir
