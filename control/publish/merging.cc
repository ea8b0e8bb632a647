// SPDX-License-Identifier: Apache-2.0
#include "control/publish/merging.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include "control/log/log.h"
#include "control/net/link_features.h"
#include "control/publish/xdp_engine.h"

namespace weir::publish {
namespace {

const std::vector<std::string> merging_features{"rx-gro", "rx-gro-hw", "rx-gro-list", "rx-lro",
                                                "rx-udp-gro-forwarding"};

bool sees_merged_packets(const Port& port) {
    if (port.is_vlan() || port.configured.kind != config::Port::Kind::interface) return false;
    return port.mode == "copied" || port.mode == "generic" || runs_generic_xdp(port.ifindex);
}

}  // namespace

// Lines of an interface and its features.
Merging::Merging(std::string file) : file_(std::move(file)) {
    std::ifstream lines(file_);
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string interface;
        words >> interface;
        for (std::string feature; words >> feature;) off_[interface].push_back(feature);
    }
}

Status Merging::turn_off(const std::vector<Port>& ports) {
    std::string failures;
    for (const Port& port : ports) {
        if (!sees_merged_packets(port)) continue;
        const std::string& interface = port.configured.device;
        const auto on = features_on(interface, merging_features);
        Status status = on ? success() : Status(Error{on.error()});
        if (on && !on->empty()) {
            auto& known = off_[interface];
            for (const std::string& feature : *on)
                if (std::ranges::find(known, feature) == known.end()) known.push_back(feature);
            save();
            status = set_features(interface, *on, false);
            log::notice(
                "port {}: packets are seen after the kernel has merged them; turned off "
                "until weir ends: {}",
                interface, fmt::join(*on, ", "));
        }
        if (!status)
            failures += fmt::format(
                "{}port {} gets merged packets, which weir cannot forward: {}; "
                "turn merging off: ethtool -K {} gro off lro off",
                failures.empty() ? "" : "; ", interface, status.error(), interface);
    }
    if (!failures.empty()) return Error{failures};
    return success();
}

void Merging::restore() {
    for (const auto& [interface, features] : off_)
        if (const auto status = set_features(interface, features, true); !status)
            log::warn("{}", status.error());
    off_.clear();
    std::error_code ignored;
    std::filesystem::remove(file_, ignored);
}

void Merging::save() const {
    std::ofstream lines(file_);
    for (const auto& [interface, features] : off_)
        lines << fmt::format("{} {}\n", interface, fmt::join(features, " "));
    if (!lines.flush())
        log::warn(
            "{} cannot be written; a weir that starts after a crash will not turn merging on "
            "again",
            file_);
}

}  // namespace weir::publish
