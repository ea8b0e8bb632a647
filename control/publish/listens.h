// SPDX-License-Identifier: Apache-2.0
// The addresses and ports that a configuration listens on, for the reservations. Called by
// Application at start and reload; a pure function.
#pragma once

#include <vector>

#include "control/config/model.h"
#include "control/net/reserve.h"

namespace weir::publish {

// As nginx, which binds an address of its own only where no wildcard has the port.
std::vector<ListenTuple> listens_of(const config::Model& configured);

}  // namespace weir::publish
