// SPDX-License-Identifier: Apache-2.0
// A packet row as the fuzzer holds it: steps ready to run, and the rest as tests/packets wrote it.
// What a finding is saved as, so that weir-rows runs it too.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "control/replay/runner.h"

namespace weir::fuzz {

using replay::Bytes;

struct Step {
    enum class Kind { packet, age, publish };
    Kind kind = Kind::packet;
    std::uint64_t value = 0;  // the port, milliseconds, or the generation's index
    Bytes packet;
};

struct Case {
    nlohmann::json head;  // all but the steps
    std::vector<Step> steps;

    static Case from(const nlohmann::json& row);
    nlohmann::json as_json() const;
};

// Its tables do what control never does, such as giving a backend's id to another one: the program
// must be safe with them and nothing else.
inline bool is_wild(const Case& one) {
    return one.head.value("wild", false);
}

// All rows of a file that tests/packets/print_rows.py wrote, or a finding.
std::vector<Case> read_cases(const std::string& file);

// Writes it as a file of one row.
void write_case(const Case& one, const std::string& file);

}  // namespace weir::fuzz
