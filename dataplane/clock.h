// SPDX-License-Identifier: Apache-2.0
// The clock that flows, heartbeats and rests are measured by: CLOCK_MONOTONIC in nanoseconds, the
// same in every process. Called by the loops; what they call takes the time as an argument.
#pragma once

#include <time.h>

#include <cstdint>

namespace weir {

inline std::uint64_t monotonic_ns() {
    timespec now;
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000ull +
           static_cast<std::uint64_t>(now.tv_nsec);
}

}  // namespace weir
