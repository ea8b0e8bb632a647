// SPDX-License-Identifier: Apache-2.0
// One fuzzer input through the parser, as the text of a file.
// Shared by the libFuzzer target and by the unit test.
#pragma once

#include <string>

namespace weir::config {

// Parses `text` as a file without resolving names; reads no other file. Aborts when an error has no
// text, or when a model that was accepted breaks a promise of model.h.
void parse_input(const std::string& text);

}  // namespace weir::config
