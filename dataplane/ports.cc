// SPDX-License-Identifier: Apache-2.0
#include "dataplane/ports.h"

#include <net/if.h>
#include <rte_ethdev.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "dataplane/device.h"
#include "dataplane/steer.h"

namespace weir {
namespace {

constexpr unsigned tap_queues = 1;  // of each direction; workers share them

// The steering program as a file that net_af_xdp can open; -1 when there is no memory for it.
int steering_file() {
    const int file = ::memfd_create("weir_steer_xdp.o", MFD_CLOEXEC);
    const auto object = steer::xdp_object();
    if (file >= 0 &&
        ::write(file, object.data(), object.size()) != static_cast<ssize_t>(object.size())) {
        ::close(file);
        return -1;
    }
    return file;
}

std::string mac_text(const weir_mac& mac) {
    char text[18];
    std::snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", mac.byte[0], mac.byte[1],
                  mac.byte[2], mac.byte[3], mac.byte[4], mac.byte[5]);
    return text;
}

void describe(tables::PortReport& report, const std::string& name, const std::string& driver,
              tables::PortMode mode, const Device& device, const weir_mac& mac) {
    tables::copy_text(report.name, name);
    tables::copy_text(report.driver, driver);
    report.mode = mode;
    report.queues = device.rx_queues;
    report.tx_queues = device.tx_queues;
    report.spreads = device.spreads;
    report.queues_counted = static_cast<std::uint8_t>(
        counts_queues(device) ? std::min<unsigned>(std::max(device.rx_queues, device.tx_queues),
                                                   tables::queue_report_capacity)
                              : 0);
    report.node = static_cast<std::int16_t>(rte_eth_dev_socket_id(device.eth));
    report.mac = mac;
}

void describe_tap(tables::PortReport& report, const std::string& name, const Device& tap) {
    tables::copy_text(report.tap, name);
    report.tap_ifindex = ::if_nametoindex(name.c_str());
    report.tap_mac = mac_of(tap);
}

TxQueue tx_queue(Device& device, unsigned index, unsigned workers, std::uint64_t& dropped) {
    TxQueue queue;
    queue.dropped = &dropped;
    queue.eth = device.eth;
    queue.queue = static_cast<std::uint16_t>(index % device.tx_queues);
    queue.takes_segments = device.takes_segments;
    queue.shared = workers > device.tx_queues ? &device.locks[queue.queue] : nullptr;
    return queue;
}

// Queues go round the workers; a port with one queue is worker 0's.
void add_rx(std::vector<RxQueue>& rx, const Device& device, unsigned port, bool from_host,
            unsigned index, unsigned workers) {
    for (unsigned queue = 0; queue < device.rx_queues; queue++)
        if (queue % workers == index)
            rx.push_back({device.eth, static_cast<std::uint16_t>(queue),
                          static_cast<std::uint8_t>(port), from_host});
}

}  // namespace

Status Ports::open(const DataplaneOptions& options, const tables::View& tables,
                   tables::DataplaneArea& area) {
    workers_ = options.workers;
    interrupts_ = options.busy_poll != BusyPoll::on;
    rss_.emplace(Rss::key_from(tables.control->seed), options.workers);
    area.ports[0] = {};
    for (std::size_t unused = options.ports.size() + 1; unused < WEIR_PORT_CAPACITY; unused++)
        area.ports[unused] = {};
    auto link = start_vdev("net_tap0", "iface=" + options.host_link, tap());
    if (!link) return Error{link.error()};
    entries_.emplace_back().device = std::move(*link);
    describe(area.ports[0], options.host_link, "net_tap", tables::PortMode::exclusive,
             entries_[0].device, options.host_link_mac);
    describe_tap(area.ports[0], options.host_link, entries_[0].device);

    for (const PortOption& option : options.ports) {
        if (entries_.size() == WEIR_PORT_CAPACITY) return Error{"too many ports"};
        tables::PortReport& report = area.ports[entries_.size()];
        Entry& entry = entries_.emplace_back();
        const auto status =
            option.kind == PortOption::Kind::interface ? open_interface(option, in_force(tables),
                                                                        entry, report)
                                                       : open_exclusive(option, entry, report);
        if (!status) {
            entries_.pop_back();
            return status;
        }
    }
    return open_way_back(area.ports[0].tap_ifindex);
}

