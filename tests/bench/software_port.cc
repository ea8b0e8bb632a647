// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/software_port.h"

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>

#include <bit>

namespace weir::bench {
namespace {

constexpr unsigned buffer_cache = 256;
rte_mempool* buffers = nullptr;

[[noreturn]] void fail(const std::string& what) {
    std::cerr << what << ": " << rte_strerror(rte_errno) << '\n';
    std::exit(1);
}

}  // namespace

void start_dpdk(const Options& options, const std::string& program, unsigned count) {
    std::vector<std::string> words{program,
                                   "--no-pci",
                                   "--no-telemetry",
                                   "--log-level=error",
                                   "-m",
                                   std::to_string(count / 200 + 64),
                                   "--file-prefix",
                                   program + std::to_string(::getpid()),
                                   "--lcores",
                                   "0@" + std::to_string(sched_getcpu())};
    if (options.huge.empty())
        words.insert(words.end(), {"--no-huge", "--no-shconf"});
    else
        words.emplace_back("--in-memory");
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    if (rte_eal_init(static_cast<int>(argv.size()), argv.data()) < 0) fail("DPDK does not start");
    buffers = rte_pktmbuf_pool_create("bench", count, buffer_cache, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
                                      SOCKET_ID_ANY);
    if (!buffers) fail("no packet buffers");
}

void start_port(std::uint16_t eth, unsigned descriptors) {
    const rte_eth_conf conf{};
    const auto count = static_cast<std::uint16_t>(descriptors);
    if (rte_eth_dev_configure(eth, 1, 1, &conf) != 0 ||
        rte_eth_rx_queue_setup(eth, 0, count, SOCKET_ID_ANY, nullptr, buffers) != 0 ||
        rte_eth_tx_queue_setup(eth, 0, count, SOCKET_ID_ANY, nullptr) != 0 ||
        rte_eth_dev_start(eth) != 0)
        fail("a port does not start");
}

RingPort::RingPort(const std::string& name, unsigned packets) {
    const unsigned entries = std::bit_ceil(packets + 1);
    const unsigned one_user = RING_F_SP_ENQ | RING_F_SC_DEQ;
    in_ = rte_ring_create((name + "_in").c_str(), entries, SOCKET_ID_ANY, one_user);
    out_ = rte_ring_create((name + "_out").c_str(), entries, SOCKET_ID_ANY, one_user);
    if (!in_ || !out_) fail("no ring");
    const int eth = rte_eth_from_rings(name.c_str(), &in_, 1, &out_, 1, SOCKET_ID_ANY);
    if (eth < 0) fail("no ring port");
    eth_ = static_cast<std::uint16_t>(eth);
    start_port(eth_, entries);
}

TxQueue RingPort::tx() const {
    TxQueue queue;
    queue.eth = eth_;
    queue.takes_segments = true;
    return queue;
}

void RingPort::bring(std::vector<rte_mbuf*>& packets) {
    rte_ring_enqueue_bulk(in_, reinterpret_cast<void**>(packets.data()),
                          static_cast<unsigned>(packets.size()), nullptr);
    packets.clear();
}

void RingPort::collect(std::vector<rte_mbuf*>& packets) {
    void* object = nullptr;
    while (rte_ring_dequeue(out_, &object) == 0) packets.push_back(static_cast<rte_mbuf*>(object));
}

Round::Round(unsigned packets) : count_(packets), packets_(packets) {
    if (rte_pktmbuf_alloc_bulk(buffers, packets_.data(), packets) != 0) fail("no packet buffers");
}

void Round::write(const Write& write) {
    for (unsigned i = 0; i < count_; i++) {
        rte_mbuf* packet = packets_[i];
        rte_pktmbuf_reset(packet);
        const unsigned length = write(rte_pktmbuf_mtod(packet, void*), i);
        packet->data_len = static_cast<std::uint16_t>(length);
        packet->pkt_len = length;
    }
}

unsigned Round::collect(RingPort& port, RingPort& host) {
    port.collect(packets_);
    host.collect(packets_);
    const auto kept = static_cast<unsigned>(packets_.size());
    packets_.resize(count_);
    if (rte_pktmbuf_alloc_bulk(buffers, &packets_[kept], count_ - kept) != 0)
        fail("no packet buffers");
    return count_ - kept;
}

}  // namespace weir::bench
