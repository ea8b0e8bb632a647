// SPDX-License-Identifier: Apache-2.0
#include "control/application.h"

#include <fmt/format.h>
#include <signal.h>
#include <time.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <nlohmann/json.hpp>

#include "control/api/report.h"
#include "control/log/log.h"
#include "control/process.h"
#include "control/publish/listens.h"
#include "control/publish/make_engine.h"
#include "control/publish/ports.h"
#include "control/publish/shared_sources.h"
#include "control/publish/ways.h"

namespace weir {
namespace {

using namespace std::chrono_literals;

std::uint64_t monotonic_ns() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1000000000ull +
           static_cast<std::uint64_t>(now.tv_nsec);
}

// A probe target's name: the id alone would confuse two backends that have it one after the other.
std::string target_name(const publish::ProbeTarget& target) {
    return fmt::format("{} {}", target.id, to_string(target.address, target.port));
}

}  // namespace

Application::Application(config::Model model, Reread reread)
    : model_(std::move(model)), reread_(std::move(reread)) {}

Application::~Application() = default;

Status Application::start() {
    // Held until the event loop runs: a signal that came earlier would leave behind what has been
    // made so far.
    for (const int number : {SIGHUP, SIGTERM, SIGINT, SIGQUIT, SIGUSR1}) signals_.add(number);
    auto network = NetworkView::open(io_);
    if (!network) return Error{network.error()};
    network_ = std::move(*network);
    if (const auto status = check_ways(model_); !status) return status;
    if (const auto status = reserve(model_); !status) return status;
    if (const auto status = start_engine(); !status) {
        stop();
        return status;
    }
    auto status = start_publishing();
    if (!status && engine_->adopted()) status = start_afresh(status.error());
    if (status) status = start_api();
    if (!status) {
        stop();
        return status;
    }
    wait_signal();
    housekeep();
    network_->on_change([this](const Changes& changes) { network_changed(changes); });
    return success();
}

Status Application::start_engine() {
    auto ports = publish::choose_ports(model_.dataplane, *network_);
    if (!ports) return Error{ports.error()};
    const auto choice = publish::choose_engine(model_.dataplane, *ports);
    if (!choice) return Error{choice.error()};
    engine_name_ = choice->engine == config::Engine::dpdk ? "dpdk" : "xdp";
    engine_reason_ = choice->reason;
    log::notice("engine {}: {}", engine_name_, engine_reason_);

    const auto needs = publish::needs_of(model_, publish::addresses_to_be(*ports, *network_));
    auto engine = publish::make_engine(io_, choice->engine, model_.dataplane, model_.core,
                                       std::move(*ports), needs);
    if (!engine) return Error{engine.error()};
    engine_ = std::move(*engine);
    merging_ = std::make_unique<publish::Merging>(
        fmt::format("{}/{}.merging", runtime_directory, model_.dataplane.instance));
    if (const auto status = engine_->start(); !status) return status;
    turn_off_merging();
    engine_->on_restart([this] {
        turn_off_merging();
        publish_soon();
    });
    return network_->refresh();
}

// Tables of an earlier run may hold flows of so many services and backends that are configured no
// more that those which are find no room.
Status Application::start_afresh(const std::string& why) {
    log::warn("starting with empty tables, the flows of the earlier run are lost: {}", why);
    routes_.reset();
    paths_.reset();
    hops_.reset();
    balancer_.reset();
    engine_->stop();
    if (const auto status = start_engine(); !status) return status;
    return start_publishing();
}

Status Application::start_publishing() {
    auto host_ports = publish::source_ports_beside_kernel();
    if (!host_ports && model_.dataplane.snat.empty()) return Error{host_ports.error()};
    auto hops = NextHops::open(io_, *network_, [this](const auto&) { publish_soon(); });
    if (!hops) return Error{hops.error()};
    hops_ = std::move(*hops);
    auto paths = PathMtus::open(io_, [this] { publish_soon(); });
    if (!paths) return Error{paths.error()};
    paths_ = std::move(*paths);
    routes_ = std::make_unique<publish::Routes>(*hops_, *paths_, *engine_, model_.dataplane.snat,
                                                host_ports ? *host_ports : publish::PortRange{});
    balancer_ = std::make_unique<publish::Balancer>(
        engine_->view(), [this](std::uint64_t generation) { engine_->wait_seen(generation); });
    checker_ = std::make_unique<Checker>(
        io_, [this](const std::string& target, bool healthy, const std::string& reason) {
            health_changed(target, healthy, reason);
        });

    auto& directory = balancer_->directory();
    directory.engine = engine_name_;
    directory.engine_reason = engine_reason_;
    directory.ports = publish::describe_ports(engine_->host_link(), engine_->ports());
    note_interfaces();
    const auto status =
        balancer_->configure(model_, publish::port_addresses(engine_->ports(), *network_));
    if (!status) return status;
    watch_backends();
    if (const auto published = publish(); !published) return published;
    backend_log_.sum_up();
    probe_targets_changed();
    return success();
}

