// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/record.h"

#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>

namespace weir::bench {

void print(const Record& record) {
    const auto number = [](double value) {
        return std::isfinite(value) ? nlohmann::json(value) : nlohmann::json(nullptr);
    };
    nlohmann::ordered_json line{{"case", record.name},
                                {"engine", record.engine},
                                {"mode", record.mode},
                                {"family", record.family},
                                {"flows", record.flows},
                                {"cycles_per_packet", number(record.cycles_per_packet)},
                                {"ceiling_cycles", number(record.ceiling_cycles)},
                                {"ns_per_packet", number(record.ns_per_packet)},
                                {"instructions_per_packet", number(record.instructions_per_packet)},
                                {"bytes_per_flow", number(record.bytes_per_flow)},
                                {"mpps", number(record.mpps)}};
    for (const auto& [key, value] : record.also) line[key] = number(value);
    if (!record.note.empty()) line["note"] = record.note;
    std::cout << line.dump() << std::endl;
}

}  // namespace weir::bench
