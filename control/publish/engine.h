// SPDX-License-Identifier: Apache-2.0
// What control asks of an engine: bring the ports up, hold the tables, say when a generation has
// been seen, and leave the kernel as it was. Two implementations: XdpDataplane (bpf_store,
// xdp_engine) and DpdkDataplane (a segment and the supervised process weir-dataplane).
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "control/config/model.h"
#include "control/net/address.h"
#include "control/net/host_link.h"
#include "control/net/links.h"
#include "control/publish/directory.h"
#include "control/publish/traffic.h"
#include "dataplane/tables/result.h"
#include "dataplane/tables/view.h"

namespace weir::publish {

// A port as this run uses it. Its place in the vector plus one is its index in weir_control.ports.
struct Port {
    config::Port configured;
    int ifindex = 0;  // of the kernel's interface (for pci and vdev: of the TAP); 0: not there yet
    MacAddress mac{};
    std::string driver;      // as it turned out: net_af_xdp, ...; for XDP the kernel's: veth, ...
    std::string mode;        // how its packets come: exclusive, selected, copied; native, generic
    std::uint8_t flags = 0;  // WEIR_PORT_*
    // A VLAN (vlan_ports.h): no engine opens it, its frames cross the port at `parent`.
    std::vector<weir_tag> tags;  // outer one first; empty: not a VLAN
    std::size_t parent = 0;      // place in the vector

    bool is_vlan() const { return !tags.empty(); }
};

class Engine {
  public:
    virtual ~Engine() = default;
    Engine() = default;
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;

    // Brings everything up, or takes over what an earlier weir left running.
    virtual Status start() = 0;

    // The ports and the host link, complete after start().
    virtual const std::vector<Port>& ports() const = 0;
    virtual const HostLink& host_link() const = 0;

    virtual tables::View view() const = 0;

    // The tables and their flows are those of an earlier run.
    virtual bool adopted() const = 0;

    // Returns once no packet is processed with a generation older than this one.
    virtual void wait_seen(std::uint64_t generation) = 0;

    // Called after each publish, with what was published.
    virtual void published(std::span<const weir_service> services,
                           std::span<const weir_backend> backends) = 0;

    // Called once start() has been followed by a change that control must publish again (a
    // restarted dataplane).
    using OnRestart = std::function<void()>;
    virtual void on_restart(OnRestart callback) = 0;

    // The kernel's interfaces have changed (follow.h). true: ports() has too.
    virtual bool follow(const NetworkView& network) = 0;

    // By index in weir_control.ports; empty where nothing counts.
    virtual std::vector<PortTraffic> traffic() { return {}; }

    // Of each worker; empty for XDP, whose workers are the CPUs themselves.
    virtual std::vector<WorkerPlace> workers() const { return {}; }

    // Ends forwarding and removes all that start() made.
    virtual void stop() = 0;
};

// Writes the ports into the tables: index 0 is the host link, then `ports` in order.
void write_ports(weir_control& control, const HostLink& link, int link_ifindex,
                 const std::vector<Port>& ports);

// The directory's form of the same.
std::vector<PortInfo> describe_ports(const HostLink& link, const std::vector<Port>& ports);

}  // namespace weir::publish
