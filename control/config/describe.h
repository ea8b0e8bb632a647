// SPDX-License-Identifier: Apache-2.0
// What a configuration means, as JSON for programs: `weir -J`. It says what the parser has
// understood, with includes, defaults and resolved names in their places, and nothing about a
// running weir.
#pragma once

#include <nlohmann/json.hpp>

#include "control/config/model.h"

namespace weir::config {

nlohmann::json describe(const Model& model);

}  // namespace weir::config
