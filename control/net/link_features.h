// SPDX-License-Identifier: Apache-2.0
// An interface's features by their names, as `ethtool -k` lists those that have no option of their
// own: "rx-gro", "rx-lro", ... For what the single offloads of ethtool.h do not cover.
#pragma once

#include <string>
#include <vector>

#include "dataplane/tables/result.h"

namespace weir {

// Of these features, those that are on and can be changed. One that the kernel does not know is not
// on.
Result<std::vector<std::string>> features_on(const std::string& interface,
                                             const std::vector<std::string>& names);

// Turns all of them on or off. An error also when the driver leaves one as it was.
Status set_features(const std::string& interface, const std::vector<std::string>& names, bool on);

}  // namespace weir
