// SPDX-License-Identifier: Apache-2.0
// Whether DPDK can drive a port: used by `engine auto`. It only looks; it never binds or unbinds a
// device.
#pragma once

#include <optional>
#include <string>

namespace weir {

struct DpdkDriver {
    std::optional<std::string> driver;  // none: DPDK cannot take this port natively
    std::string pci;                    // its PCI address, where it has one
    std::string reason;                 // for the log, either way
};

// A kernel interface: only bifurcated drivers, which DPDK shares with the kernel.
DpdkDriver dpdk_driver(const std::string& interface);

// A PCI device: bound to a user-space driver, or to a bifurcated one.
DpdkDriver dpdk_driver_of_pci(const std::string& address);

}  // namespace weir
