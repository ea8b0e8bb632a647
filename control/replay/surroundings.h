// SPDX-License-Identifier: Apache-2.0
// The network around a balancer that does not run here: its ports, and the way to each backend,
// from options and from what a capture shows. Replay and `explain --config` make one in place of
// NetworkView and NextHops; it never asks this machine's kernel.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "control/config/model.h"
#include "control/net/host_link.h"
#include "control/net/next_hop.h"
#include "control/publish/balancer.h"
#include "control/publish/engine.h"
#include "control/replay/observe.h"
#include "control/replay/ports.h"

namespace weir::replay {

struct Given {
    std::vector<PortOption> ports;
    std::map<IpAddress, std::optional<MacAddress>> neighbors;  // no MAC: on the balancer itself
    bool strict = false;  // a backend whose MAC is not known is unreachable
};

// --neighbor ADDRESS=MAC, or ADDRESS=local; added to `given`.
Status add_neighbor(Given& given, const std::string& text);

class Surroundings {
  public:
    static Result<Surroundings> make(const config::Model& model, const Given& given,
                                     const Seen& seen);

    const std::vector<publish::Port>& ports() const { return ports_; }
    const HostLink& host_link() const { return link_; }
    std::vector<IpAddress> addresses() const;        // of the ports
    std::vector<weir_interface> interfaces() const;  // by index in weir_control.ports
    publish::Route to(const IpAddress& backend, std::uint16_t id) const;

    // What was not given but assumed, for people.
    const std::vector<std::string>& notes() const { return notes_; }

  private:
    void add_hop(const IpAddress& backend, const Given& given, const Seen& seen);
    std::size_t place_of(const IpAddress& backend, const Seen& seen) const;

    std::vector<publish::Port> ports_;
    std::vector<std::vector<Network>> networks_;  // of each port
    HostLink link_;
    std::map<IpAddress, NextHop> hops_;
    std::vector<IpAddress> snat_;
    std::vector<IpAddress> invented_;  // backends whose MAC nobody has told
    std::vector<std::string> notes_;
};

// Fills empty tables with what the configuration comes to in these surroundings, by the same steps
// as a balancer that starts. `ifindexes` are the runner's.
Result<std::unique_ptr<publish::Balancer>> fill_tables(const tables::View& view,
                                                       const tables::Geometry& geometry,
                                                       const config::Model& model,
                                                       const Surroundings& surroundings,
                                                       const std::vector<std::uint32_t>& ifindexes);

// The sizes of a balancer with this configuration, with one worker.
tables::Geometry geometry_of(const config::Model& model);

}  // namespace weir::replay
