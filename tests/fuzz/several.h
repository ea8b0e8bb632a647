// SPDX-License-Identifier: Apache-2.0
// Cases that come to the same however many workers there are: no source port is chosen, for each
// worker has ports of its own, and nothing is scarce, for each has a share of the table and of the
// answers. What is left to differ is which worker a packet finds. Called by Scenario, and by the
// twins to compare what several workers keep with what one does.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "dataplane/tables/view.h"

namespace weir::fuzz {

// How clients' packets find the worker of their flow: by their port, as transparent services have
// it, or by their hash.
enum class Spread { by_port, by_hash };

void fit_to_workers(nlohmann::json& generation, Spread spread);

// All of a case but its steps.
void fit_case_to_workers(nlohmann::json& head, Spread spread);

// What differs between the tables of one worker and those of several, in what was live at `now`.
std::optional<std::string> differ(const tables::View& one, const tables::View& several,
                                  std::uint64_t now);

}  // namespace weir::fuzz
