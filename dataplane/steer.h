// SPDX-License-Identifier: Apache-2.0
// The steering programs of bifurcated ports (bpf/steer/): finds, attaches and detaches them, and
// fills their map. The dataplane attaches them when it opens a port; control fills them after each
// publish. No DPDK here, and nothing per packet. A program is found through the kernel, by its name
// on the interface, so that a restarted process needs no pins and no memory of its predecessor.
#pragma once

#include <cstddef>
#include <span>

#include "bpf/shared/tables.h"
#include "dataplane/tables/result.h"

namespace weir::steer {

// Makes the map of whatever steering program is on the interface hold exactly these services,
// backends, and VLANs of the port (an index among `ports`) that the interface is; additions come
// before deletions. An error when there is none.
Status fill(unsigned ifindex, std::span<const weir_service> services,
            std::span<const weir_backend> backends, std::span<const weir_port> ports,
            unsigned port);

// The XDP program as an ELF object, for net_af_xdp's `xdp_prog=`. Lives as long as the process.
std::span<const std::byte> xdp_object();

// Takes a steering program off that an earlier dataplane left behind; success when there is none. A
// stranger's program stays.
Status detach_xdp(unsigned ifindex);

// Drops at ingress what the kernel gets of weir's packets: with AF_PACKET for good, with AF_XDP
// while one XDP program takes another's place. It works from its first packet on, and takes an
// earlier one's place in one step. The value: whether the clsact qdisc was made here, and so is
// detach_tc()'s to remove.
Result<bool> attach_tc(unsigned ifindex, std::span<const weir_service> services,
                       std::span<const weir_backend> backends, std::span<const weir_port> ports,
                       unsigned port);
Status detach_tc(unsigned ifindex, bool remove_qdisc);

// On the host link: what comes with the source MAC weir_steer_back_mac(port) comes in again by the
// interface `ifindex[port]`. It goes with the interface.
Status attach_back(unsigned host_link, std::span<const unsigned> ifindex);

}  // namespace weir::steer