void Application::watch_backends() {
    const auto addresses = balancer_->backend_addresses();
    hops_->watch(addresses);
    paths_->watch(addresses);
    wait_for_next_hops();
}

// A neighbour answers within milliseconds or not at all: a short wait spares the first clients a
// refusal.
void Application::wait_for_next_hops() {
    const auto deadline = std::chrono::steady_clock::now() + 500ms;
    const auto backends = balancer_->backend_addresses();
    looking_up_ = true;
    while (!routes_->settled(backends) && std::chrono::steady_clock::now() < deadline) {
        io_.restart();
        io_.run_one_for(20ms);
    }
    looking_up_ = false;
    io_.restart();
}

void Application::warn_shared_sources() {
    for (const IpAddress& source : publish::shared_sources(model_, balancer_->writer().backends()))
        if (warned_sources_.insert(source).second)
            log::warn(
                "backends see {}, an address of services that the other balancers of icmp_peers "
                "have too: replies may go to one of these, which does not know the flow; give "
                "\"snat\" an address that this balancer has alone",
                source.to_string());
}

Status Application::start_api() {
    auto server = api::Server::listen(
        io_, fmt::format("{}/{}.sock", runtime_directory, model_.dataplane.instance),
        [this](const nlohmann::json& request) { return answer(request); });
    if (!server) return Error{server.error()};
    api_ = std::move(*server);
    return success();
}

nlohmann::json Application::answer(const nlohmann::json& request) {
    return api::answer({engine_->view(), balancer_->directory(), monotonic_ns(), engine_->traffic(),
                        engine_->workers()},
                       request);
}

void Application::run() {
    io_.restart();
    io_.run();
}

Status Application::reserve(const config::Model& configured) {
    return reservations_.replace(publish::listens_of(configured));
}

Status Application::check_ways(const config::Model& model) {
    auto netlink = Netlink::open();
    if (!netlink) return Error{netlink.error()};
    for (const std::string& sentence : publish::doubtful_sources(*netlink, model))
        log::warn("{}", sentence);
    return publish::check_ways(*netlink, model);
}

void Application::warn_unchangeable(const config::Model& model) const {
    if (publish::would_differ(model_.dataplane, model.dataplane))
        log::warn(
            "the dataplane block has changed; its settings count from the next start of weir");
}

// The tables take the new configuration, or everything stays as it was.
Status Application::adopt(config::Model model) {
    const config::Model& before = model_;
    if (const auto status = check_ways(model); !status) return status;
    if (const auto status = reserve(model); !status) return status;
    const auto wildcard = publish::port_addresses(engine_->ports(), *network_);
    if (const auto status = balancer_->configure(model, wildcard); !status) {
        if (const auto restored = reserve(before); !restored) log::error("{}", restored.error());
        return status;
    }
    watch_backends();
    backend_log_.forget();  // a reload shows all that is not well
    if (const auto status = publish(); !status) {
        auto restored = reserve(before);
        if (restored) restored = balancer_->configure(before, wildcard);
        if (!restored) log::error("{}", restored.error());
        watch_backends();
        publish_now();
        return status;
    }
    warn_unchangeable(model);
    model.dataplane = before.dataplane;
    model_ = std::move(model);
    backend_log_.sum_up();
    probe_targets_changed();
    return success();
}

void Application::reload() {
    log::notice("signal 1 (SIGHUP) received, reconfiguring");
    auto parsed = reread_();
    if (!parsed) {
        log::emerg("{}", parsed.error());
        log::error("the configuration was not changed");
        return;
    }
    for (const config::Message& message : parsed->messages) log::write(message.level, message.text);
    const std::string target = parsed->model.core.error_log.target;
    if (const auto status = log::init(target, parsed->model.core.error_log.level); !status)
        log::error("{}", status.error());
    if (const auto status = adopt(std::move(parsed->model)); !status) {
        log::emerg("{}", status.error());
        log::error("the configuration was not changed");
        return;
    }
    log::notice("reconfigured: generation {}", balancer_->writer().generation());
}

