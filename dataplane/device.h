// SPDX-License-Identifier: Apache-2.0
// One ethdev from name to started: probes a vdev, gives it buffers and queues. Called by ports.cc
// at start.
#pragma once

#include <rte_spinlock.h>

#include <cstdint>
#include <deque>
#include <string>

#include "bpf/shared/types.h"
#include "dataplane/rss.h"
#include "dataplane/socket_drops.h"
#include "dataplane/tables/result.h"

namespace weir {

// An ethdev that is configured and started.
struct Device {
    std::uint16_t eth = 0;
    std::uint16_t rx_queues = 1;
    std::uint16_t tx_queues = 1;
    bool takes_segments = false;
    bool spreads = false;              // DeviceOptions::rss is loaded
    std::string name;                  // of the DPDK device
    std::deque<rte_spinlock_t> locks;  // one a transmit queue
    SocketDrops drops;                 // of net_af_xdp and net_af_packet
};

// Packet buffers for each receive queue; 2^n - 1 wastes least (rte_mempool.h).
inline constexpr unsigned port_buffers = 8191;
inline constexpr unsigned tap_buffers = 2047;

struct DeviceOptions {
    unsigned rx_queues = 1;  // as many as the device has, at most
    unsigned workers = 1;    // that send
    unsigned buffers = port_buffers;
    bool interrupts = false;   // where the device has them: one for each receive queue
    const Rss* rss = nullptr;  // loaded where the device can have it
};

// Creates the vdev `name` with these arguments and starts it. After an error it is gone again.
Result<Device> start_vdev(const std::string& name, const std::string& arguments,
                          const DeviceOptions& options);

// Starts a device that exists already (PCI).
Result<Device> start_device(const std::string& name, const DeviceOptions& options);

void stop_device(const Device& device);

weir_mac mac_of(const Device& device);

// Whether the driver counts each queue's packets.
bool counts_queues(const Device& device);

// Receive queues that the kernel's interface has (ETHTOOL_GCHANNELS); 1 where the driver does not
// say.
unsigned queues_of(const std::string& interface);

}  // namespace weir
