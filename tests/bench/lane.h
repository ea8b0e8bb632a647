// SPDX-License-Identifier: Apache-2.0
// The stages of the packet program over frames in ordinary memory: no port, no EAL. Used to set
// flows up, and by the instruction count. The frames' buffers are a lane's own.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "dataplane/stages.h"

namespace weir::bench {

class Lane {
  public:
    explicit Lane(const tables::View& view, unsigned worker = 0);

    unsigned capacity() const { return batch_capacity; }
    void* frame(unsigned i) { return buffers_[i].data() + RTE_PKTMBUF_HEADROOM; }
    void set_length(unsigned i, unsigned length);

    // All stages but the one that sends, over the first `count` frames.
    void run(unsigned count, std::uint64_t now);
    weir_reason reason(unsigned i) const { return batch_->reason[i]; }

  private:
    static constexpr unsigned buffer_bytes = 512;
    weir_env env_;
    std::unique_ptr<Batch> batch_;
    alignas(64) std::array<std::array<std::uint8_t, buffer_bytes>, batch_capacity> buffers_;
    std::array<rte_mbuf, batch_capacity> mbufs_{};
};

}  // namespace weir::bench
