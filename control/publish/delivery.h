// SPDX-License-Identifier: Apache-2.0
// From how a configuration wants a backend reached (config::Delivery) and the way there (Route) to
// the backend's record, and the reason when the two cannot go together. Pure functions; called by
// the balancer for each backend of a generation, and by check_ways() before a start.
#pragma once

#include <string>

#include "bpf/shared/tables.h"
#include "control/config/model.h"
#include "control/publish/balancer.h"

namespace weir::publish {

std::uint8_t mode_of(config::Forward forward);  // enum weir_mode
config::Forward forward_of(std::uint8_t mode);

// Why packets cannot be delivered so; empty: they can.
std::string impossible(const config::Delivery& delivery, const IpAddress& backend,
                       const Route& route);

// Which families the clients of a backend have.
struct ClientFamilies {
    bool v4 = false;
    bool v6 = false;
};

// Everything in the record that follows from the way: next hop, source, mode, MTU, MSS.
void fill_way(weir_backend& record, const config::Delivery& delivery, const IpAddress& backend,
              const Route& route, ClientFamilies clients);

}  // namespace weir::publish
