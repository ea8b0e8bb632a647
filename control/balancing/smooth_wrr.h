// SPDX-License-Identifier: Apache-2.0
// nginx's smooth weighted round robin as a table. The algorithm is periodic, so its whole period
// can be computed when a generation is built and the packet program only counts through it. Called
// when tables are built, never per packet.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace weir {

// One period: the index into `weights` of each successive pick, from nginx's state after start. A
// weight of 0 takes a peer out. When the period (the sum of the weights over their greatest common
// divisor) would exceed `max_length`, the weights are scaled down, to 1 at least; so `max_length`
// must not be less than the number of peers.
std::vector<std::uint32_t> smooth_wrr_sequence(std::span<const unsigned> weights,
                                               std::size_t max_length);

}  // namespace weir
