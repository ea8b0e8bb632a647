// SPDX-License-Identifier: Apache-2.0
// The error log, in nginx's format: `2026/11/23 20:19:05 [notice] 1234#1234: text`. All of control
// calls it, from the main thread only. Until console(false), what is `warn` or graver also goes to
// stderr as `weir: [emerg] text`; before init() that is the only place. It must never throw, block
// or exit.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

#include "control/config/model.h"
#include "dataplane/tables/result.h"

namespace weir::log {

using Level = config::LogLevel;

// Opens `target` (a path, or "stderr") and drops what is less grave than `level`. May be called
// again at reload; when the new target cannot be opened the old one stays.
Status init(const std::string& target, Level level);

// Opens the same path again (SIGUSR1): after a rename by logrotate this makes a new file.
Status reopen();

// Whether grave messages are also shown on stderr; true until the process has started.
void console(bool on);

bool enabled(Level level);
void write(Level level, std::string_view text);

template <class... Args>
void at(Level level, fmt::format_string<Args...> format, Args&&... args) {
    if (enabled(level)) write(level, fmt::format(format, std::forward<Args>(args)...));
}

template <class... Args>
void emerg(fmt::format_string<Args...> format, Args&&... args) {
    at(Level::emerg, format, std::forward<Args>(args)...);
}
template <class... Args>
void alert(fmt::format_string<Args...> format, Args&&... args) {
    at(Level::alert, format, std::forward<Args>(args)...);
}
template <class... Args>
void crit(fmt::format_string<Args...> format, Args&&... args) {
    at(Level::crit, format, std::forward<Args>(args)...);
}
template <class... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
    at(Level::error, format, std::forward<Args>(args)...);
}
template <class... Args>
void warn(fmt::format_string<Args...> format, Args&&... args) {
    at(Level::warn, format, std::forward<Args>(args)...);
}
template <class... Args>
void notice(fmt::format_string<Args...> format, Args&&... args) {
    at(Level::notice, format, std::forward<Args>(args)...);
}
template <class... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
    at(Level::info, format, std::forward<Args>(args)...);
}
template <class... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
    at(Level::debug, format, std::forward<Args>(args)...);
}

}  // namespace weir::log
