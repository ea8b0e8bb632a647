// SPDX-License-Identifier: Apache-2.0
// See values.h. Each function is nginx's rule of the same name (ngx_atoi, ngx_parse_time,
// ngx_parse_size), written from its description in the documentation and from its observed
// behaviour.
#include "control/config/values.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <limits>

namespace weir::config {
namespace {

struct Unit {
    std::string_view name;
    std::uint64_t milliseconds;
};

constexpr std::uint64_t second = 1000;
constexpr std::uint64_t day = 86400 * second;

constexpr std::array<Unit, 8> units{{{"y", 365 * day},
                                     {"M", 30 * day},
                                     {"w", 7 * day},
                                     {"d", day},
                                     {"h", 3600 * second},
                                     {"m", 60 * second},
                                     {"s", second},
                                     {"ms", 1}}};

constexpr std::uint64_t longest_time = std::numeric_limits<std::int64_t>::max() / 4;

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

}  // namespace

std::optional<std::uint64_t> parse_number(std::string_view text) {
    constexpr std::uint64_t most = std::numeric_limits<std::int64_t>::max();
    if (text.empty()) return std::nullopt;
    std::uint64_t value = 0;
    for (char c : text) {
        if (!is_digit(c)) return std::nullopt;
        const std::uint64_t digit = static_cast<std::uint64_t>(c - '0');
        if (value > (most - digit) / 10) return std::nullopt;
        value = value * 10 + digit;
    }
    return value;
}

std::optional<std::chrono::milliseconds> parse_time(std::string_view text, TimeUnit unit) {
    const std::size_t first = unit == TimeUnit::milliseconds ? 2 : 0;
    const std::size_t last = unit == TimeUnit::milliseconds ? units.size() : units.size() - 1;
    std::size_t allowed = first;
    std::uint64_t total = 0;
    if (text.empty()) return std::nullopt;
    while (!text.empty()) {
        const std::size_t digits = static_cast<std::size_t>(
            std::find_if_not(text.begin(), text.end(), is_digit) - text.begin());
        auto number = parse_number(text.substr(0, digits));
        if (!number) return std::nullopt;
        text.remove_prefix(digits);

        std::uint64_t scale = second;
        if (text.empty() || text.front() == ' ') {  // a bare number, only as the last part
            allowed = last;
        } else {
            const std::size_t length = text.starts_with("ms") ? 2 : 1;
            const auto found =
                std::find_if(units.begin(), units.begin() + static_cast<std::ptrdiff_t>(last),
                             [&](const Unit& u) { return u.name == text.substr(0, length); });
            const auto index = static_cast<std::size_t>(found - units.begin());
            if (index < allowed || index >= last) return std::nullopt;
            scale = found->milliseconds;
            allowed = index + 1;
            text.remove_prefix(length);
        }
        if (*number > (longest_time - total) / scale) return std::nullopt;
        total += *number * scale;
        while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    }
    return std::chrono::milliseconds(total);
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
    unsigned shift = 0;
    if (!text.empty()) {
        const char unit = text.back();
        if (unit == 'k' || unit == 'K') shift = 10;
        if (unit == 'm' || unit == 'M') shift = 20;
        if (shift != 0) text.remove_suffix(1);
    }
    auto number = parse_number(text);
    if (!number || *number > (std::uint64_t{1} << 43)) return std::nullopt;
    return *number << shift;
}

std::optional<bool> parse_flag(std::string_view text) {
    if (same_ignoring_case(text, "on")) return true;
    if (same_ignoring_case(text, "off")) return false;
    return std::nullopt;
}

std::vector<std::uint16_t> parse_vlans(std::string_view text) {
    std::vector<std::uint16_t> vlans;
    for (std::size_t at = 0; at <= text.size();) {
        const std::size_t end = std::min(text.find('.', at), text.size());
        const auto number = parse_number(text.substr(at, end - at));
        if (!number || *number < 1 || *number > 4094 || vlans.size() == 2) return {};
        vlans.push_back(static_cast<std::uint16_t>(*number));
        at = end + 1;
    }
    return vlans;
}

bool same_ignoring_case(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
        return std::tolower(static_cast<unsigned char>(x)) ==
               std::tolower(static_cast<unsigned char>(y));
    });
}

std::string absolute_path(const std::string& directory, const std::string& path) {
    if (path.starts_with('/') || directory.empty()) return path;
    return directory.ends_with('/') ? directory + path : directory + '/' + path;
}

}  // namespace weir::config
