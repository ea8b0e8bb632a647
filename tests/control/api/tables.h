// SPDX-License-Identifier: Apache-2.0
// Hand-filled tables for the API's tests: heap memory behind a View, one service with two backends.
#pragma once

#include <vector>

#include "control/publish/directory.h"
#include "dataplane/tables/view.h"

namespace weir::api::testing {

inline constexpr std::uint64_t second = 1000000000;
inline constexpr std::uint64_t now = 1000 * second;

struct HandFilled {
    explicit HandFilled(unsigned workers = 2, unsigned flow_sets = 2);

    // A live flow from client 10.0.0.<client>:40000 to 10.0.0.1:80, at place `number` of all sets.
    weir_flow& add_flow(std::size_t number, unsigned client, std::uint16_t backend,
                        weir_flow_state state = WEIR_FLOW_ESTABLISHED);

    weir_control control{};
    std::vector<weir_worker> workers;
    std::vector<weir_counters> counters;
    std::vector<weir_flow> flows;
    std::vector<weir_flow_refs> references;
    std::vector<weir_backend> backends;
    std::vector<weir_source> address_of_source;
    publish::Directory directory;
    tables::View view;
};

weir_addr v4(unsigned a, unsigned b, unsigned c, unsigned d);

}  // namespace weir::api::testing
