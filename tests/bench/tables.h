// SPDX-License-Identifier: Apache-2.0
// The shared tables of a benchmark: a segment as weir makes it, in huge pages where there are any,
// that goes with the process. Sizes follow from the Geometry alone; no record's layout is known
// here.
#pragma once

#include <cstdint>
#include <string>

#include "dataplane/tables/segment.h"
#include "tests/bench/options.h"

namespace weir::bench {

// As many flows of those wanted as the memory allows.
struct Size {
    tables::Geometry geometry;
    std::uint64_t flows = 0;
    std::string note;  // says so when they are fewer
};
Size size_for(std::uint64_t flows, const Options& options);

// Of memory for each flow, in a table made for so many.
double bytes_per_flow(std::uint64_t flows);

// Ends the program with a sentence when there is no memory.
tables::Segment make_tables(const tables::Geometry& geometry, const Options& options);

}  // namespace weir::bench
