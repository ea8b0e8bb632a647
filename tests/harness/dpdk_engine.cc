// SPDX-License-Identifier: Apache-2.0
// Runs rows on a DPDK worker whose ports are rings: each has one to receive from, one to send to,
// and a pair of the same for the host behind it. One poll a packet.
#include <rte_eal.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <stdexcept>

#include "dataplane/worker.h"
#include "tests/harness/heap_store.h"
#include "tests/harness/row_engine.h"

namespace weir::rows {
namespace {

constexpr std::size_t segment_bytes = 1792;

struct RingPort {
    std::uint16_t eth = 0;
    rte_ring* in = nullptr;   // what the worker receives
    rte_ring* out = nullptr;  // what it has sent
};

class DpdkEngine : public RowEngine {
  public:
    DpdkEngine() {
        std::array<const char*, 7> arguments{"weir-rows",   "--no-huge",      "--no-pci",
                                             "--no-shconf", "--no-telemetry", "--log-level=error",
                                             "-l0"};
        std::array<char*, arguments.size()> argv{};
        for (std::size_t i = 0; i < argv.size(); i++) argv[i] = const_cast<char*>(arguments[i]);
        if (rte_eal_init(static_cast<int>(argv.size()), argv.data()) < 0)
            throw std::runtime_error("rte_eal_init failed");
        pool_ = rte_pktmbuf_pool_create("rows", 1023, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
        if (!pool_) throw std::runtime_error("no mbuf pool");
        for (unsigned i = 0; i < port_count; i++) {
            ports_[i] = make_port("row" + std::to_string(i));
            hosts_[i] = make_port("host" + std::to_string(i));
        }
    }

    tables::View open(const tables::Geometry& geometry) override {
        worker_.reset();
        store_ = std::make_unique<HeapStore>(geometry);
        return store_->view();
    }

    std::vector<std::uint32_t> ifindexes() const override {
        return std::vector<std::uint32_t>(port_count, 0);
    }

    Sent send(const Frame& frame) override {
        if (!worker_) make_worker();
        rte_ring_enqueue(ports_.at(frame.port).in, chain_of(frame.bytes));
        timespec time{};
        clock_gettime(CLOCK_MONOTONIC, &time);
        worker_->poll(static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 +
                      static_cast<std::uint64_t>(time.tv_nsec));
        return {collect(ports_), collect(hosts_)};
    }

  private:
    // As a NIC hands over what is longer than a buffer: in several.
    rte_mbuf* chain_of(std::span<const std::uint8_t> bytes) const {
        rte_mbuf* chain = nullptr;
        do {
            const auto part = bytes.first(std::min(bytes.size(), segment_bytes));
            rte_mbuf* segment = rte_pktmbuf_alloc(pool_);
            if (!segment) throw std::runtime_error("no mbuf");
            std::memcpy(rte_pktmbuf_append(segment, static_cast<std::uint16_t>(part.size())),
                        part.data(), part.size());
            bytes = bytes.subspan(part.size());
            if (!chain)
                chain = segment;
            else if (rte_pktmbuf_chain(chain, segment) != 0)
                throw std::runtime_error("frame too long");
        } while (!bytes.empty());
        return chain;
    }

    RingPort make_port(const std::string& name) const {
        RingPort port;
        port.in = rte_ring_create((name + "in").c_str(), 64, 0, RING_F_SP_ENQ | RING_F_SC_DEQ);
        port.out = rte_ring_create((name + "out").c_str(), 64, 0, RING_F_SP_ENQ | RING_F_SC_DEQ);
        const int eth = rte_eth_from_rings(name.c_str(), &port.in, 1, &port.out, 1, 0);
        if (eth < 0) throw std::runtime_error("no ring port");
        port.eth = static_cast<std::uint16_t>(eth);
        rte_eth_conf none{};
        if (rte_eth_dev_configure(port.eth, 1, 1, &none) != 0 ||
            rte_eth_rx_queue_setup(port.eth, 0, 64, 0, nullptr, pool_) != 0 ||
            rte_eth_tx_queue_setup(port.eth, 0, 64, 0, nullptr) != 0 ||
            rte_eth_dev_start(port.eth) != 0)
            throw std::runtime_error("ring port does not start");
        return port;
    }

    // After the row's ports are known: only those that have a record are connected.
    void make_worker() {
        WorkerLinks links;
        for (unsigned i = 0; i < port_count; i++) {
            if (store_->view().control->ports[i].kind == WEIR_PORT_NONE) continue;
            links.rx.push_back({ports_[i].eth, 0, static_cast<std::uint8_t>(i), false});
            links.port[i].eth = ports_[i].eth;
            links.port[i].queue = 0;
            links.port[i].takes_segments = true;
            links.host[i].eth = hosts_[i].eth;
            links.host[i].queue = 0;
            links.host[i].takes_segments = true;
        }
        worker_ = std::make_unique<Worker>(store_->view(), 0, links, handoff_);
    }

    static std::optional<Frame> collect(const std::array<RingPort, port_count>& ports) {
        std::optional<Frame> found;
        for (unsigned i = 0; i < port_count; i++) {
            void* object = nullptr;
            while (rte_ring_dequeue(ports[i].out, &object) == 0) {
                auto* packet = static_cast<rte_mbuf*>(object);
                found = Frame{i, {}};
                for (const rte_mbuf* part = packet; part; part = part->next) {
                    const auto* data = rte_pktmbuf_mtod(part, const std::uint8_t*);
                    found->bytes.insert(found->bytes.end(), data, data + part->data_len);
                }
                rte_pktmbuf_free(packet);
            }
        }
        return found;
    }

    rte_mempool* pool_ = nullptr;
    std::array<RingPort, port_count> ports_{};
    std::array<RingPort, port_count> hosts_{};
    Handoff handoff_{1};
    std::unique_ptr<HeapStore> store_;
    std::unique_ptr<Worker> worker_;
};

}  // namespace

std::unique_ptr<RowEngine> make_dpdk_engine() {
    return std::make_unique<DpdkEngine>();
}

}  // namespace weir::rows
