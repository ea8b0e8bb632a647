// SPDX-License-Identifier: Apache-2.0
// Where a client's packet would go, and why, step by step. Called for {"explain": ...} requests,
// and by `weirctl explain --config` on tables of its own. The packet program itself answers, on
// copies of what it would write (trial_env.h): nothing of the balancer changes.
#pragma once

#include "control/api/report.h"
#include "dataplane/tables/result.h"

namespace weir::api {

// `question` is {"client": "10.0.0.2:4242", "service": "10.0.0.10:80", "protocol": "tcp"}. The
// answer's "steps" are sentences in order; its other keys are what they were made from.
Result<nlohmann::json> explain(const Sources& sources, const nlohmann::json& question);

}  // namespace weir::api
