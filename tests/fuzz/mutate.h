// SPDX-License-Identifier: Apache-2.0
// What the packet fuzzer changes in a frame and in tables. One call, one change. Called by
// scenario; never looks at what weir makes of it.
#pragma once

#include <nlohmann/json.hpp>

#include "tests/fuzz/choices.h"
#include "tests/fuzz/frame.h"

namespace weir::fuzz {

// `other` is some other frame, to take parts from.
void mutate(Bytes& frame, const Bytes& other, Choices& choices);

// A generation of a row (tests/packets/lab.py): a field of one service or backend. `same_ids`: a
// backend's id goes on meaning what it did, as control keeps it while flows may name it.
void mutate_tables(nlohmann::json& generation, bool same_ids, Choices& choices);

// Whether a mode that keeps the client's address would have to bring it to the other family, which
// weir -t refuses.
bool crosses_families(const nlohmann::json& generation);

}  // namespace weir::fuzz
