// SPDX-License-Identifier: Apache-2.0
// DPDK's receive interrupts and the bell in one epoll set. See wakeup.h.
#include "dataplane/wakeup.h"

#include <poll.h>
#include <rte_epoll.h>
#include <rte_ethdev.h>
#include <rte_interrupts.h>
#include <rte_log.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace weir {

Wakeup::Wakeup(std::span<const RxQueue> queues, Bell& bell)
    : bell_(bell), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    epoll_event event{};
    event.events = EPOLLIN;
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, bell.fd(), &event) != 0) return;
    // A port without interrupts is an answer, not an error to log.
    rte_log_set_level_pattern("lib.ethdev", RTE_LOG_CRIT);
    complete_ = std::ranges::all_of(queues, [this](const RxQueue& queue) { return add(queue); });
    rte_log_set_level_pattern("lib.ethdev", RTE_LOG_ERR);
}

Wakeup::~Wakeup() {
    for (const RxQueue& queue : interrupting_)
        rte_eth_dev_rx_intr_ctl_q(queue.eth, queue.queue, epoll_, RTE_INTR_EVENT_DEL, nullptr);
    if (epoll_ >= 0) ::close(epoll_);
}

// A port without interrupts refuses one of the two calls. A driver whose descriptor is readable
// while there are packets (net_tap) has nothing to enable.
bool Wakeup::add(const RxQueue& queue) {
    if (rte_eth_dev_rx_intr_ctl_q(queue.eth, queue.queue, epoll_, RTE_INTR_EVENT_ADD, nullptr) != 0)
        return false;
    interrupting_.push_back(queue);
    // Queues of a NIC with few vectors share one; it wakes the worker that was first.
    epoll_event probe{};
    const int descriptor = rte_eth_dev_rx_intr_ctl_q_get_fd(queue.eth, queue.queue);
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &probe) == 0) {
        ::epoll_ctl(epoll_, EPOLL_CTL_DEL, descriptor, nullptr);
        return false;
    }
    const int enabled = rte_eth_dev_rx_intr_enable(queue.eth, queue.queue);
    if (enabled == 0) rte_eth_dev_rx_intr_disable(queue.eth, queue.queue);
    return enabled == 0 || enabled == -ENOTSUP;
}

void Wakeup::listen() {
    bell_.listen();
    if (!complete_) return;
    for (const RxQueue& queue : interrupting_) rte_eth_dev_rx_intr_enable(queue.eth, queue.queue);
}

void Wakeup::sleep(std::uint32_t longest_ns) {
    pollfd descriptor{complete_ ? epoll_ : bell_.fd(), POLLIN, 0};
    const timespec longest{0, static_cast<long>(longest_ns)};
    ::ppoll(&descriptor, 1, &longest, nullptr);
}

void Wakeup::stop_listening() {
    bell_.stop_listening();
    if (!complete_ || interrupting_.empty()) return;
    for (const RxQueue& queue : interrupting_) rte_eth_dev_rx_intr_disable(queue.eth, queue.queue);
    // Takes back what has fired, or the next sleep would end at once.
    std::array<rte_epoll_event, 16> events;
    rte_epoll_wait(epoll_, events.data(), events.size(), 0);
}

}  // namespace weir
