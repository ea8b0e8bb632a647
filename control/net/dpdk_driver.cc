// SPDX-License-Identifier: Apache-2.0
// Looks up the kernel driver of a port and says whether DPDK can use it. See dpdk_driver.h.
#include "control/net/dpdk_driver.h"

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "control/net/ethtool.h"

namespace weir {
namespace {

// mlx4's interface says mlx4_en, its PCI device mlx4_core; mana is Microsoft's (DPDK 22.11 and
// newer).
constexpr std::string_view bifurcated[] = {"mlx5_core", "mlx4_en", "mlx4_core", "mana"};
constexpr std::string_view user_space[] = {"vfio-pci", "uio_pci_generic", "igb_uio"};

template <std::size_t size>
bool among(const std::string_view (&names)[size], const std::string& name) {
    return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

}  // namespace

DpdkDriver dpdk_driver(const std::string& interface) {
    Result<DriverInfo> info = driver_info(interface);
    if (!info) return {std::nullopt, "", info.error()};
    if (among(bifurcated, info->driver)) {
        return {
            info->driver, info->bus,
            interface + " has the driver " + info->driver + ", which DPDK shares with the kernel"};
    }
    return {std::nullopt, info->bus,
            interface + " has the kernel driver " + info->driver +
                ", which DPDK cannot share (a NIC bound to vfio-pci is given by its PCI address)"};
}

DpdkDriver dpdk_driver_of_pci(const std::string& address) {
    namespace fs = std::filesystem;
    std::error_code code;
    const fs::path device = fs::path("/sys/bus/pci/devices") / address;
    // The address comes from a file: nothing but a name may reach the path.
    if (address.empty() || address.find('/') != std::string::npos || !fs::exists(device, code)) {
        return {std::nullopt, address, "there is no PCI device " + address};
    }
    const fs::path target = fs::read_symlink(device / "driver", code);
    if (code) {
        return {std::nullopt, address,
                "PCI device " + address +
                    " has no driver: bind it (dpdk-devbind.py --bind=vfio-pci " + address + ")"};
    }
    const std::string driver = target.filename().string();
    if (among(user_space, driver) || among(bifurcated, driver)) {
        return {driver, address, "PCI device " + address + " has the driver " + driver};
    }
    return {std::nullopt, address,
            "PCI device " + address + " has the kernel driver " + driver +
                ": bind it (dpdk-devbind.py --bind=vfio-pci " + address + ")"};
}

}  // namespace weir
