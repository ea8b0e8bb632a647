// SPDX-License-Identifier: Apache-2.0
// The DPDK engine as control sees it: a segment with the tables, and the process weir-dataplane
// that works on it, started, watched and restarted here. A dataplane that an earlier weir left
// running is taken over as it is.
#pragma once

#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/net/netlink.h"
#include "control/publish/child.h"
#include "control/publish/engine.h"
#include "control/publish/sizing.h"
#include "dataplane/tables/segment.h"

namespace weir::publish {

class DpdkEngine : public Engine {
  public:
    DpdkEngine(boost::asio::io_context& io, config::Dataplane dataplane, unsigned workers,
               std::string log_file, std::vector<Port> ports, Needs needs);
    ~DpdkEngine() override;

    Status start() override;
    const std::vector<Port>& ports() const override { return ports_; }
    const HostLink& host_link() const override { return link_; }
    tables::View view() const override { return segment_->view(); }
    bool adopted() const override { return adopted_; }
    void wait_seen(std::uint64_t generation) override;
    void published(std::span<const weir_service> services,
                   std::span<const weir_backend> backends) override;
    void on_restart(OnRestart callback) override { on_restart_ = std::move(callback); }
    bool follow(const NetworkView& network) override;
    std::vector<PortTraffic> traffic() override;
    std::vector<WorkerPlace> workers() const override;
    void stop() override;

  private:
    Status open_segment();
    bool take_over_segment(const std::string& path, const tables::Geometry& wanted);
    bool serves_as_configured() const;
    Status start_dataplane();
    Status wait_until_ready();
    Status bring_up_ports();
    void watch();
    void restart_soon();
    std::vector<std::string> arguments() const;

    boost::asio::io_context& io_;
    boost::asio::steady_timer restart_timer_;
    config::Dataplane dataplane_;
    unsigned workers_;
    std::string log_file_;
    std::vector<Port> ports_;
    Needs needs_;
    HostLink link_;
    std::optional<Netlink> netlink_;
    std::optional<tables::Segment> segment_;
    Child process_;
    OnRestart on_restart_;
    std::chrono::steady_clock::time_point started_;
    unsigned quick_deaths_ = 0;
    bool adopted_ = false;
    bool stopping_ = false;
};

}  // namespace weir::publish
