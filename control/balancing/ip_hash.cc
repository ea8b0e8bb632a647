// SPDX-License-Identifier: Apache-2.0
// See ip_hash.h. The weights are not reduced by their greatest common divisor: nginx takes the hash
// modulo their plain sum.
#include "control/balancing/ip_hash.h"

#include <algorithm>

namespace weir {

std::vector<std::uint32_t> ip_hash_slots(std::span<const unsigned> weights) {
    std::vector<std::uint32_t> slots;
    for (std::size_t i = 0; i < weights.size() && slots.size() < ip_hash_range; ++i) {
        const std::size_t room = ip_hash_range - slots.size();
        slots.insert(slots.end(), std::min<std::size_t>(weights[i], room),
                     static_cast<std::uint32_t>(i));
    }
    return slots;
}

}  // namespace weir
