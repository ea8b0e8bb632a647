// SPDX-License-Identifier: Apache-2.0
// What ethtool(8) shows and sets: driver, channels, offloads. Called by the engine's choice, by the
// host link and by start-up messages. Uses the ioctls, which work in any namespace (/sys/class/net
// does not).
#pragma once

#include <string>

#include "dataplane/tables/result.h"

namespace weir {

// One SIOCETHTOOL ioctl with a struct of linux/ethtool.h; 0 or an errno.
int ethtool(const std::string& interface, void* command);

struct DriverInfo {
    std::string driver;  // "mlx5_core", "virtio_net", "veth"
    std::string bus;     // PCI address; empty for software devices
};
Result<DriverInfo> driver_info(const std::string& interface);

struct Channels {
    unsigned rx = 0;  // receive queues in use, combined ones included
    unsigned rx_maximum = 0;
    unsigned tx = 0;
};
Result<Channels> channels(const std::string& interface);

enum class Offload { rx_checksum, tx_checksum, tso, gso, gro };
Result<bool> offload(const std::string& interface, Offload offload);

// Whether the driver takes VLAN tags off what it receives (rxvlan), so that XDP cannot see them.
Result<bool> takes_tags_off(const std::string& interface);

// Success when it already is as asked, also where the driver cannot change it.
Status set_offload(const std::string& interface, Offload offload, bool on);

}  // namespace weir
