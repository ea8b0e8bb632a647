// SPDX-License-Identifier: Apache-2.0
#include "control/publish/xdp_plane.h"

#include <random>

#include "control/log/log.h"
#include "control/net/ethtool.h"
#include "control/publish/link_names.h"

namespace weir::publish {

Status XdpPlane::start() {
    auto netlink = Netlink::open();
    if (!netlink) return Error{netlink.error()};
    netlink_.emplace(std::move(*netlink));
    const auto networks = link_networks(dataplane_.local_network, dataplane_.local_network6);
    if (!networks) return Error{networks.error()};
    const LinkNames names = link_names(dataplane_.instance);
    auto link = create_host_link(*netlink_, names.host, names.dataplane, *networks);
    if (!link) return Error{link.error()};
    link_ = std::move(*link);

    std::random_device random;
    BpfStoreOptions options;
    options.instance = dataplane_.instance;
    options.geometry = BpfStore::geometry(dataplane_.flows);
    options.seed = (std::uint64_t{random()} << 32) | random();
    auto engine = XdpEngine::start(options);
    if (!engine) return Error{engine.error()};
    engine_ = std::move(*engine);
    if (engine_->adopted())
        log::notice("took over the tables and flows of an earlier weir; forwarding has gone on");
    for (Port& port : ports_)
        if (const auto driver = driver_info(port.configured.device);
            driver && driver->driver == "veth")
            port.flags |= WEIR_PORT_REDIRECT;
    write_ports(*engine_->view().control, link_, link_.dataplane.index, ports_);
    return attach();
}

Status XdpPlane::attach() {
    std::vector<int> used{link_.dataplane.index};
    for (const Port& port : ports_) used.push_back(port.ifindex);
    engine_->detach_others(used);
    if (const auto attached = engine_->attach(link_.dataplane.index, link_.dataplane.name);
        !attached)
        return Error{attached.error()};
    for (Port& port : ports_) {
        const auto attached = engine_->attach(port.ifindex, port.configured.name);
        if (!attached) return Error{attached.error()};
        port.driver = attached->mode;
        if (attached->why.empty())
            log::notice("port {}: XDP in {} mode", port.configured.name, attached->mode);
        else
            log::notice("port {}: XDP in {} mode, because {}", port.configured.name, attached->mode,
                        attached->why);
    }
    return success();
}

void XdpPlane::stop() {
    if (engine_) engine_->destroy();
    if (netlink_)
        if (const auto status = remove_host_link(*netlink_, link_names(dataplane_.instance).host);
            !status)
            log::error("{}", status.error());
}

}  // namespace weir::publish
