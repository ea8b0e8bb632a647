// SPDX-License-Identifier: Apache-2.0
// Source addresses toward backends that other balancers have as well: with `icmp_peers` the
// services' addresses are theirs too, so a reply may come to one that does not know its flow. Which
// source a backend gets shows only when its route is known, so Application asks after each publish,
// and warns.
#pragma once

#include <span>
#include <vector>

#include "bpf/shared/tables.h"
#include "control/config/model.h"

namespace weir::publish {

// Of these backends; each address once. Empty without `icmp_peers`.
std::vector<config::IpAddress> shared_sources(const config::Model& model,
                                              std::span<const weir_backend> backends);

}  // namespace weir::publish
