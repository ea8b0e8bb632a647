// SPDX-License-Identifier: Apache-2.0
// The addresses and ports that a configuration listens on: for the reservations (Application, at
// start and reload), and as the records of services (the balancer; sizing.h counts them before).
// Pure functions.
#pragma once

#include <vector>

#include "bpf/shared/tables.h"
#include "control/config/model.h"
#include "control/net/reserve.h"

namespace weir::publish {

// As nginx, which binds an address of its own only where no wildcard has the port.
std::vector<ListenTuple> listens_of(const config::Model& configured);

// The addresses that a `listen` stands for; `wildcard`: as in Balancer::configure().
std::vector<config::IpAddress> addresses_of(const config::Model& model,
                                            const config::Service& service,
                                            const std::vector<config::IpAddress>& wildcard);

// The record of a service at this address, as far as packets find it by it.
weir_service service_at(const config::Service& service, const config::IpAddress& address);

}  // namespace weir::publish