// With AF_XDP the kernel has no copy of what steering took.
Status Ports::open_way_back(unsigned host_link) {
    std::array<unsigned, WEIR_PORT_CAPACITY> ifindex{};
    for (std::size_t port = 0; port < entries_.size(); port++)
        ifindex[port] = entries_[port].steered_xdp;
    if (std::ranges::all_of(ifindex, [](unsigned index) { return index == 0; })) return success();
    return steer::attach_back(host_link, ifindex);
}

DeviceOptions Ports::port(unsigned rx_queues) const {
    return {rx_queues, workers_, port_buffers, interrupts_, &*rss_};
}

DeviceOptions Ports::tap() const {
    return {tap_queues, tap_queues, tap_buffers, interrupts_, nullptr};
}

Ports::Steered Ports::in_force(const tables::View& tables) {
    // acquire: pairs with the writer's release in publish
    const std::uint64_t generation = __atomic_load_n(&tables.control->generation, __ATOMIC_ACQUIRE);
    const std::size_t services = tables.control->service_capacity;
    const std::size_t backends = tables.control->backend_capacity;
    if (generation == 0) return {};
    return {tables.services.subspan((generation & 1) * services, services),
            tables.backends.subspan((generation & 1) * backends, backends), tables.control->ports};
}

// After a crash the tables still have flows. A packet of theirs that the kernel gets to see it
// answers with RST, so the tc program stands guard from before the old XDP program leaves until the
// new one's map is filled.
Status Ports::open_interface(const PortOption& option, const Steered& steered, Entry& entry,
                             tables::PortReport& report) {
    const unsigned ifindex = ::if_nametoindex(option.device.c_str());
    if (ifindex == 0) return Error{"there is no interface " + option.device};
    const bool left_behind = report.made_qdisc != 0 && report.ifindex == ifindex;
    const auto index = static_cast<unsigned>(entries_.size() - 1);
    const auto guard =
        steer::attach_tc(ifindex, steered.services, steered.backends, steered.ports, index);
    if (!guard) return Error{guard.error()};
    entry.steered_tc = ifindex;
    entry.made_qdisc = *guard || left_behind;
    report = {};
    report.ifindex = ifindex;
    report.made_qdisc = entry.made_qdisc;

    Status status = Error{};
    if (option.try_af_xdp) {
        status = open_af_xdp(option, entry, ifindex);
        if (status)
            status = steer::fill(ifindex, steered.services, steered.backends, steered.ports, index);
        if (status) status = steer::detach_tc(ifindex, entry.made_qdisc);
        if (status) {
            entry.steered_tc = 0;
            report.made_qdisc = 0;
            describe(report, option.device, "net_af_xdp", tables::PortMode::selected, entry.device,
                     mac_of(entry.device));
            return status;
        }
    }
    if (option.try_af_packet && entry.steered_xdp == 0) {
        // One queue for each worker, filled by the kernel's hash over them (PACKET_FANOUT_HASH).
        auto device = start_vdev("net_af_packet" + std::to_string(entries_.size() - 1),
                                 "iface=" + option.device + ",qpairs=" + std::to_string(workers_),
                                 port(workers_));
        if (device) {
            if (!status.error().empty())
                std::fprintf(stderr, "weir-dataplane: port %s is copied, because %s\n",
                             option.device.c_str(), status.error().c_str());
            entry.device = std::move(*device);
            describe(report, option.device, "net_af_packet", tables::PortMode::copied, entry.device,
                     mac_of(entry.device));
            return success();
        }
        status = Error{(status.error().empty() ? "" : status.error() + "; ") + device.error()};
    }
    if (entry.steered_xdp != 0) stop_device(entry.device);
    unsteer(entry);
    return status;
}

Status Ports::open_af_xdp(const PortOption& option, Entry& entry, unsigned ifindex) {
    if (const auto status = steer::detach_xdp(ifindex); !status) return status;
    const int file = steering_file();
    const unsigned queues = queues_of(option.device);
    auto device = start_vdev("net_af_xdp" + std::to_string(entries_.size() - 1),
                             "iface=" + option.device +
                                 ",start_queue=0,queue_count=" + std::to_string(queues) +
                                 ",busy_budget=0,xdp_prog=/proc/self/fd/" + std::to_string(file),
                             port(queues));
    ::close(file);
    if (!device) {
        steer::detach_xdp(ifindex).ok();
        return Error{device.error()};
    }
    entry.device = std::move(*device);
    entry.steered_xdp = ifindex;
    return success();
}

