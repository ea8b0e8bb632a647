// SPDX-License-Identifier: Apache-2.0
// The ports of a balancer that does not run here: those that options name, else those that a
// capture shows, by the names and VLANs of the configuration. Called by Surroundings; it never asks
// this machine's kernel.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "control/config/model.h"
#include "control/net/address.h"
#include "control/publish/engine.h"
#include "control/replay/observe.h"

namespace weir::replay {

// --port NAME=ADDRESS/LENGTH[,ADDRESS/LENGTH...][,MAC][,vlan=ID[.ID],parent=NAME]
struct PortOption {
    std::string name;
    std::vector<Network> addresses;
    std::optional<MacAddress> mac;
    VlanTags tags;       // empty: what the configuration says of a port of this name
    std::string parent;  // the port that a VLAN's frames cross
};
Result<PortOption> parse_port(const std::string& text);

struct PlacedPorts {
    std::vector<publish::Port> ports;             // as an engine has them, VLANs last
    std::vector<std::vector<Network>> addresses;  // of each
};

// What is assumed on the way is added to `notes`, for people.
Result<PlacedPorts> place_ports(const std::vector<config::Port>& configured,
                                std::vector<PortOption> given, const Seen& seen,
                                std::vector<std::string>& notes);

// Where frames for a port come in.
Door door_of(const publish::Port& port);

// "10.0.0.1, 10.0.0.2"
std::string listed(const std::vector<IpAddress>& addresses);

}  // namespace weir::replay
