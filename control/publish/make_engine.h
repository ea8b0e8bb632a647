// SPDX-License-Identifier: Apache-2.0
// The one place that knows which engines there are.
#pragma once

#include <memory>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "control/config/model.h"
#include "control/publish/engine.h"
#include "control/publish/sizing.h"
#include "dataplane/tables/result.h"

namespace weir::publish {

Result<std::unique_ptr<Engine>> make_engine(boost::asio::io_context& io, config::Engine engine,
                                            const config::Dataplane& dataplane,
                                            const config::Core& core, std::vector<Port> ports,
                                            Needs needs);

// The engine would be another one, or have other settings: they count from the next start.
bool would_differ(const config::Dataplane& now, const config::Dataplane& next);

}  // namespace weir::publish
