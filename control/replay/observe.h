// SPDX-License-Identifier: Apache-2.0
// What a capture tells of the balancer's network: which MACs, VLANs and addresses are the
// balancer's, and which are its backends'. Replay looks at the whole capture once before it replays
// it. It only collects; surroundings.h decides what to make of it.
#pragma once

#include <compare>
#include <map>
#include <set>
#include <vector>

#include "bpf/shared/types.h"
#include "control/config/model.h"
#include "control/net/address.h"
#include "control/replay/capture.h"

namespace weir::replay {

struct VlanTag {
    std::uint16_t protocol = 0;
    std::uint16_t id = 0;

    auto operator<=>(const VlanTag&) const = default;
};
using VlanTags = std::vector<VlanTag>;  // outer one first; empty: untagged, or a priority alone

// Where frames of the balancer come in: one interface may be several of these.
struct Door {
    MacAddress mac{};
    VlanTags tags;

    auto operator<=>(const Door&) const = default;
};

struct Seen {
    // The balancer's doors, in order of appearance, each with its addresses.
    struct Side {
        Door door;
        std::vector<IpAddress> addresses;
    };
    std::vector<Side> sides;
    std::map<IpAddress, MacAddress> neighbors;  // a backend: its MAC, or its gateway's
    std::map<IpAddress, Door> behind;           // a backend: the side that it is seen at
};

class Observer {
  public:
    // `own` are addresses known to be the balancer's; without any, what a client addresses on
    // the port of a `listen` without an address is taken for one.
    Observer(const config::Model& model, std::set<IpAddress> own);

    void look(const Packet& packet);
    Seen seen() const;

  private:
    bool is_service(const weir_tuple& tuple) const;
    bool is_reply(const weir_tuple& tuple) const;
    static void add(std::vector<Seen::Side>& sides, const Door& door, const IpAddress& address);

    const config::Model& model_;
    std::set<IpAddress> own_;
    std::set<IpAddress> backends_;
    std::vector<Seen::Side> addressed_;  // by clients
    std::vector<Seen::Side> replied_;    // by backends; may be a client that asks one directly
    std::set<MacAddress> clients_;
    std::map<IpAddress, std::set<std::pair<MacAddress, Door>>> links_;  // backend: its, other
};

}  // namespace weir::replay
