// SPDX-License-Identifier: Apache-2.0
// The main level: what runs weir itself (pid, error_log, daemon, worker_processes) and the blocks
// that hold the rest. Called by Parse through core_directives().
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <thread>

#include "control/config/parse.h"
#include "control/config/values.h"

namespace weir::config {
namespace {

constexpr std::array<std::string_view, 8> levels{"emerg", "alert",  "crit", "error",
                                                 "warn",  "notice", "info", "debug"};

Status read_include(Parse& parse, const Statement& statement) {
    return parse.include(statement.words[1]);
}

Status read_error_log(Parse& parse, const Statement& statement) {
    const std::string& target = statement.words[1];
    if (target.starts_with("syslog:") || target.starts_with("memory:"))
        return parse.error(fmt::format("error_log \"{}\" is not supported yet", target),
                           "write to a file, or to stderr");
    if (!parse.first(statement))
        parse.warn("several \"error_log\" directives: weir writes to the last one");
    ErrorLog log;
    log.target = target == "stderr" ? target : absolute_path(parse.options().prefix, target);
    for (std::size_t i = 2; i < statement.words.size(); ++i) {
        const auto level = std::find(levels.begin(), levels.end(), statement.words[i]);
        if (level == levels.end())
            return parse.error(fmt::format("invalid log level \"{}\"", statement.words[i]));
        log.level = static_cast<LogLevel>(level - levels.begin());
    }
    parse.model.core.error_log = log;
    return success();
}

Status read_pid(Parse& parse, const Statement& statement) {
    if (!parse.first(statement)) return parse.duplicate(statement);
    parse.model.core.pid = absolute_path(parse.options().prefix, statement.words[1]);
    return success();
}

Status read_flag(Parse& parse, const Statement& statement, bool& slot) {
    if (!parse.first(statement)) return parse.duplicate(statement);
    auto value = read_flag(parse, statement);
    if (!value) return Error{value.error()};
    slot = *value;
    return success();
}

Status read_daemon(Parse& parse, const Statement& statement) {
    return read_flag(parse, statement, parse.model.core.daemon);
}

Status read_master_process(Parse& parse, const Statement& statement) {
    return read_flag(parse, statement, parse.model.core.master_process);
}

Status read_worker_processes(Parse& parse, const Statement& statement) {
    if (!parse.first(statement)) return parse.duplicate(statement);
    unsigned& workers = parse.model.core.worker_processes;
    if (statement.words[1] == "auto") {
        workers = std::max(1U, std::thread::hardware_concurrency());
        return success();
    }
    auto number = parse_number(statement.words[1]);
    if (!number || *number < 1 || *number > 1024) return parse.invalid_value(statement);
    workers = static_cast<unsigned>(*number);
    return success();
}

Status read_worker_shutdown_timeout(Parse& parse, const Statement& statement) {
    std::optional<Milliseconds> timeout;
    if (auto done = read_time(parse, statement, timeout); !done) return done;
    parse.model.core.worker_shutdown_timeout = *timeout;
    return success();
}

Status read_user(Parse& parse, const Statement& statement) {
    parse.notice_once(statement.name(),
                      "\"user\" directive is ignored: raw network access needs root, so weir does "
                      "not change its user");
    return success();
}

Status read_events(Parse& parse, const Statement& statement) {
    if (!parse.first(statement)) return parse.duplicate(statement);
    return parse.block(in_events);
}

Status read_http(Parse& parse, const Statement& statement) {
    if (!parse.first(statement)) return parse.duplicate(statement);
    if (auto done = parse.block(in_http); !done) return done;
    return finish(parse, parse.http, true);
}

Status read_stream(Parse& parse, const Statement& statement) {
    if (!parse.first(statement)) return parse.duplicate(statement);
    if (auto done = parse.block(in_stream); !done) return done;
    return finish(parse, parse.stream, false);
}

constexpr unsigned all = ~0U;

constexpr Directive table[] = {
    {"include", all, 1, 1, false, read_include},
    {"error_log", in_main, 1, any_number, false, read_error_log},
    {"pid", in_main, 1, 1, false, read_pid},
    {"daemon", in_main, 1, 1, false, read_daemon},
    {"master_process", in_main, 1, 1, false, read_master_process},
    {"worker_processes", in_main, 1, 1, false, read_worker_processes},
    {"worker_shutdown_timeout", in_main, 1, 1, false, read_worker_shutdown_timeout},
    {"user", in_main, 1, 2, false, read_user},
    {"events", in_main, 0, 0, true, read_events},
    {"http", in_main, 0, 0, true, read_http},
    {"stream", in_main, 0, 0, true, read_stream},
};

}  // namespace

std::span<const Directive> core_directives() {
    return table;
}

Result<bool> read_flag(const Parse& parse, const Statement& statement) {
    auto value = parse_flag(statement.words[1]);
    if (value) return *value;
    return parse.error(
        fmt::format("invalid value \"{}\" in \"{}\" directive, it must be \"on\" or \"off\"",
                    statement.words[1], statement.name()));
}

Status read_time(Parse& parse, const Statement& statement, std::optional<Milliseconds>& slot) {
    if (!parse.first(statement)) return parse.duplicate(statement);
    slot = parse_time(statement.words[1], TimeUnit::milliseconds);
    if (!slot) return parse.invalid_value(statement);
    return success();
}

}  // namespace weir::config