// net_af_xdp takes its program off itself; if it could not, this does.
void Ports::unsteer(const Entry& entry) {
    if (entry.steered_xdp != 0) steer::detach_xdp(entry.steered_xdp).ok();
    if (entry.steered_tc != 0) steer::detach_tc(entry.steered_tc, entry.made_qdisc).ok();
}

Status Ports::open_exclusive(const PortOption& option, Entry& entry, tables::PortReport& report) {
    report = {};
    const std::size_t comma = option.device.find(',');
    const bool pci = option.kind == PortOption::Kind::pci;
    auto device =
        pci ? start_device(option.device, port(workers_))
            : start_vdev(option.device.substr(0, comma),
                         comma == std::string::npos ? "" : option.device.substr(comma + 1),
                         port(workers_));
    if (!device) return Error{device.error()};
    entry.device = std::move(*device);
    const weir_mac mac = mac_of(entry.device);
    auto tap_device = start_vdev("net_tap" + std::to_string(entries_.size() - 1),
                                 "iface=" + option.tap + ",mac=" + mac_text(mac), tap());
    if (!tap_device) {
        stop_device(entry.device);
        return Error{tap_device.error()};
    }
    entry.has_tap = true;
    entry.tap = std::move(*tap_device);
    rte_eth_dev_info info;
    const bool known = rte_eth_dev_info_get(entry.device.eth, &info) == 0;
    describe(report, option.device, known ? info.driver_name : "unknown",
             tables::PortMode::exclusive, entry.device, mac);
    describe_tap(report, option.tap, entry.tap);
    return success();
}

WorkerLinks Ports::links_of(unsigned index, unsigned workers, tables::DataplaneArea& area) {
    WorkerLinks links;
    if (std::ranges::any_of(entries_, [](const Entry& entry) { return entry.device.spreads; }))
        links.rss = rss_;
    for (unsigned port = 0; port < entries_.size(); port++) {
        Entry& entry = entries_[port];
        add_rx(links.rx, entry.device, port, false, index, workers);
        links.port[port] = tx_queue(entry.device, index, workers, area.ports[port].tx_dropped);
        if (entry.steered_xdp != 0) {
            links.host[port] =
                tx_queue(entries_[0].device, index, workers, area.ports[0].tx_dropped);
            links.host[port].back = static_cast<std::uint8_t>(port);
        }
        if (!entry.has_tap) continue;
        add_rx(links.rx, entry.tap, port, true, index, workers);
        links.host[port] = tx_queue(entry.tap, index, workers, area.ports[port].tx_dropped);
    }
    return links;
}

void Ports::count(tables::DataplaneArea& area) {
    for (std::size_t port = 0; port < entries_.size(); port++) {
        rte_eth_stats stats;
        if (rte_eth_stats_get(entries_[port].device.eth, &stats) != 0) continue;
        tables::PortReport& report = area.ports[port];
        // relaxed: each number stands for itself (area.h)
        const auto set = [](std::uint64_t& to, std::uint64_t value) {
            __atomic_store_n(&to, value, __ATOMIC_RELAXED);
        };
        set(report.rx_packets, stats.ipackets);
        set(report.rx_bytes, stats.ibytes);
        set(report.tx_packets, stats.opackets);
        set(report.tx_bytes, stats.obytes);
        set(report.rx_missed, stats.imissed + entries_[port].device.drops.count());
        set(report.rx_no_buffer, stats.rx_nombuf);
        set(report.rx_errors, stats.ierrors);
        set(report.tx_errors, stats.oerrors);
        for (unsigned queue = 0; queue < report.queues_counted; queue++) {
            set(report.queue[queue].rx_packets, stats.q_ipackets[queue]);
            set(report.queue[queue].rx_bytes, stats.q_ibytes[queue]);
            set(report.queue[queue].tx_packets, stats.q_opackets[queue]);
            set(report.queue[queue].tx_bytes, stats.q_obytes[queue]);
            set(report.queue[queue].rx_errors, stats.q_errors[queue]);
        }
    }
}

Ports::~Ports() {
    for (Entry& entry : entries_) {
        stop_device(entry.device);
        if (entry.has_tap) stop_device(entry.tap);
        unsteer(entry);
    }
}

}  // namespace weir
