// SPDX-License-Identifier: Apache-2.0
// The scalar values of the configuration language: numbers, times, sizes, flags and paths, with
// nginx's rules. Called by the directive handlers; nothing here knows a directive or prints an
// error.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::config {

// Decimal digits only: no sign, no space. nginx's ngx_atoi.
std::optional<std::uint64_t> parse_number(std::string_view text);

enum class TimeUnit {
    seconds,
    milliseconds
};  // what nginx stores; a bare number is seconds in both

// "1h30m": units y M w d h m s ms in descending order, each once. A seconds value takes no ms, a
// milliseconds value no y and no M.
std::optional<std::chrono::milliseconds> parse_time(std::string_view text, TimeUnit unit);

// "64k", "10M".
std::optional<std::uint64_t> parse_size(std::string_view text);

// "on" or "off", in any case.
std::optional<bool> parse_flag(std::string_view text);

// "10", or the tags of two, the outer one first: "100.10". Empty: neither.
std::vector<std::uint16_t> parse_vlans(std::string_view text);

bool same_ignoring_case(std::string_view a, std::string_view b);

// `path` itself when absolute, otherwise under `directory`.
std::string absolute_path(const std::string& directory, const std::string& path);

}  // namespace weir::config
