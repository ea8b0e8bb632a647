// SPDX-License-Identifier: Apache-2.0
// The error log on top of spdlog: one logger, one sink. The sink owns a descriptor and writes each
// line with one write(2), so that lines of several processes never mix and no descriptor leaks into
// weir-dataplane (spdlog's own file sink has neither O_CLOEXEC nor reopen).
#include "control/log/log.h"

#include <fcntl.h>
#include <spdlog/details/null_mutex.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/base_sink.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>

#include "control/log/system_error.h"

namespace weir::log {
namespace {

constexpr std::array<std::string_view, 8> level_names = {"emerg", "alert",  "crit", "error",
                                                         "warn",  "notice", "info", "debug"};

class DescriptorSink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
  public:
    ~DescriptorSink() override { close_file(); }

    Status open(const std::string& target) {
        int opened = STDERR_FILENO;
        if (target != "stderr") {
            opened = ::open(target.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
            if (opened < 0) {
                return Error{"open() \"" + target + "\" failed (" + system_error(errno) + ")"};
            }
        }
        close_file();
        descriptor_ = opened;
        target_ = target;
        return success();
    }

    Status reopen() { return open(std::string(target_)); }
    bool is_stderr() const { return descriptor_ == STDERR_FILENO; }

  protected:
    void sink_it_(const spdlog::details::log_msg& message) override {
        spdlog::memory_buf_t line;
        formatter_->format(message, line);
        // A log that cannot be written (disk full) must not stop the balancer, as in nginx.
        while (::write(descriptor_, line.data(), line.size()) < 0 && errno == EINTR) {
        }
    }
    void flush_() override {}

  private:
    void close_file() {
        if (descriptor_ > STDERR_FILENO) ::close(descriptor_);
    }

    int descriptor_ = STDERR_FILENO;
    std::string target_ = "stderr";
};

struct State {
    std::shared_ptr<DescriptorSink> sink;  // null until init()
    std::unique_ptr<spdlog::logger> logger;
    Level level = Level::notice;
    bool console = true;
};

State& state() {
    static State state;
    return state;
}

bool for_console(Level level) {
    return state().console && level <= Level::warn;
}

// Text may hold what a peer sent: a control character must neither end the line nor drive a
// terminal.
std::string printable(std::string_view text) {
    std::string clean(text);
    for (char& c : clean) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
    }
    return clean;
}

}  // namespace

Status init(const std::string& target, Level level) {
    State& log = state();
    if (log.sink) {
        if (Status opened = log.sink->open(target); !opened) return opened;
    } else {
        auto sink = std::make_shared<DescriptorSink>();
        if (Status opened = sink->open(target); !opened) return opened;
        log.sink = sink;
        log.logger = std::make_unique<spdlog::logger>("weir", sink);
        log.logger->set_level(spdlog::level::trace);
        log.logger->set_pattern("%Y/%m/%d %H:%M:%S %v");
    }
    log.level = level;
    return success();
}

Status reopen() {
    return state().sink ? state().sink->reopen() : success();
}

void console(bool on) {
    state().console = on;
}

bool enabled(Level level) {
    return for_console(level) || (state().sink && level <= state().level);
}

void write(Level level, std::string_view text) {
    State& log = state();
    const std::string_view name = level_names[static_cast<std::size_t>(level)];
    const std::string clean = printable(text);
    const bool logged = log.sink && level <= log.level;
    if (logged) {
        // The thread's number as nginx prints it; control has one thread.
        log.logger->info("[{}] {}#{}: {}", name, ::getpid(), ::gettid(), clean);
    }
    if (for_console(level) && !(logged && log.sink->is_stderr())) {
        const std::string line = fmt::format("weir: [{}] {}\n", name, clean);
        while (::write(STDERR_FILENO, line.data(), line.size()) < 0 && errno == EINTR) {
        }
    }
}

}  // namespace weir::log
