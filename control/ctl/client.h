// SPDX-License-Identifier: Apache-2.0
// weirctl's side of the API: one request, one answer, over the instance's UNIX socket. Called by
// the commands. It waits a bounded time and says in one sentence what stands in the way.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "dataplane/tables/result.h"

namespace weir::ctl {

// The sentence of an answer that is a refusal.
std::optional<std::string> refusal(const nlohmann::json& answer);

Result<nlohmann::json> ask(const std::string& socket_path, const nlohmann::json& request);

}  // namespace weir::ctl
