// SPDX-License-Identifier: Apache-2.0
// The balancers of `icmp_peers` as the tables have them: backends of a stateless service at a port
// of its own on every address of the ports (bpf/shared/peers.h says what the packet program does
// with it). So their next hops are looked up, shown and counted as any backend's. Called wherever a
// configuration is about to count; it changes nothing but the model.
#pragma once

#include "control/config/model.h"

namespace weir::publish {

config::Model with_icmp_peers(config::Model model);

}  // namespace weir::publish
