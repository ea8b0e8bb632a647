// SPDX-License-Identifier: Apache-2.0
// Finds a directive by name and context, and the nearest one to a misspelt name.
#include "control/config/directives.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <vector>

namespace weir::config {
namespace {

std::array<std::span<const Directive>, 6> honoured_tables() {
    return {core_directives(),     dataplane_directives(), upstream_directives(),
            delivery_directives(), stream_directives(),    http_directives()};
}

template <class Visit>
void for_each_word(std::string_view words, Visit visit) {
    while (!words.empty()) {
        const auto end = std::min(words.find(' '), words.size());
        if (end > 0) visit(words.substr(0, end));
        words.remove_prefix(std::min(end + 1, words.size()));
    }
}

bool has_word(std::string_view words, std::string_view word) {
    bool found = false;
    for_each_word(words, [&](std::string_view w) { found = found || w == word; });
    return found;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), 0);
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i + 1;
        for (std::size_t j = 0; j < b.size(); ++j) {
            const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
        }
    }
    return row.back();
}

}  // namespace

Lookup look_up(std::string_view name, Context context) {
    Lookup found;
    for (auto table : honoured_tables()) {
        for (const Directive& directive : table) {
            if (directive.name != name) continue;
            found.known_elsewhere = true;
            if (directive.contexts & context) found.honoured = &directive;
        }
    }
    for (const Foreign& foreign : foreign_directives()) {
        if (!has_word(foreign.names, name)) continue;
        found.known_elsewhere = true;
        if ((foreign.contexts & context) && !found.foreign) found.foreign = &foreign;
    }
    return found;
}

std::string_view nearest(std::string_view name, Context context) {
    std::string_view best;
    std::size_t best_distance = std::min<std::size_t>(3, name.size() / 2 + 1);
    if (name.size() > 64) return best;
    const auto consider = [&](std::string_view candidate) {
        const std::size_t distance = edit_distance(name, candidate);
        if (distance < best_distance) {
            best_distance = distance;
            best = candidate;
        }
    };
    for (auto table : honoured_tables())
        for (const Directive& directive : table)
            if (directive.contexts & context) consider(directive.name);
    for (const Foreign& foreign : foreign_directives())
        if (foreign.contexts & context) for_each_word(foreign.names, consider);
    return best;
}

}  // namespace weir::config
