// SPDX-License-Identifier: Apache-2.0
// How nginx writes an errno: `111: Connection refused`. Used wherever control reports a failed
// system call.
#pragma once

#include <string>
#include <system_error>

namespace weir {

inline std::string system_error(int error) {
    return std::to_string(error) + ": " + std::generic_category().message(error);
}

}  // namespace weir
