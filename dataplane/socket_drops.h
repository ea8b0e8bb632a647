// SPDX-License-Identifier: Apache-2.0
// Packets that the kernel had for a port and that found its socket's ring full, because the worker
// was too slow. The kernel counts them at the socket, but net_af_xdp does not read that counter,
// and net_af_packet reads none (DPDK 22.11). The drivers keep their sockets to themselves, so these
// are found among the process's descriptors. Called by device.cc, and once a second by ports.cc; it
// never receives from a socket.
#pragma once

#include <cstdint>
#include <vector>

namespace weir {

class SocketDrops {
  public:
    // The descriptors of all AF_XDP and AF_PACKET sockets of this process, in ascending order.
    static std::vector<int> sockets();

    SocketDrops() = default;
    explicit SocketDrops(std::vector<int> watched) : watched_(std::move(watched)) {}

    // Since the sockets were made.
    std::uint64_t count();

  private:
    std::vector<int> watched_;
    std::uint64_t taken_ = 0;  // of what the kernel forgets once it has told
};

}  // namespace weir
