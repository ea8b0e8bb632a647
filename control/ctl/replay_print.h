// SPDX-License-Identifier: Apache-2.0
// What replay says of each packet: a line of text, a line of JSON, a packet comment. Called by
// replay.cc. It only formats.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "control/publish/directory.h"
#include "control/replay/replay.h"

namespace weir::ctl {

std::string replay_header();
std::string replay_line(const replay::Packet& packet, double seconds,
                        const replay::Replayed& replayed, const publish::Directory& directory);
nlohmann::json replay_json(const replay::Packet& packet, double seconds,
                           const replay::Replayed& replayed, const publish::Directory& directory);
std::string replay_comment(const replay::Packet& packet, const replay::Replayed& replayed);

}  // namespace weir::ctl
