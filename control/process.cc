// SPDX-License-Identifier: Apache-2.0
#include "control/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <utility>

#include "control/log/system_error.h"

namespace weir {
namespace {

std::string first_line(const std::string& path) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    return line;
}

}  // namespace

Result<InstanceLock> InstanceLock::take(const std::string& instance) {
    std::error_code ignored;
    std::filesystem::create_directories(runtime_directory, ignored);
    const std::string path = fmt::format("{}/{}.lock", runtime_directory, instance);
    for (;;) {
        const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
        if (descriptor < 0)
            return Error{fmt::format("open() \"{}\" failed ({})", path, system_error(errno))};
        if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
            ::close(descriptor);
            return Error{
                fmt::format("weir instance \"{}\" is already running (pid {}); stop it, or give "
                            "this one another name with `instance` in dataplane {{}}",
                            instance, first_line(path))};
        }
        struct stat locked {};
        struct stat there {};
        if (::fstat(descriptor, &locked) == 0 && ::stat(path.c_str(), &there) == 0 &&
            locked.st_ino == there.st_ino)
            return InstanceLock(descriptor, path);
        ::close(descriptor);  // its holder has removed it meanwhile
    }
}

InstanceLock::InstanceLock(InstanceLock&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      path_(std::move(other.path_)),
      owner_(other.owner_) {}

InstanceLock::~InstanceLock() {
    if (descriptor_ < 0) return;
    if (owner_ == 0 || owner_ == ::getpid()) ::unlink(path_.c_str());
    ::close(descriptor_);
}

void InstanceLock::name_this_process() {
    owner_ = ::getpid();
    const std::string text = fmt::format("{}\n", ::getpid());
    if (::ftruncate(descriptor_, 0) == 0)
        (void)!::pwrite(descriptor_, text.data(), text.size(),
                        0);  // for people; the lock is what counts
}

Status Background::enter() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0)
        return Error{fmt::format("pipe() failed ({})", system_error(errno))};
    const pid_t child = ::fork();
    if (child < 0) return Error{fmt::format("fork() failed ({})", system_error(errno))};
    if (child > 0) {
        ::close(ends[1]);
        char byte = 0;
        ssize_t got;
        while ((got = ::read(ends[0], &byte, 1)) < 0 && errno == EINTR) {
        }
        ::_exit(got == 1 ? EXIT_SUCCESS : EXIT_FAILURE);
    }
    ::close(ends[0]);
    notify_ = ends[1];
    ::setsid();
    return success();
}

void Background::started() {
    if (notify_ < 0) return;
    const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null >= 0)
        for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
            (void)!::dup2(null, standard);
    if (null > STDERR_FILENO) ::close(null);
    (void)!::write(notify_, "1", 1);  // a foreground process that is gone needs no answer
    ::close(std::exchange(notify_, -1));
}

void make_folder_of(const std::string& path) {
    std::error_code ignored;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ignored);
}

Status write_pid_file(const std::string& path) {
    make_folder_of(path);
    std::ofstream file(path, std::ios::trunc);
    file << ::getpid() << '\n';
    file.close();
    if (!file) return Error{fmt::format("open() \"{}\" failed ({})", path, system_error(errno))};
    return success();
}

void remove_pid_file(const std::string& path) {
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
}

Status signal_process(const std::string& pid_file, const std::string& signal) {
    static const std::map<std::string, int> signals{
        {"stop", SIGTERM}, {"quit", SIGQUIT}, {"reopen", SIGUSR1}, {"reload", SIGHUP}};
    if (::access(pid_file.c_str(), R_OK) != 0)
        return Error{fmt::format("open() \"{}\" failed ({})", pid_file, system_error(errno))};
    std::string text = first_line(pid_file);
    if (text.ends_with('\r')) text.pop_back();
    pid_t pid = 0;  // a number that does not fit must never become kill(-1)
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), pid);
    if (error != std::errc{} || end != text.data() + text.size() || pid <= 0)
        return Error{fmt::format("invalid PID number \"{}\" in \"{}\"", text, pid_file)};
    if (::kill(pid, signals.at(signal)) != 0)
        return Error{
            fmt::format("kill({}, {}) failed ({})", pid, signals.at(signal), system_error(errno))};
    return success();
}

void raise_limits() {
    const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
    (void)::setrlimit(RLIMIT_MEMLOCK, &unlimited);
    rlimit files{};
    if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return;
    files.rlim_cur = files.rlim_max;
    (void)::setrlimit(RLIMIT_NOFILE, &files);
}

std::string missing_rights() {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct data[2]{};
    if (::syscall(SYS_capget, &header, data) != 0) return "cannot read this process's capabilities";
    const auto has = [&](unsigned capability) {
        return (data[capability / 32].effective >> (capability % 32) & 1u) != 0;
    };
    std::string missing;
    if (!has(CAP_NET_ADMIN)) missing += " CAP_NET_ADMIN";
    if (!has(CAP_NET_RAW)) missing += " CAP_NET_RAW";
    if (!has(CAP_SYS_ADMIN) && !has(CAP_BPF)) missing += " CAP_BPF";
    if (missing.empty()) return {};
    return fmt::format("weir may not take over network ports: it lacks{}; run it as root", missing);
}

}  // namespace weir
