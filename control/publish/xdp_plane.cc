// SPDX-License-Identifier: Apache-2.0
#include "control/publish/xdp_plane.h"

#include <random>

#include "control/log/log.h"
#include "control/net/ethtool.h"
#include "control/net/link_counters.h"
#include "control/publish/follow.h"
#include "control/publish/leftovers.h"
#include "control/publish/link_names.h"
#include "control/publish/vlan_ports.h"

namespace weir::publish {
namespace {

void note_driver(Port& port) {
    const auto driver = driver_info(port.configured.device);
    port.driver = driver ? driver->driver : "unknown";
    port.flags = port.driver == "veth" ? WEIR_PORT_REDIRECT : 0;
}

}  // namespace

Status XdpPlane::start() {
    auto netlink = Netlink::open();
    if (!netlink) return Error{netlink.error()};
    netlink_.emplace(std::move(*netlink));
    const auto networks = link_networks(dataplane_.local_network, dataplane_.local_network6);
    if (!networks) return Error{networks.error()};
    remove_dpdk_leftovers(dataplane_.instance);
    const LinkNames names = link_names(dataplane_.instance);
    auto link = create_host_link(*netlink_, names.host, names.dataplane, *networks);
    if (!link) return Error{link.error()};
    link_ = std::move(*link);

    std::random_device random;
    BpfStoreOptions options;
    options.instance = dataplane_.instance;
    options.geometry = BpfStore::geometry(dataplane_.flows);
    make_room(options.geometry, needs_);
    options.needs = needs_;
    options.seed = (std::uint64_t{random()} << 32) | random();
    auto engine = XdpEngine::start(options);
    if (!engine) return Error{engine.error()};
    engine_ = std::move(*engine);
    if (engine_->adopted())
        log::notice("took over the tables and flows of an earlier weir; forwarding has gone on");
    for (Port& port : ports_)
        if (!port.is_vlan()) note_driver(port);
    write_ports(*engine_->view().control, link_, link_.dataplane.index, ports_);
    return attach();
}

Status XdpPlane::attach() {
    std::vector<int> used{link_.dataplane.index};
    for (const Port& port : ports_)
        if (!port.is_vlan()) used.push_back(port.ifindex);
    engine_->detach_others(used);
    if (const auto attached = engine_->attach(link_.dataplane.index, link_.dataplane.name);
        !attached)
        return Error{attached.error()};
    for (Port& port : ports_) {
        if (port.is_vlan()) {
            log::notice("port {}: {}", port.configured.name, vlan_text(port, ports_));
            continue;
        }
        if (const auto status = attach(port); !status) return status;
    }
    return success();
}

Status XdpPlane::attach(Port& port) {
    const auto attached = engine_->attach(port.ifindex, port.configured.name);
    if (!attached) return Error{attached.error()};
    port.mode = attached->mode;
    if (attached->why.empty())
        log::notice("port {}: XDP in {} mode", port.configured.name, attached->mode);
    else
        log::notice("port {}: XDP in {} mode, because {}", port.configured.name, attached->mode,
                    attached->why);
    return success();
}

bool XdpPlane::follow(const NetworkView& network) {
    const std::vector<Port> before = ports_;
    const Followed followed = follow_interfaces(ports_, network);
    if (!followed.changed) return false;
    for (const auto* places : {&followed.lost, &followed.replaced})
        for (const std::size_t i : *places)
            if (!before[i].is_vlan() && before[i].ifindex != 0) engine_->detach(before[i].ifindex);
    for (const std::size_t i : followed.replaced) {
        if (ports_[i].is_vlan()) continue;
        note_driver(ports_[i]);
        if (const auto status = attach(ports_[i]); !status) {
            log::alert("port {}: {}", ports_[i].configured.name, status.error());
            ports_[i].mode = "failed";
        }
    }
    write_ports(*engine_->view().control, link_, link_.dataplane.index, ports_);
    return true;
}

std::vector<PortTraffic> XdpPlane::traffic() {
    std::vector<PortTraffic> all{counted(0, link_.dataplane.index, link_.dataplane.name)};
    for (const Port& port : ports_)
        all.push_back(
            counted(static_cast<unsigned>(all.size()), port.ifindex, port.configured.device));
    return all;
}

PortTraffic XdpPlane::counted(unsigned index, int ifindex, const std::string& name) {
    PortTraffic traffic;
    traffic.index = index;
    if (const auto queues = channels(name)) {
        traffic.rx_queues = queues->rx;
        traffic.tx_queues = queues->tx;
    }
    if (const auto counters = link_counters(*netlink_, ifindex)) {
        traffic.rx_packets = counters->rx_packets;
        traffic.rx_bytes = counters->rx_bytes;
        traffic.tx_packets = counters->tx_packets;
        traffic.tx_bytes = counters->tx_bytes;
        traffic.rx_missed = counters->rx_dropped;
        traffic.rx_errors = counters->rx_errors;
        traffic.tx_errors = counters->tx_errors;
        traffic.tx_dropped = counters->tx_dropped;
    }
    traffic.xdp = driver_counters(name, "xdp");
    return traffic;
}

void XdpPlane::stop() {
    if (engine_) engine_->destroy();
    if (netlink_)
        if (const auto status = remove_host_link(*netlink_, link_names(dataplane_.instance).host);
            !status)
            log::error("{}", status.error());
}

}  // namespace weir::publish
