// SPDX-License-Identifier: Apache-2.0
// The order of the stages. See worker.h.
#include "dataplane/worker.h"

#include <rte_cycles.h>
#include <rte_ethdev.h>

#include <bit>

#include "dataplane/owner.h"

namespace weir {

Worker::Worker(const tables::View& view, unsigned index, const WorkerLinks& links,
               const Handoff& handoff)
    : env_(worker_env(view, index)),
      stats_(view.workers[index]),
      handoff_(handoff),
      rx_(links.rx),
      rss_(links.rss),
      outputs_(std::make_unique<Outputs>()),
      batch_(std::make_unique<Batch>()),
      last_cycles_(rte_rdtsc()) {
    if (rss_ && env_.workers > 1) {
        env_.spread_by = &*rss_;
        env_.spread = [](const void* by, const weir_tuple* tuple, __u32 worker,
                         __u64* known) -> int {
            return static_cast<const Rss*>(by)->worker_of(*tuple, *known) == worker;
        };
    }
    if (env_.workers > 1) env_.elsewhere = stage::known_elsewhere;
    for (unsigned i = 0; i < WEIR_PORT_CAPACITY; i++) {
        outputs_->port[i].connect(links.port[i]);
        outputs_->host[i].connect(links.host[i]);
    }
    for (unsigned other = 0; other < env_.workers; other++)
        if (other != index) in_rings_.push_back(handoff.between(other, index));
}

bool Worker::poll(std::uint64_t now) {
    const std::uint64_t began = rte_rdtsc();
    // release: all that was read of older generations was read before
    __atomic_store_n(&stats_.generation, weir_env_generation(&env_), __ATOMIC_RELEASE);

    bool busy = false;
    for (const RxQueue& queue : rx_) {
        if (receive(queue) == 0) continue;
        busy = true;
        if (queue.from_host) {
            pass_from_host(queue);
            continue;
        }
        process(now, {rss_ ? &*rss_ : nullptr, env_.workers == 1});
    }
    for (rte_ring* ring : in_rings_) {
        if (take_over(ring) == 0) continue;
        busy = true;
        process(now, {});
    }
    outputs_->flush(stats_);
    account(now, began, busy);
    return busy;
}

void Worker::process(std::uint64_t now, const stage::Share& share) {
    stage::aim(env_, *batch_, share);
    stage::find(env_, *batch_);
    stage::finish(env_, *batch_, now);
    if (batch_->left != 0) {
        stage::parse(*batch_);
        stage::hash(env_, *batch_, now);
        if (!share.all)
            ring_bells(
                stage::hand_over(env_, *batch_, share.rss, handoff_.from(env_.worker), stats_));
        stage::prefetch(env_, *batch_, now);
        stage::decide(env_, *batch_, now);
        if (batch_->elsewhere != 0)
            ring_bells(stage::hand_on(env_, *batch_, handoff_.from(env_.worker), stats_));
    }
    stage::send(*batch_, *outputs_, stats_);
}

void Worker::ring_bells(std::uint64_t receivers) {
    for (; receivers != 0; receivers &= receivers - 1)
        handoff_.bell(static_cast<unsigned>(std::countr_zero(receivers))).ring();
}

unsigned Worker::receive(const RxQueue& queue) {
    batch_->count = rte_eth_rx_burst(queue.eth, queue.queue, batch_->frame.data(), batch_capacity);
    batch_->port.fill(queue.port);
    stats_.rx_packets += batch_->count;
    return batch_->count;
}

unsigned Worker::take_over(rte_ring* ring) {
    batch_->count = rte_ring_dequeue_burst(ring, reinterpret_cast<void**>(batch_->frame.data()),
                                           batch_capacity, nullptr);
    for (unsigned i = 0; i < batch_->count; i++)
        batch_->port[i] = static_cast<std::uint8_t>(batch_->frame[i]->hash.usr);
    return batch_->count;
}

void Worker::pass_from_host(const RxQueue& queue) {
    for (unsigned i = 0; i < batch_->count; i++) {
        batch_->reason[i] = WEIR_REASON_FROM_HOST;
        batch_->out_port[i] = queue.port;
    }
    stage::send(*batch_, *outputs_, stats_);
}

void Worker::account(std::uint64_t now, std::uint64_t began, bool busy) {
    const std::uint64_t cycles = rte_rdtsc();
    if (busy) stats_.busy_cycles += cycles - began;
    stats_.all_cycles += cycles - last_cycles_;
    last_cycles_ = cycles;
    stats_.polls++;
    // relaxed: control only compares it with its own clock
    __atomic_store_n(&stats_.heartbeat_ns, now, __ATOMIC_RELAXED);
}

void Worker::rests(Rest rest) {
    const weir_rest shown = rest == Rest::none   ? WEIR_REST_NONE
                            : rest == Rest::wait ? WEIR_REST_WAIT
                                                 : WEIR_REST_NAP;
    // relaxed: shown to people only
    if (stats_.rest != shown) __atomic_store_n(&stats_.rest, shown, __ATOMIC_RELAXED);
}

}  // namespace weir
