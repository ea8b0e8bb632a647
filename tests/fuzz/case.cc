// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/case.h"

#include <fstream>
#include <stdexcept>

#include "tests/harness/row.h"

namespace weir::fuzz {

using nlohmann::json;

Case Case::from(const json& row) {
    Case made{row, {}};
    made.head.erase("steps");
    for (const json& step : row.at("steps")) {
        if (step.contains("publish"))
            made.steps.push_back({Step::Kind::publish, step.at("publish"), {}});
        else if (step.contains("age_ms"))
            made.steps.push_back({Step::Kind::age, step.at("age_ms"), {}});
        else
            made.steps.push_back(
                {Step::Kind::packet, step.at("port"), rows::from_hex(step.at("packet"))});
    }
    return made;
}

json Case::as_json() const {
    json row = head;
    row["steps"] = json::array();
    for (const Step& step : steps) {
        if (step.kind == Step::Kind::publish) row["steps"].push_back({{"publish", step.value}});
        if (step.kind == Step::Kind::age) row["steps"].push_back({{"age_ms", step.value}});
        if (step.kind == Step::Kind::packet)
            row["steps"].push_back({{"port", step.value}, {"packet", rows::to_hex(step.packet)}});
    }
    return row;
}

std::vector<Case> read_cases(const std::string& file) {
    std::ifstream in(file);
    if (!in) throw std::runtime_error("cannot read " + file);
    std::vector<Case> cases;
    for (const json& row : json::parse(in)) cases.push_back(Case::from(row));
    if (cases.empty()) throw std::runtime_error(file + " has no rows");
    return cases;
}

void write_case(const Case& one, const std::string& file) {
    std::ofstream out(file);
    out << json::array({one.as_json()}).dump(1) << "\n";
    if (!out.flush()) throw std::runtime_error("cannot write " + file);
}

}  // namespace weir::fuzz
