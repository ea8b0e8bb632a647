// SPDX-License-Identifier: Apache-2.0
#include "control/publish/shared_sources.h"

#include <algorithm>

#include "control/publish/convert.h"

namespace weir::publish {

std::vector<config::IpAddress> shared_sources(const config::Model& model,
                                              std::span<const weir_backend> backends) {
    std::vector<config::IpAddress> shared;
    if (model.dataplane.icmp_peers.empty()) return shared;
    for (const weir_backend& backend : backends) {
        if (!(backend.flags & WEIR_BACKEND_REACHABLE) || backend.mode != WEIR_MODE_NAT) continue;
        const config::IpAddress source = from_addr(backend.snat);
        const bool served = std::ranges::any_of(
            model.services,
            [&](const config::Service& service) { return service.address == source; });
        if (served && std::ranges::find(shared, source) == shared.end()) shared.push_back(source);
    }
    return shared;
}

}  // namespace weir::publish
