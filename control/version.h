// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace weir {

inline constexpr const char* version = WEIR_VERSION;  // from meson.build
inline constexpr const char* compiler = "gcc " __VERSION__;

}  // namespace weir
