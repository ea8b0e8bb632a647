// SPDX-License-Identifier: Apache-2.0
// What a benchmark program says: one JSON object a line on standard output, one a case; run.py
// gathers them. Repeats are kept as samples, so that the median and the minimum can be told apart.
// It measures nothing.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <vector>

namespace weir::bench {

inline constexpr double unknown = std::numeric_limits<double>::quiet_NaN();  // null in JSON

struct Record {
    std::string name;
    std::string engine;
    std::string mode = "nat";
    std::string family = "ipv4";
    std::uint64_t flows = 0;
    double cycles_per_packet = unknown;
    double ceiling_cycles = unknown;  // the same loop, doing as little as it can
    double ns_per_packet = unknown;
    double instructions_per_packet = unknown;
    double bytes_per_flow = unknown;
    double mpps = unknown;
    std::map<std::string, double> also;  // what only this case has
    std::string note;                    // what a reader must know, a shrunk case for one
};

void print(const Record& record);

class Samples {
  public:
    void add(double sample) { samples_.push_back(sample); }
    std::size_t count() const { return samples_.size(); }
    double minimum() const { return quantile(0); }
    double median() const { return quantile(0.5); }
    double quantile(double part) const {
        if (samples_.empty()) return unknown;
        std::vector<double> sorted = samples_;
        const auto rank =
            static_cast<std::ptrdiff_t>(part * static_cast<double>(sorted.size() - 1));
        std::nth_element(sorted.begin(), sorted.begin() + rank, sorted.end());
        return sorted[static_cast<std::size_t>(rank)];
    }

  private:
    std::vector<double> samples_;
};

}  // namespace weir::bench
