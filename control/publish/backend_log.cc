// SPDX-License-Identifier: Apache-2.0
#include "control/publish/backend_log.h"

#include <fmt/format.h>

#include <map>
#include <utility>

#include "control/log/log.h"

namespace weir::publish {
namespace {

constexpr std::size_t lines_at_once = 20;

bool takes_new_flows(const BackendInfo& backend) {
    return backend.state == "up" || backend.state == "standby";
}

}  // namespace

void BackendLog::note(const Directory& directory) {
    note_backends(directory);
    note_upstreams(directory);
}

void BackendLog::forget() {
    unreachable_.clear();
    dead_.clear();
}

void BackendLog::sum_up() {
    if (left_out_ > 0)
        log::warn(
            "{} more changes of backends and upstreams; {} backends are unreachable now, see "
            "weirctl show backends",
            left_out_, unreachable_.size());
    said_ = left_out_ = 0;
}

bool BackendLog::may_say() {
    if (said_ < lines_at_once) return ++said_ > 0;
    left_out_++;
    return false;
}

// One that health_check finds dead as well is still unreachable until it is seen to be back.
void BackendLog::note_backends(const Directory& directory) {
    std::set<std::string> unreachable;
    for (const BackendInfo& backend : directory.backends) {
        const std::string name = fmt::format("{} {} {} {}", backend.upstream, backend.mode,
                                             backend.address, backend.port);
        const bool before = unreachable_.contains(name);
        if (backend.state == "unreachable") {
            unreachable.insert(name);
            if (!before && may_say())
                log::error("backend {} of upstream {} is unreachable, it gets no new flows: {}",
                           backend.name, backend.upstream, backend.reason);
        } else if (before && backend.state == "unhealthy") {
            unreachable.insert(name);
        } else if (before && takes_new_flows(backend) && may_say()) {
            log::warn("backend {} of upstream {} is reachable again: {}", backend.name,
                      backend.upstream, backend.next_hop);
        }
    }
    unreachable_ = std::move(unreachable);
}

void BackendLog::note_upstreams(const Directory& directory) {
    std::map<std::pair<std::string, std::string>, bool> alive;  // by name and mode
    for (const BackendInfo& backend : directory.backends)
        if (backend.state != "draining")
            alive[{backend.upstream, backend.mode}] |= takes_new_flows(backend);
    std::set<std::string> dead;
    for (const auto& [upstream, lives] : alive) {
        const std::string name = fmt::format("{} {}", upstream.first, upstream.second);
        const bool before = dead_.contains(name);
        if (!lives) dead.insert(name);
        if (before == !lives || !may_say()) continue;
        if (lives)
            log::warn("upstream {} has a backend for new flows again", upstream.first);
        else
            log::error("upstream {} has no backend left for new flows", upstream.first);
    }
    dead_ = std::move(dead);
}

}  // namespace weir::publish
