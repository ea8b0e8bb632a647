// SPDX-License-Identifier: Apache-2.0
#include "dataplane/numa.h"

#include <linux/ethtool.h>
#include <linux/mempolicy.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <bitset>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace weir::numa {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_nodes = 1024;  // what Linux can have

// "node3" -> 3
int node_number(const std::string& name) {
    const bool node = name.size() > 4 && name.starts_with("node") &&
                      name.find_first_not_of("0123456789", 4) == std::string::npos;
    return node ? std::atoi(name.c_str() + 4) : no_node;
}

}  // namespace

int node_of_cpu(unsigned cpu, const std::string& sys) {
    std::error_code missing;
    for (const auto& entry :
         fs::directory_iterator(sys + "/devices/system/cpu/cpu" + std::to_string(cpu), missing))
        if (const int node = node_number(entry.path().filename()); node != no_node) return node;
    return no_node;
}

int node_of_pci(const std::string& address, const std::string& sys) {
    std::ifstream file(sys + "/bus/pci/devices/" + address + "/numa_node");
    int node = no_node;
    return file >> node ? node : no_node;
}

bool several_nodes(const std::string& sys) {
    std::error_code missing;
    unsigned nodes = 0;
    for (const auto& entry : fs::directory_iterator(sys + "/devices/system/node", missing))
        nodes += node_number(entry.path().filename()) != no_node;
    return nodes > 1;
}

std::string pci_of(const std::string& interface) {
    ethtool_drvinfo info{};
    ifreq request{};
    info.cmd = ETHTOOL_GDRVINFO;
    interface.copy(request.ifr_name, IFNAMSIZ - 1);
    request.ifr_data = reinterpret_cast<char*>(&info);
    const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const int result = ::ioctl(socket, SIOCETHTOOL, &request);
    ::close(socket);
    return result == 0 ? std::string(info.bus_info, ::strnlen(info.bus_info, sizeof(info.bus_info)))
                       : std::string();
}

std::vector<Cpu> choose_cpus(std::span<const Cpu> usable, std::span<const int> port_nodes,
                             unsigned workers) {
    std::vector<Cpu> order(usable.rbegin(), usable.rend());
    std::ranges::stable_partition(order, [&](const Cpu& cpu) {
        return cpu.node != no_node && std::ranges::find(port_nodes, cpu.node) != port_nodes.end();
    });
    std::vector<Cpu> chosen;
    for (unsigned i = 0; i < workers; i++) chosen.push_back(order[i % order.size()]);
    return chosen;
}

Status move_to_node(std::span<std::byte> memory, std::size_t page, int node) {
    const auto start = (reinterpret_cast<std::uintptr_t>(memory.data()) + page - 1) / page * page;
    const auto end = reinterpret_cast<std::uintptr_t>(memory.data() + memory.size()) / page * page;
    if (node < 0 || start >= end) return success();
    std::bitset<most_nodes> nodes;
    nodes.set(static_cast<std::size_t>(node));
    if (::syscall(SYS_mbind, start, end - start, MPOL_PREFERRED, &nodes, most_nodes,
                  MPOL_MF_MOVE_ALL) != 0)
        return Error{std::string("mbind() failed (") + std::to_string(errno) + ": " +
                     std::strerror(errno) + ")"};
    return success();
}

}  // namespace weir::numa
