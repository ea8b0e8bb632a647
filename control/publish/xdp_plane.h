// SPDX-License-Identifier: Apache-2.0
// The XDP engine as control sees it: the programs and maps of xdp_engine.h, and the veth pair that
// leads to the host's own stack.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/net/netlink.h"
#include "control/publish/engine.h"
#include "control/publish/xdp_engine.h"

namespace weir::publish {

class XdpPlane : public Engine {
  public:
    XdpPlane(config::Dataplane dataplane, std::vector<Port> ports, Needs needs)
        : dataplane_(std::move(dataplane)), ports_(std::move(ports)), needs_(std::move(needs)) {}

    Status start() override;
    const std::vector<Port>& ports() const override { return ports_; }
    const HostLink& host_link() const override { return link_; }
    tables::View view() const override { return engine_->view(); }
    bool adopted() const override { return engine_ && engine_->adopted(); }
    void wait_seen(std::uint64_t) override { XdpEngine::wait_seen(); }
    void published(std::span<const weir_service>, std::span<const weir_backend>) override {}
    void on_restart(OnRestart) override {}  // the kernel does not restart its programs
    bool follow(const NetworkView& network) override;
    std::vector<PortTraffic> traffic() override;
    void stop() override;

  private:
    Status attach();
    Status attach(Port& port);
    PortTraffic counted(unsigned index, int ifindex, const std::string& name);

    config::Dataplane dataplane_;
    std::vector<Port> ports_;
    Needs needs_;
    HostLink link_;
    std::optional<Netlink> netlink_;
    std::unique_ptr<XdpEngine> engine_;
};

}  // namespace weir::publish
