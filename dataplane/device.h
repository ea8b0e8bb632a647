// SPDX-License-Identifier: Apache-2.0
// One ethdev from name to started: probes a vdev, gives it buffers and queues. Called by ports.cc
// at start.
#pragma once

#include <string>

#include "dataplane/ports.h"
#include "dataplane/tables/result.h"

namespace weir {

// Packet buffers for each receive queue; 2^n - 1 wastes least (rte_mempool.h).
inline constexpr unsigned port_buffers = 8191;
inline constexpr unsigned tap_buffers = 2047;

// Creates the vdev `name` with these arguments and starts it with up to `rx_queues` queues. After
// an error the vdev is gone again.
Result<Device> start_vdev(const std::string& name, const std::string& arguments, unsigned rx_queues,
                          unsigned workers, unsigned buffers = port_buffers);

// Starts a device that exists already (PCI).
Result<Device> start_device(const std::string& name, unsigned rx_queues, unsigned workers,
                            unsigned buffers = port_buffers);

void stop_device(const Device& device);

weir_mac mac_of(const Device& device);

// Receive queues that the kernel's interface has (ETHTOOL_GCHANNELS); 1 where the driver does not
// say.
unsigned queues_of(const std::string& interface);

}  // namespace weir
