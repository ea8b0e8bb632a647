// SPDX-License-Identifier: Apache-2.0
// Opens the ports of weir-dataplane and divides their queues among the workers. Setup only: nothing
// here runs per packet. Closing undoes what opening did to the kernel (steering programs, TAPs).
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "dataplane/device.h"
#include "dataplane/options.h"
#include "dataplane/tables/area.h"
#include "dataplane/tables/result.h"
#include "dataplane/tables/view.h"
#include "dataplane/worker.h"

namespace weir {

class Ports {
  public:
    Ports() = default;
    ~Ports();
    Ports(const Ports&) = delete;
    Ports& operator=(const Ports&) = delete;

    // Opens the host link and all ports, and reports them in `area`, which holds the reports of the
    // process before. Interfaces are steered by the generation that is in force in `tables`.
    Status open(const DataplaneOptions& options, const tables::View& tables,
                tables::DataplaneArea& area);

    // What worker `index` of `workers` polls and where it sends.
    // What a port does not take of it is counted in `area`.
    WorkerLinks links_of(unsigned index, unsigned workers, tables::DataplaneArea& area);

    // Reads the devices' counters into the reports.
    void count(tables::DataplaneArea& area);

  private:
    // What the kernel must not see of the packets on a shared interface.
    struct Steered {
        std::span<const weir_service> services;
        std::span<const weir_backend> backends;
        std::span<const weir_port> ports;
    };
    struct Entry {
        Device device;
        bool has_tap = false;
        Device tap;
        unsigned steered_tc = 0;  // ifindex with our tc program
        bool made_qdisc = false;
        unsigned steered_xdp = 0;  // ifindex with our XDP program
    };
    Status open_interface(const PortOption& option, const Steered& steered, Entry& entry,
                          tables::PortReport& report);
    Status open_way_back(unsigned host_link);
    Status open_af_xdp(const PortOption& option, Entry& entry, unsigned ifindex);
    DeviceOptions port(unsigned rx_queues) const;
    DeviceOptions tap() const;
    static void unsteer(const Entry& entry);
    static Steered in_force(const tables::View& tables);
    Status open_exclusive(const PortOption& option, Entry& entry, tables::PortReport& report);

    std::deque<Entry> entries_;  // by index into weir_control.ports
    unsigned workers_ = 1;
    bool interrupts_ = false;
    std::optional<Rss> rss_;  // set by open()
};

}  // namespace weir
