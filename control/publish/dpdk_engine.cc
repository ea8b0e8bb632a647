// SPDX-License-Identifier: Apache-2.0
#include "control/publish/dpdk_engine.h"

#include <fmt/format.h>
#include <limits.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <random>
#include <thread>

#include "control/log/log.h"
#include "control/net/interface.h"
#include "control/net/link_counters.h"
#include "control/net/next_hop.h"
#include "control/publish/dpdk_report.h"
#include "control/publish/follow.h"
#include "control/publish/leftovers.h"
#include "control/publish/link_names.h"
#include "control/publish/vlan_ports.h"
#include "dataplane/steer.h"

namespace weir::publish {
namespace {

using namespace std::chrono_literals;
using tables::DataplaneState;

// Locally administered; both ends of the host link are weir's own, so it need not be unique on any
// wire.
constexpr MacAddress dataplane_mac{0x02, 0x77, 0x65, 0x69, 0x72, 0x01};

constexpr auto patience_to_start = 20s;
constexpr auto patience_to_end = 5000ms;

// Beside weir itself: installed in one folder, or as the build tree has it.
std::string dataplane_program() {
    char self[PATH_MAX] = "";
    const ssize_t length = ::readlink("/proc/self/exe", self, sizeof(self) - 1);
    const std::filesystem::path folder =
        std::filesystem::path(std::string(self, length > 0 ? static_cast<std::size_t>(length) : 0))
            .parent_path();
    for (const auto& candidate :
         {folder / "weir-dataplane", folder / "../dataplane/weir-dataplane"})
        if (::access(candidate.c_str(), X_OK) == 0) return candidate.lexically_normal();
    return folder / "weir-dataplane";
}

DataplaneState state_of(const tables::DataplaneArea& area) {
    return __atomic_load_n(&area.state, __ATOMIC_ACQUIRE);
}

std::string port_argument(const Port& port) {
    const config::Port& configured = port.configured;
    switch (configured.kind) {
        case config::Port::Kind::pci:
            return fmt::format("pci:{},tap={}", configured.device, configured.name);
        case config::Port::Kind::vdev:
            return fmt::format("vdev:{},tap={}", configured.device, configured.name);
        default:
            break;
    }
    std::string text = fmt::format("iface:{}", configured.device);
    if (configured.driver == config::Port::Driver::af_packet) text += ",driver=af_packet";
    if (configured.driver == config::Port::Driver::af_xdp) text += ",driver=af_xdp";
    return text;
}

bool is_interface(const Port& port) {
    return port.configured.kind == config::Port::Kind::interface;
}

const char* busy_poll_word(config::BusyPoll mode) {
    switch (mode) {
        case config::BusyPoll::on:
            return "on";
        case config::BusyPoll::off:
            return "off";
        default:
            return "auto";
    }
}

}  // namespace

DpdkEngine::DpdkEngine(boost::asio::io_context& io, config::Dataplane dataplane, unsigned workers,
                       std::string log_file, std::vector<Port> ports, Needs needs)
    : io_(io),
      restart_timer_(io),
      dataplane_(std::move(dataplane)),
      workers_(workers),
      log_file_(std::move(log_file)),
      ports_(std::move(ports)),
      needs_(std::move(needs)),
      process_(io) {}

DpdkEngine::~DpdkEngine() = default;

Status DpdkEngine::start() {
    auto netlink = Netlink::open();
    if (!netlink) return Error{netlink.error()};
    netlink_.emplace(std::move(*netlink));
    remove_xdp_leftovers(dataplane_.instance);
    if (const auto status = open_segment(); !status) return status;

    const tables::DataplaneArea& area = segment_->area();
    const bool alive = state_of(area) == DataplaneState::ready && area.pid > 0 &&
                       ::kill(area.pid, 0) == 0 && segment_->claimed();
    if (alive && serves_as_configured()) {
        if (const auto status = process_.adopt(area.pid); !status) return status;
        log::notice("took over weir-dataplane (pid {}), which has gone on forwarding", area.pid);
    } else {
        if (alive) {
            log::notice(
                "weir-dataplane (pid {}) has other ports or another busy_poll than configured; "
                "restarting it",
                area.pid);
            if (process_.adopt(area.pid)) process_.end(patience_to_end);
        }
        if (const auto status = start_dataplane(); !status) return status;
    }
    if (const auto status = bring_up_ports(); !status) return status;
    watch();
    return success();
}

// The tables of an earlier run, so that its flows go on, or fresh ones. The earlier run may have
// put them elsewhere: what is free by now says nothing about that.
Status DpdkEngine::open_segment() {
    auto geometry = tables::Geometry::for_flows(dataplane_.flows, workers_, workers_);
    make_room(geometry, needs_);
    for (const std::string& path : tables::existing_segments(dataplane_.instance)) {
        if (!segment_ && take_over_segment(path, geometry)) continue;
        ::unlink(path.c_str());
    }
    adopted_ = segment_.has_value();
    if (adopted_) return success();
    std::random_device random;
    const std::uint64_t seed = (std::uint64_t{random()} << 32) | random();
    const std::string path = tables::segment_path(dataplane_.instance, geometry);
    auto fresh = tables::Segment::create(path, geometry, seed);
    if (!fresh) return Error{fresh.error()};
    segment_.emplace(std::move(*fresh));
    return success();
}

bool DpdkEngine::take_over_segment(const std::string& path, const tables::Geometry& wanted) {
    auto existing = tables::Segment::open(path);
    if (!existing) {
        log::warn("starting with empty tables: {}", existing.error());
        return false;
    }
    const weir_control& control = *existing->view().control;
    const bool same = control.flow_buckets == wanted.flow_buckets && control.workers == workers_;
    if (same && holds(tables::Geometry::of(control, control.workers), needs_)) {
        segment_.emplace(std::move(*existing));
        return true;
    }
    log::notice("{}; starting with empty tables",
                same ? "the tables of the earlier run are too small for the configuration"
                     : "the number of flows or workers has changed");
    const pid_t pid = existing->area().pid;
    if (pid > 0 && existing->claimed() && process_.adopt(pid)) process_.end(patience_to_end);
    return false;
}

bool DpdkEngine::serves_as_configured() const {
    const auto& reports = segment_->area().ports;
    if (std::string_view(segment_->area().busy_poll) != busy_poll_word(dataplane_.busy_poll))
        return false;
    std::size_t next = 1;  // VLANs, which it does not open, come last
    for (const Port& port : ports_)
        if (!port.is_vlan() && port.configured.device != reports[next++].name) return false;
    return next >= WEIR_PORT_CAPACITY || reports[next].name[0] == '\0';
}

std::vector<std::string> DpdkEngine::arguments() const {
    std::vector<std::string> argv{dataplane_program(),
                                  "--instance",
                                  dataplane_.instance,
                                  "--segment",
                                  segment_->path(),
                                  "--workers",
                                  std::to_string(workers_),
                                  "--busy-poll",
                                  busy_poll_word(dataplane_.busy_poll),
                                  "--host-link",
                                  link_names(dataplane_.instance).host,
                                  "--host-link-mac",
                                  to_string(dataplane_mac)};
    for (const Port& port : ports_) {
        if (port.is_vlan()) continue;
        argv.emplace_back("--port");
        argv.push_back(port_argument(port));
    }
    return argv;
}

Status DpdkEngine::start_dataplane() {
    segment_->area().state = DataplaneState::stopped;
    started_ = std::chrono::steady_clock::now();
    if (const auto status = process_.start(arguments(), log_file_); !status) return status;
    return wait_until_ready();
}

Status DpdkEngine::wait_until_ready() {
    const tables::DataplaneArea& area = segment_->area();
    const auto deadline = std::chrono::steady_clock::now() + patience_to_start;
    while (state_of(area) != DataplaneState::ready) {
        if (state_of(area) == DataplaneState::failed) {
            const std::string message = area.message;
            process_.end(patience_to_end);
            return Error{fmt::format("weir-dataplane: {}", message)};
        }
        if (!process_.running())
            return Error{
                fmt::format("weir-dataplane {} before it was ready; its messages are in the "
                            "error log",
                            process_.collect())};
        if (std::chrono::steady_clock::now() > deadline) {
            process_.end(patience_to_end);
            return Error{fmt::format("weir-dataplane was not ready within {} seconds ({})",
                                     std::chrono::seconds(patience_to_start).count(),
                                     area.message)};
        }
        std::this_thread::sleep_for(5ms);
    }
    return success();
}

// What the dataplane has opened, configured for the host: TAPs, MACs, the host link.
Status DpdkEngine::bring_up_ports() {
    const auto& reports = segment_->area().ports;
    for (std::size_t i = 0; i < ports_.size(); i++) {
        const tables::PortReport& report = reports[i + 1];
        Port& port = ports_[i];
        if (port.is_vlan()) continue;
        port.driver = report.driver;
        port.mode = mode_word(report.mode);
        std::ranges::copy(report.mac.byte, port.mac.begin());
        if (is_interface(port)) continue;
        auto tap = find_link(*netlink_, report.tap);
        if (!tap) return Error{tap.error()};
        port.ifindex = tap->index;
        for (const std::string& address : port.configured.addresses) {
            const auto network = parse_network(address);
            if (!network) return Error{network.error()};
            if (const auto status = add_address(*netlink_, *tap, *network); !status) return status;
        }
        if (const auto status = set_up(*netlink_, *tap, true); !status) return status;
    }
    const auto networks = link_networks(dataplane_.local_network, dataplane_.local_network6);
    if (!networks) return Error{networks.error()};
    auto link = configure_host_link(*netlink_, link_names(dataplane_.instance).host, *networks,
                                    dataplane_mac);
    if (!link) return Error{link.error()};
    link_ = std::move(*link);
    write_ports(*segment_->view().control, link_, 0, ports_);
    for (const Port& port : ports_)
        if (port.is_vlan())
            log::notice("port {}: {}", port.configured.name, vlan_text(port, ports_));
        else
            log::info("port {}: {}", port.configured.name, port.driver);
    return success();
}

void DpdkEngine::watch() {
    process_.on_exit([this](const std::string& how) {
        if (stopping_) return;
        log::alert("weir-dataplane {}; starting it again", how);
        restart_soon();
    });
}

// At once the first time; a dataplane that dies again and again is given more and more time.
void DpdkEngine::restart_soon() {
    quick_deaths_ = std::chrono::steady_clock::now() - started_ < 10s ? quick_deaths_ + 1 : 0;
    restart_timer_.expires_after(quick_deaths_ * 500ms > 10s ? 10s : quick_deaths_ * 500ms);
    restart_timer_.async_wait([this](const boost::system::error_code& error) {
        if (error || stopping_) return;
        auto status = start_dataplane();
        if (status) status = bring_up_ports();
        if (!status) {
            log::alert("{}", status.error());
            restart_soon();
            return;
        }
        watch();
        log::notice("weir-dataplane runs again (pid {})", process_.pid());
        if (on_restart_) on_restart_();
    });
}

void DpdkEngine::wait_seen(std::uint64_t generation) {
    const auto workers = segment_->view().workers;
    const auto deadline = std::chrono::steady_clock::now() + 1s;
    for (const weir_worker& worker : workers)
        // acquire: what the worker did with older generations is over when its new number is seen
        while (__atomic_load_n(&worker.generation, __ATOMIC_ACQUIRE) < generation) {
            if (!process_.running()) return;
            if (std::chrono::steady_clock::now() > deadline) {
                log::error("a worker has not taken generation {} for a second", generation);
                return;
            }
            std::this_thread::sleep_for(20us);
        }
}

void DpdkEngine::published(std::span<const weir_service> services,
                           std::span<const weir_backend> backends) {
    const std::span<const weir_port> records(segment_->view().control->ports);
    for (unsigned i = 0; i < ports_.size(); i++) {
        const Port& port = ports_[i];
        if (!is_interface(port) || port.is_vlan() || port.ifindex == 0) continue;
        if (const auto status = steer::fill(static_cast<unsigned>(port.ifindex), services, backends,
                                            records, i + 1);
            !status && process_.running())  // a new one fills the maps itself
            log::error("port {}: {}", port.configured.name, status.error());
    }
}

// A device of DPDK's stays with the interface that it has opened, so one that was made again takes
// a new process. A restart that is due already opens it too.
bool DpdkEngine::follow(const NetworkView& network) {
    const Followed followed = follow_interfaces(ports_, network);
    if (!followed.changed) return false;
    write_ports(*segment_->view().control, link_, 0, ports_);
    if (std::ranges::any_of(followed.replaced,
                            [this](std::size_t i) { return !ports_[i].is_vlan(); }) &&
        process_.running()) {
        log::notice("restarting weir-dataplane for it; flows go on");
        process_.end(patience_to_end);
        quick_deaths_ = 0;
        started_ = {};
        restart_soon();
    }
    return true;
}

std::vector<PortTraffic> DpdkEngine::traffic() {
    std::vector<PortTraffic> traffic;
    for (unsigned i = 0; i <= ports_.size(); i++) {
        traffic.push_back(port_traffic(i, segment_->area().ports[i]));
        if (i > 0 && is_interface(ports_[i - 1]) && !ports_[i - 1].is_vlan())
            traffic.back().xdp = driver_counters(ports_[i - 1].configured.device, "xdp");
    }
    return traffic;
}

std::vector<WorkerPlace> DpdkEngine::workers() const {
    std::vector<WorkerPlace> places;
    for (unsigned i = 0; i < workers_; i++) {
        const tables::WorkerReport& report = segment_->area().worker[i];
        places.push_back({report.cpu, known_node(report.node),
                          __atomic_load_n(&report.busy_permille, __ATOMIC_RELAXED) / 10.0});
    }
    return places;
}

void DpdkEngine::stop() {
    stopping_ = true;
    restart_timer_.cancel();
    process_.end(patience_to_end);
    remove_dpdk_folder(dataplane_.instance);
    if (segment_) {
        ::unlink(segment_->path().c_str());
        segment_.reset();
    }
}

}  // namespace weir::publish
