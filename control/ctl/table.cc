// SPDX-License-Identifier: Apache-2.0
// Column widths and padding. Called by show.cc. A control character in a cell is shown as '?', so
// that no name in a configuration can speak to the terminal.
#include "control/ctl/table.h"

#include <algorithm>
#include <utility>

namespace weir::ctl {
namespace {

constexpr std::size_t gap = 2;

std::string padded(const std::string& text, std::size_t width, Align align) {
    const std::string space(width > text.size() ? width - text.size() : 0, ' ');
    return align == Align::left ? text + space : space + text;
}

}  // namespace

std::string printable(std::string cell) {
    std::replace_if(
        cell.begin(), cell.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
    return cell.empty() ? "-" : cell;
}

void Table::column(std::string title, Align align) {
    const std::size_t width = title.size();
    columns_.push_back({std::move(title), align, width});
}

void Table::row(std::vector<std::string> cells) {
    cells.resize(columns_.size());
    for (std::size_t i = 0; i < cells.size(); i++) {
        cells[i] = printable(std::move(cells[i]));
        columns_[i].width = std::max(columns_[i].width, cells[i].size());
    }
    rows_.push_back(std::move(cells));
}

void Table::print(std::ostream& out) const {
    const auto line = [&](const auto& cell) {
        std::string text;
        for (std::size_t i = 0; i < columns_.size(); i++)
            text += (i ? std::string(gap, ' ') : "") +
                    padded(cell(i), columns_[i].width, columns_[i].align);
        text.erase(text.find_last_not_of(' ') + 1);
        out << text << '\n';
    };
    line([&](std::size_t i) { return columns_[i].title; });
    for (const auto& row : rows_) line([&](std::size_t i) { return row[i]; });
}

}  // namespace weir::ctl
