// SPDX-License-Identifier: Apache-2.0
// Maglev's lookup table (Eisenbud et al., NSDI 2016, section 3.4), with weights. Called when tables
// are built. The table depends on the backends' names and weights only, never on their order or on
// what stood before, so that balancers that share a service agree without speaking to each other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace weir {

struct MaglevBackend {
    std::string_view name;
    unsigned weight = 1;  // 0: takes no slot
};

bool is_prime(std::size_t number);

// `size` slots, each the index of a backend; empty when no backend has weight. `size` must be
// prime, and a hundred times the number of backends for shares within a percent of their weights.
std::vector<std::uint32_t> maglev_table(std::span<const MaglevBackend> backends, std::size_t size);

}  // namespace weir
