// SPDX-License-Identifier: Apache-2.0
#include "dataplane/socket_drops.h"

#include <linux/if_packet.h>
#include <linux/if_xdp.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <string>

namespace weir {
namespace {

// AF_XDP, AF_PACKET, ...; -1: no socket.
int domain_of(int descriptor) {
    int domain = -1;
    socklen_t length = sizeof(domain);
    return ::getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &domain, &length) == 0 ? domain : -1;
}

}  // namespace

std::vector<int> SocketDrops::sockets() {
    std::vector<int> found;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", error)) {
        const std::string name = entry.path().filename();
        int descriptor = -1;
        std::from_chars(name.data(), name.data() + name.size(), descriptor);
        const int domain = domain_of(descriptor);
        if (domain == AF_XDP || domain == AF_PACKET) found.push_back(descriptor);
    }
    std::ranges::sort(found);
    return found;
}

std::uint64_t SocketDrops::count() {
    std::uint64_t packets = 0;
    for (const int socket : watched_) {
        // What AF_XDP had no buffer for (rx_dropped) is in net_af_xdp's imissed already. A kernel
        // before 5.9 fills the first part only.
        xdp_statistics xdp{};
        socklen_t length = sizeof(xdp);
        if (::getsockopt(socket, SOL_XDP, XDP_STATISTICS, &xdp, &length) == 0)
            packets += xdp.rx_ring_full;
        // packet(7): reading resets it, so a driver that reads it too has the rest.
        tpacket_stats packet{};
        length = sizeof(packet);
        if (::getsockopt(socket, SOL_PACKET, PACKET_STATISTICS, &packet, &length) == 0)
            taken_ += packet.tp_drops;
    }
    return packets + taken_;
}

}  // namespace weir
