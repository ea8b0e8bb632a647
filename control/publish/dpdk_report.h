// SPDX-License-Identifier: Apache-2.0
// What weir-dataplane reports in its shared area, in control's terms.
#pragma once

#include <cstdint>
#include <optional>

#include "control/publish/traffic.h"
#include "dataplane/tables/area.h"

namespace weir::publish {

// "exclusive", "selected", "copied"
const char* mode_word(tables::PortMode mode);

std::optional<int> known_node(std::int16_t node);

// `index`: in weir_control.ports.
PortTraffic port_traffic(unsigned index, const tables::PortReport& report);

}  // namespace weir::publish
