// SPDX-License-Identifier: Apache-2.0
// What must hold of a packet that leaves, whatever engine ran: two builds of one source can be
// wrong together. Checksums that were right are right, those that were wrong are wrong, and what
// weir makes itself is right. Called by twins for every packet; knows the protocols, and nothing of
// weir but its reasons.
#pragma once

#include <optional>
#include <string>

#include "control/replay/runner.h"
#include "tests/fuzz/frame.h"

namespace weir::fuzz {

// What is wrong with what became of `came`; nothing: all is well.
std::optional<std::string> judge(const Bytes& came, const replay::Fate& fate);

}  // namespace weir::fuzz
