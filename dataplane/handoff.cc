// SPDX-License-Identifier: Apache-2.0
// The rings over which a worker hands packets of another worker's flows over, and the bells that
// wake their readers. Made at start; see worker.h.
#include <algorithm>
#include <bit>
#include <string>

#include "dataplane/worker.h"

namespace weir {
namespace {

// A ring takes the burst of a fast sender whose worker has just lost its CPU. There are as many as
// pairs of workers, so with many workers each is smaller.
unsigned ring_packets(unsigned workers) {
    constexpr unsigned all = 65536, smallest = 256, largest = 4096;
    return std::clamp(std::bit_floor(all / (workers * workers)), smallest, largest);
}

}  // namespace

Handoff::Handoff(unsigned workers)
    : workers_(workers),
      bells_(std::make_unique<Bell[]>(workers)),
      rings_(workers * workers, nullptr) {
    for (unsigned from = 0; from < workers; from++)
        for (unsigned to = 0; to < workers; to++) {
            if (from == to) continue;
            const std::string name = "handoff_" + std::to_string(from) + "_" + std::to_string(to);
            rings_[from * workers + to] = rte_ring_create(
                name.c_str(), ring_packets(workers), SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
        }
}

Handoff::~Handoff() {
    for (rte_ring* ring : rings_) rte_ring_free(ring);
}

bool Handoff::complete() const {
    const bool bells = std::ranges::all_of(std::span(bells_.get(), workers_),
                                           [](const Bell& bell) { return bell.fd() >= 0; });
    return bells && std::ranges::count(rings_, nullptr) == static_cast<std::ptrdiff_t>(workers_);
}

std::span<rte_ring* const> Handoff::from(unsigned worker) const {
    return std::span(rings_).subspan(worker * workers_, workers_);
}

}  // namespace weir
