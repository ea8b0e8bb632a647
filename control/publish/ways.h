// SPDX-License-Identifier: Apache-2.0
// Before a configuration is taken: whether the kernel's routes contradict it. A server that
// `forward dsr` cannot reach because it is behind a router, or one that is this host itself, is
// refused here with file and line; what only shows later is logged and the server left out. Called
// by Application at start and reload; it asks the kernel for routes and changes nothing.
#pragma once

#include <string>
#include <vector>
#include "control/config/model.h"

#include "control/net/netlink.h"
#include "dataplane/tables/result.h"

namespace weir::publish {

Status check_ways(Netlink& netlink, const config::Model& model);

// A sentence for each source address toward backends that is none of this host's: replies come only
// if a router sends them here, which may be on purpose.
std::vector<std::string> doubtful_sources(Netlink& netlink, const config::Model& model);

}  // namespace weir::publish
