// SPDX-License-Identifier: Apache-2.0
#include "control/publish/make_engine.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "control/publish/dpdk_engine.h"
#include "control/publish/xdp_plane.h"

namespace weir::publish {

Result<std::unique_ptr<Engine>> make_engine(boost::asio::io_context& io, config::Engine engine,
                                            const config::Dataplane& dataplane,
                                            const config::Core& core, std::vector<Port> ports,
                                            Needs needs) {
    if (engine == config::Engine::xdp)
        return std::unique_ptr<Engine>(
            std::make_unique<XdpPlane>(dataplane, std::move(ports), std::move(needs)));
    // nginx's own setting for parallelism, unless dataplane{} has another
    const unsigned workers =
        std::min(dataplane.workers != 0 ? dataplane.workers : core.worker_processes,
                 tables::worker_capacity);
    const std::string log_file = core.error_log.target == "stderr" ? "" : core.error_log.target;
    return std::unique_ptr<Engine>(std::make_unique<DpdkEngine>(
        io, dataplane, workers, log_file, std::move(ports), std::move(needs)));
}

bool would_differ(const config::Dataplane& now, const config::Dataplane& next) {
    const auto ports = [](const config::Dataplane& dataplane) {
        std::vector<std::tuple<std::string, std::string, config::Port::Driver,
                               std::vector<std::string>, std::vector<std::uint16_t>, std::string>>
            all;
        for (const config::Port& port : dataplane.ports)
            all.emplace_back(port.device, port.name, port.driver, port.addresses, port.vlans,
                             port.parent);
        return all;
    };
    return now.engine != next.engine || now.workers != next.workers || now.flows != next.flows ||
           now.instance != next.instance || now.local_network != next.local_network ||
           now.local_network6 != next.local_network6 || now.icmp_peers != next.icmp_peers ||
           now.reset_unknown != next.reset_unknown || now.snat != next.snat ||
           now.busy_poll != next.busy_poll || ports(now) != ports(next);
}

}  // namespace weir::publish
