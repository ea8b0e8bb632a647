// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/lane.h"

namespace weir::bench {

Lane::Lane(const tables::View& view, unsigned worker)
    : env_(worker_env(view, worker)), batch_(std::make_unique<Batch>()) {
    for (unsigned i = 0; i < batch_capacity; i++) {
        mbufs_[i].buf_addr = buffers_[i].data();
        mbufs_[i].buf_len = buffer_bytes;
        mbufs_[i].data_off = RTE_PKTMBUF_HEADROOM;
        mbufs_[i].nb_segs = 1;
    }
}

void Lane::set_length(unsigned i, unsigned length) {
    mbufs_[i].data_len = static_cast<std::uint16_t>(length);
    mbufs_[i].pkt_len = length;
}

void Lane::run(unsigned count, std::uint64_t now) {
    weir_env_generation(&env_);
    batch_->count = count;
    for (unsigned i = 0; i < count; i++) {
        batch_->frame[i] = &mbufs_[i];
        batch_->port[i] = 1;
    }
    stage::aim(env_, *batch_, {});
    stage::find(env_, *batch_);
    stage::finish(env_, *batch_, now);
    if (batch_->left == 0) return;
    stage::parse(*batch_);
    stage::hash(env_, *batch_, now);
    stage::prefetch(env_, *batch_, now);
    stage::decide(env_, *batch_, now);
}

}  // namespace weir::bench
