// SPDX-License-Identifier: Apache-2.0
// Which ports this run has, and which engine drives them: the configuration's, or the machine's
// own.
#pragma once

#include <string>
#include <vector>

#include "control/config/model.h"
#include "control/net/links.h"
#include "control/publish/engine.h"
#include "dataplane/tables/result.h"

namespace weir::publish {

// The configured ports, or every Ethernet interface with an address of its own. An error names what
// is missing.
Result<std::vector<Port>> choose_ports(const config::Dataplane& dataplane,
                                       const NetworkView& network);

struct EngineChoice {
    config::Engine engine = config::Engine::xdp;  // never automatic
    std::string reason;                           // for the log
};

// `engine auto`: DPDK where every port has a DPDK driver, XDP otherwise.
Result<EngineChoice> choose_engine(const config::Dataplane& dataplane,
                                   const std::vector<Port>& ports);

// The addresses of the ports, of both families, that may be used and are not link-local: what a
// `listen` without an address means.
std::vector<IpAddress> port_addresses(const std::vector<Port>& ports, const NetworkView& network);

// The same before the engine has started: with what it will put on the TAPs it makes.
std::vector<IpAddress> addresses_to_be(const std::vector<Port>& ports, const NetworkView& network);

// The record of an interface with these addresses, of which the first of each family counts that
// is in a network of its own, if there is one; and of the dataplane's end of the host link.
weir_interface interface_of(std::vector<Network> networks, unsigned mtu);
weir_interface interface_of(const HostLink& link);

// The records of the host link and the ports, by index in weir_control.ports.
std::vector<weir_interface> port_interfaces(const HostLink& link, const std::vector<Port>& ports,
                                            const NetworkView& network);

}  // namespace weir::publish
