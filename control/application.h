// SPDX-License-Identifier: Apache-2.0
// The running balancer: owns every part of control and decides when what happens. Start, reload,
// drain and stop are its verbs; one thread, one event loop. main.cc makes it, signals and the
// parts' callbacks drive it.
#pragma once

#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "control/api/server.h"
#include "control/config/parser.h"
#include "control/health/checker.h"
#include "control/net/links.h"
#include "control/net/next_hop.h"
#include "control/net/path_mtu.h"
#include "control/net/reserve.h"
#include "control/publish/backend_log.h"
#include "control/publish/balancer.h"
#include "control/publish/engine.h"
#include "control/publish/merging.h"
#include "control/publish/routes.h"

namespace weir {

class Application {
  public:
    // Reads the configuration anew, for reload.
    using Reread = std::function<Result<config::Parsed>()>;

    Application(config::Model model, Reread reread);
    ~Application();

    // Everything up to the first generation. After an error nothing of it is left.
    Status start();

    // Runs until told to stop; the kernel is as it was when this returns.
    void run();

  private:
    Status start_engine();
    Status start_publishing();
    Status start_afresh(const std::string& why);
    Status start_api();
    void watch_backends();
    void wait_for_next_hops();
    void reload();
    Status adopt(config::Model model);
    Status reserve(const config::Model& configured);
    static Status check_ways(const config::Model& model);
    void warn_shared_sources();
    void warn_unchangeable(const config::Model& model) const;
    void publish_soon();
    void publish_now();
    Status publish();
    void probe_targets_changed();
    void health_changed(const std::string& target, bool healthy, const std::string& reason);
    void note_interfaces();
    void turn_off_merging();
    void network_changed(const Changes& changes);
    void housekeep();
    void wait_signal();
    void quit_gracefully();
    void check_drained(std::chrono::steady_clock::time_point deadline);
    void stop();
    nlohmann::json answer(const nlohmann::json& request);

    config::Model model_;
    Reread reread_;
    boost::asio::io_context io_{1};
    boost::asio::signal_set signals_{io_};
    boost::asio::steady_timer housekeeping_{io_};
    boost::asio::steady_timer drain_timer_{io_};
    Reservations reservations_;
    std::unique_ptr<NetworkView> network_;
    std::unique_ptr<publish::Engine> engine_;
    std::unique_ptr<publish::Merging> merging_;
    std::unique_ptr<NextHops> hops_;
    std::unique_ptr<PathMtus> paths_;
    std::unique_ptr<publish::Routes> routes_;
    std::unique_ptr<publish::Balancer> balancer_;
    publish::BackendLog backend_log_;
    std::unique_ptr<Checker> checker_;
    std::unique_ptr<api::Server> api_;
    std::string engine_name_;
    std::string engine_reason_;
    std::set<IpAddress> warned_sources_;
    bool publish_pending_ = false;
    bool unpublished_ = false;  // the last publish_now() has failed
    bool looking_up_ = false;   // new backends' next hops
    bool stopping_ = false;
};

}  // namespace weir
