// SPDX-License-Identifier: Apache-2.0
// The values weir takes where a configuration says nothing and nginx's own default would be wrong
// for it. Read by the parser and by main; only constants belong here.
#pragma once

namespace weir::config {

inline constexpr const char* default_file = "/etc/weir/weir.conf";
inline constexpr const char* default_prefix = "/etc/weir/";
inline constexpr const char* default_error_log = "/var/log/weir/error.log";
inline constexpr const char* default_pid = "/run/weir.pid";

}  // namespace weir::config
