// SPDX-License-Identifier: Apache-2.0
#include "control/publish/make_engine.h"

#include <algorithm>
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

}  // namespace weir::publish
