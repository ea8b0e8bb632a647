// SPDX-License-Identifier: Apache-2.0
// How packets reach each backend, in the tables' terms: which port, which MAC, which source address
// and ports. Joins what the kernel knows (NextHops) with the ports of this run. A backend that is
// not behind a port (this host's own address, a container behind a bridge) is reached over the host
// link; the host's stack does the rest.
#pragma once

#include <cstdint>
#include <vector>

#include "control/net/next_hop.h"
#include "control/net/path_mtu.h"
#include "control/publish/balancer.h"
#include "control/publish/engine.h"

namespace weir::publish {

struct PortRange {
    std::uint16_t low = WEIR_LEAST_SOURCE_PORT;
    std::uint16_t high = 65535;
};

// The larger part of 1024-65535 that the kernel does not use for its own connections
// (net.ipv4.ip_local_port_range), so that none of them meets a flow of ours.
Result<PortRange> source_ports_beside_kernel();

// The route that a next hop comes to. `id` is the backend's; it chooses among the `snat` addresses
// of the backend's family.
Route route_over(const NextHop& hop, const IpAddress& backend, const std::vector<Port>& ports,
                 const HostLink& link, const std::vector<IpAddress>& snat, PortRange host_ports,
                 std::uint16_t id);

class Routes {
  public:
    Routes(const NextHops& hops, const PathMtus& paths, const Engine& engine,
           std::vector<IpAddress> snat, PortRange host_ports)
        : hops_(hops),
          paths_(paths),
          engine_(engine),
          snat_(std::move(snat)),
          host_ports_(host_ports) {}

    Route to(const IpAddress& backend, std::uint16_t id) const;

    // Every watched backend is either reachable or known not to be: nothing is worth waiting for.
    bool settled(const std::vector<IpAddress>& backends) const;

  private:
    const NextHops& hops_;
    const PathMtus& paths_;
    const Engine& engine_;
    std::vector<IpAddress> snat_;
    PortRange host_ports_;
};

}  // namespace weir::publish
