// SPDX-License-Identifier: Apache-2.0
// The API's answers as tables: which columns a report has, and how a value reads. Called by
// main.cc. It only formats; what is not in the answer it cannot show.
#pragma once

#include <nlohmann/json.hpp>
#include <ostream>
#include <string>
#include <vector>

namespace weir::ctl {

const std::vector<std::string>& report_names();  // what `show` knows
void print_report(std::ostream& out, const std::string& report, const nlohmann::json& answer);
void print_reasons(std::ostream& out);
nlohmann::json reasons_as_json();

}  // namespace weir::ctl
