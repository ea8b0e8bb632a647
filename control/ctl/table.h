// SPDX-License-Identifier: Apache-2.0
// Text in aligned columns, as weirctl prints it: a header, then rows; numbers to the right. Called
// by show.cc and replay.cc.
#pragma once

#include <ostream>
#include <string>
#include <vector>

namespace weir::ctl {

// A cell as it is shown: without control characters, and never empty.
std::string printable(std::string cell);

enum class Align { left, right };

class Table {
  public:
    void column(std::string title, Align align);
    void row(std::vector<std::string> cells);  // as many as there are columns
    void print(std::ostream& out) const;

  private:
    struct Column {
        std::string title;
        Align align;
        std::size_t width;
    };
    std::vector<Column> columns_;
    std::vector<std::vector<std::string>> rows_;
};

}  // namespace weir::ctl
