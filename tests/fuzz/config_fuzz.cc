// SPDX-License-Identifier: Apache-2.0
// libFuzzer's entry over the configuration parser. Built by clang only, by hand or in CI:
//   clang++ -std=c++20 -g -fsanitize=fuzzer,address,undefined -I. tests/fuzz/config_fuzz.cc
//     tests/fuzz/config_input.cc control/config/*.cc -lfmt -o config_fuzz
#include <cstddef>
#include <cstdint>
#include <string>

#include "tests/fuzz/config_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    weir::config::parse_input(std::string(reinterpret_cast<const char*>(data), size));
    return 0;
}
