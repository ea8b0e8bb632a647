// SPDX-License-Identifier: Apache-2.0
// The SIOCETHTOOL ioctls behind ethtool.h.
#include "control/net/ethtool.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "control/log/system_error.h"

namespace weir {

int ethtool(const std::string& interface, void* command) {
    if (interface.empty() || interface.size() >= IFNAMSIZ) return ENODEV;
    const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return errno;
    ifreq request{};
    std::copy(interface.begin(), interface.end(), request.ifr_name);
    request.ifr_data = static_cast<char*>(command);
    const int error = ::ioctl(fd, SIOCETHTOOL, &request) < 0 ? errno : 0;
    ::close(fd);
    return error;
}

namespace {

struct OffloadCommands {
    std::uint32_t read;
    std::uint32_t write;
    const char* name;
};

OffloadCommands commands(Offload offload) {
    switch (offload) {
        case Offload::rx_checksum:
            return {ETHTOOL_GRXCSUM, ETHTOOL_SRXCSUM, "receive checksum"};
        case Offload::tx_checksum:
            return {ETHTOOL_GTXCSUM, ETHTOOL_STXCSUM, "transmit checksum"};
        case Offload::tso:
            return {ETHTOOL_GTSO, ETHTOOL_STSO, "TCP segmentation"};
        case Offload::gso:
            return {ETHTOOL_GGSO, ETHTOOL_SGSO, "generic segmentation"};
        case Offload::gro:
            return {ETHTOOL_GGRO, ETHTOOL_SGRO, "generic receive"};
    }
    return {};
}

std::string bounded(const char* text, std::size_t size) {
    return {text, ::strnlen(text, size)};
}

}  // namespace

Result<DriverInfo> driver_info(const std::string& interface) {
    ethtool_drvinfo info{};
    info.cmd = ETHTOOL_GDRVINFO;
    if (const int error = ethtool(interface, &info)) {
        return Error{"cannot read the driver of " + interface + " (" + system_error(error) + ")"};
    }
    return DriverInfo{bounded(info.driver, sizeof info.driver),
                      bounded(info.bus_info, sizeof info.bus_info)};
}

Result<Channels> channels(const std::string& interface) {
    ethtool_channels info{};
    info.cmd = ETHTOOL_GCHANNELS;
    const int error = ethtool(interface, &info);
    if (error == EOPNOTSUPP) return Channels{1, 1, 1};
    if (error) {
        return Error{"cannot read the channels of " + interface + " (" + system_error(error) + ")"};
    }
    return Channels{info.rx_count + info.combined_count, info.max_rx + info.max_combined,
                    info.tx_count + info.combined_count};
}

Result<bool> offload(const std::string& interface, Offload which) {
    const OffloadCommands command = commands(which);
    ethtool_value value{command.read, 0};
    const int error = ethtool(interface, &value);
    if (error == EOPNOTSUPP) return false;
    if (error) {
        return Error{std::string("cannot read the ") + command.name + " offload of " + interface +
                     " (" + system_error(error) + ")"};
    }
    return value.data != 0;
}

Result<bool> takes_tags_off(const std::string& interface) {
    ethtool_value flags{};
    flags.cmd = ETHTOOL_GFLAGS;
    if (const int error = ethtool(interface, &flags))
        return Error{"read the offloads of " + interface + " (" + system_error(error) + ")"};
    return (flags.data & ETH_FLAG_RXVLAN) != 0;
}

Status set_offload(const std::string& interface, Offload which, bool on) {
    Result<bool> now = offload(interface, which);
    if (!now) return Error{now.error()};
    if (*now == on) return success();
    const OffloadCommands command = commands(which);
    ethtool_value value{command.write, on};
    if (const int error = ethtool(interface, &value)) {
        return Error{std::string("cannot turn the ") + command.name + " offload of " + interface +
                     (on ? " on (" : " off (") + system_error(error) + ")"};
    }
    return success();
}

}  // namespace weir