void Application::publish_soon() {
    if (publish_pending_ || stopping_) return;
    publish_pending_ = true;
    boost::asio::post(io_, [this] {
        publish_pending_ = false;
        if (!stopping_) publish_now();
    });
}

void Application::publish_now() {
    const auto status = publish();
    unpublished_ = !status.ok();
    if (!status) log::alert("the tables are those of before, not published: {}", status.error());
}

Status Application::publish() {
    const auto status = balancer_->publish(
        [this](const IpAddress& backend, std::uint16_t id) { return routes_->to(backend, id); });
    if (!status) return status;
    balancer_->directory().ports = publish::describe_ports(engine_->host_link(), engine_->ports());
    engine_->published(balancer_->writer().services(), balancer_->writer().backends());
    warn_shared_sources();
    if (!looking_up_) backend_log_.note(balancer_->directory());
    return success();
}

void Application::probe_targets_changed() {
    std::vector<Checker::Target> targets;
    for (const publish::ProbeTarget& target : balancer_->probe_targets())
        targets.push_back({target_name(target), target.address, target.port, target.check});
    checker_->replace(targets);
}

void Application::health_changed(const std::string& name, bool healthy, const std::string& reason) {
    for (const publish::ProbeTarget& target : balancer_->probe_targets()) {
        if (target_name(target) != name) continue;
        balancer_->note_health(target.id, healthy, reason);
        const auto where = to_string(target.address, target.port);
        if (healthy)
            log::warn("backend {} is healthy again, it gets new flows", where);
        else
            log::error("backend {} is unhealthy, it gets no new flows: {}", where, reason);
    }
    publish_soon();
}

// A dataplane that starts again may take its ports in another way.
void Application::turn_off_merging() {
    if (const auto status = merging_->turn_off(engine_->ports()); !status)
        log::warn("{}", status.error());
}

void Application::note_interfaces() {
    balancer_->note_interfaces(
        publish::port_interfaces(engine_->host_link(), engine_->ports(), *network_));
}

void Application::network_changed(const Changes& changes) {
    if (!changes.links || stopping_) return;
    if (engine_->follow(*network_)) turn_off_merging();
    note_interfaces();
    // An address of a port came or went: `listen` without an address follows.
    const auto wildcard = publish::port_addresses(engine_->ports(), *network_);
    if (const auto status = balancer_->configure(model_, wildcard); !status)
        log::error("{}", status.error());
    publish_soon();
}

void Application::housekeep() {
    housekeeping_.expires_after(5s);
    housekeeping_.async_wait([this](const boost::system::error_code& error) {
        if (error || stopping_) return;
        if (balancer_->forget_unused(monotonic_ns()) || unpublished_) publish_soon();
        backend_log_.sum_up();
        housekeep();
    });
}

void Application::wait_signal() {
    signals_.async_wait([this](const boost::system::error_code& error, int number) {
        if (error || stopping_) return;
        switch (number) {
            case SIGHUP:
                reload();
                break;
            case SIGUSR1:
                if (const auto status = log::reopen(); !status) log::error("{}", status.error());
                break;
            case SIGQUIT:
                log::notice("signal 3 (SIGQUIT) received, gracefully shutting down");
                quit_gracefully();
                break;
            default:
                log::notice("signal {} ({}) received, exiting", number,
                            number == SIGTERM ? "SIGTERM" : "SIGINT");
                stop();
                return;
        }
        wait_signal();
    });
}

void Application::quit_gracefully() {
    balancer_->drain();
    publish_now();
    const auto bound = model_.core.worker_shutdown_timeout;
    check_drained(bound.count() == 0 ? std::chrono::steady_clock::time_point::max()
                                     : std::chrono::steady_clock::now() + bound);
}

void Application::check_drained(std::chrono::steady_clock::time_point deadline) {
    if (balancer_->live_flows(monotonic_ns()) == 0 ||
        std::chrono::steady_clock::now() >= deadline) {
        stop();
        return;
    }
    drain_timer_.expires_after(200ms);
    drain_timer_.async_wait([this, deadline](const boost::system::error_code& error) {
        if (!error && !stopping_) check_drained(deadline);
    });
}

void Application::stop() {
    stopping_ = true;
    if (engine_) engine_->stop();
    if (merging_) merging_->restore();
    api_.reset();
    checker_.reset();
    hops_.reset();
    paths_.reset();
    boost::system::error_code ignored;
    signals_.cancel(ignored);
    io_.stop();
}

}  // namespace weir
