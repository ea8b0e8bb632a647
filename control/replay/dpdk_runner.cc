// SPDX-License-Identifier: Apache-2.0
// Runs packets through DPDK workers whose ports are rings: each has one to receive from, one to
// send to, and a pair of the same for the host behind it. One poll a packet; of several workers one
// after the other receives, and all are polled until a packet handed over twice has arrived. See
// runner.h.
#include <rte_eal.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <span>
#include <string>

#include "control/replay/runner.h"
#include "dataplane/tables/heap_store.h"
#include "dataplane/worker.h"

namespace weir::replay {
namespace {

// A longer packet comes in several segments, as a NIC hands it over.
constexpr std::size_t segment_bytes = 1792;
constexpr std::size_t longest_frame = 65535;
constexpr unsigned buffers = 1023;

struct RingPort {
    std::uint16_t eth = 0;
    rte_ring* in = nullptr;   // what the worker receives
    rte_ring* out = nullptr;  // what it has sent
};
using RingPorts = std::array<RingPort, WEIR_PORT_CAPACITY>;

class DpdkRunner : public Runner {
  public:
    explicit DpdkRunner(unsigned workers) : workers_(workers) {}

    Status start() {
        std::array<const char*, 7> arguments{"weir-replay", "--no-huge",      "--no-pci",
                                             "--no-shconf", "--no-telemetry", "--log-level=error",
                                             "-l0"};
        std::array<char*, arguments.size()> argv{};
        for (std::size_t i = 0; i < argv.size(); i++) argv[i] = const_cast<char*>(arguments[i]);
        if (rte_eal_init(static_cast<int>(argv.size()), argv.data()) < 0)
            return Error{"DPDK does not start: rte_eal_init() failed (" +
                         std::string(rte_strerror(rte_errno)) + ")"};
        pool_ = rte_pktmbuf_pool_create("replay", buffers, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
        if (!pool_) return Error{"DPDK has no memory for packet buffers"};
        for (unsigned i = 0; i < WEIR_PORT_CAPACITY; i++)
            if (!make_port("port" + std::to_string(i), ports_[i]) ||
                !make_port("host" + std::to_string(i), hosts_[i]))
                return Error{"DPDK makes no software port"};
        handoff_.emplace(workers_);
        if (!handoff_->complete()) return Error{"DPDK makes no rings between workers"};
        return success();
    }

    bool takes(std::size_t bytes) const override { return bytes <= longest_frame; }

    std::vector<std::uint32_t> ifindexes() const override {
        return std::vector<std::uint32_t>(WEIR_PORT_CAPACITY, 1);
    }

  private:
    Result<tables::View> make_tables(const tables::Geometry& geometry) override {
        running_.clear();
        turn_ = 0;
        store_ = std::make_unique<tables::HeapStore>(geometry);
        return store_->view();
    }

    Status pass(const Frame& frame, std::uint64_t now, Fate& fate) override {
        if (running_.empty()) make_workers();
        rte_mbuf* packet = chain_of(frame.bytes);
        if (!packet)
            return Error{"DPDK has no buffer for a packet of " +
                         std::to_string(frame.bytes.size()) + " bytes"};
        rte_ring_enqueue(ports_.at(frame.port).in, packet);
        const unsigned polls = workers_ > 1 ? 3 * workers_ : 1;
        for (unsigned i = 0; i < polls; i++) running_[(turn_ + i) % workers_]->poll(now);
        turn_++;
        collect(ports_, fate.out);
        collect(hosts_, fate.to_host);
        return success();
    }

    // Null: no buffer, or too long for one packet.
    rte_mbuf* chain_of(std::span<const std::uint8_t> bytes) const {
        rte_mbuf* chain = nullptr;
        do {
            const auto part = bytes.first(std::min(bytes.size(), segment_bytes));
            rte_mbuf* segment = rte_pktmbuf_alloc(pool_);
            if (!segment || (chain && rte_pktmbuf_chain(chain, segment) != 0)) {
                rte_pktmbuf_free(segment);
                rte_pktmbuf_free(chain);
                return nullptr;
            }
            if (!chain) chain = segment;
            void* place = rte_pktmbuf_append(chain, static_cast<std::uint16_t>(part.size()));
            if (!part.empty()) std::memcpy(place, part.data(), part.size());
            bytes = bytes.subspan(part.size());
        } while (!bytes.empty());
        return chain;
    }

    bool make_port(const std::string& name, RingPort& port) const {
        port.in = rte_ring_create((name + "in").c_str(), 64, 0, RING_F_SP_ENQ | RING_F_SC_DEQ);
        port.out = rte_ring_create((name + "out").c_str(), 64, 0, RING_F_SP_ENQ | RING_F_SC_DEQ);
        if (!port.in || !port.out) return false;
        const int eth = rte_eth_from_rings(name.c_str(), &port.in, 1, &port.out, 1, 0);
        if (eth < 0) return false;
        port.eth = static_cast<std::uint16_t>(eth);
        rte_eth_conf none{};
        return rte_eth_dev_configure(port.eth, 1, 1, &none) == 0 &&
               rte_eth_rx_queue_setup(port.eth, 0, 64, 0, nullptr, pool_) == 0 &&
               rte_eth_tx_queue_setup(port.eth, 0, 64, 0, nullptr) == 0 &&
               rte_eth_dev_start(port.eth) == 0;
    }

    // After the ports are known: only those that have an interface are connected.
    void make_workers() {
        WorkerLinks links;
        for (unsigned i = 0; i < WEIR_PORT_CAPACITY; i++) {
            if (store_->view().control->ports[i].ifindex == 0) continue;
            links.rx.push_back({ports_[i].eth, 0, static_cast<std::uint8_t>(i), false});
            links.port[i].eth = ports_[i].eth;
            links.port[i].queue = 0;
            links.port[i].takes_segments = true;
            links.host[i].eth = hosts_[i].eth;
            links.host[i].queue = 0;
            links.host[i].takes_segments = true;
        }
        for (unsigned i = 0; i < workers_; i++)
            running_.push_back(std::make_unique<Worker>(store_->view(), i, links, *handoff_));
    }

    static void collect(const RingPorts& ports, std::vector<Frame>& found) {
        for (unsigned i = 0; i < ports.size(); i++) {
            void* object = nullptr;
            while (rte_ring_dequeue(ports[i].out, &object) == 0) {
                auto* packet = static_cast<rte_mbuf*>(object);
                Frame frame{i, {}};
                for (const rte_mbuf* part = packet; part; part = part->next) {
                    const auto* data = rte_pktmbuf_mtod(part, const std::uint8_t*);
                    frame.bytes.insert(frame.bytes.end(), data, data + part->data_len);
                }
                found.push_back(std::move(frame));
                rte_pktmbuf_free(packet);
            }
        }
    }

    rte_mempool* pool_ = nullptr;
    RingPorts ports_{};
    RingPorts hosts_{};
    unsigned workers_;
    unsigned turn_ = 0;  // who receives
    std::optional<Handoff> handoff_;
    std::unique_ptr<tables::HeapStore> store_;
    std::vector<std::unique_ptr<Worker>> running_;
};

}  // namespace

Result<std::unique_ptr<Runner>> make_dpdk_runner(unsigned workers) {
    auto runner = std::make_unique<DpdkRunner>(workers);
    if (const auto started = runner->start(); !started) return Error{started.error()};
    return std::unique_ptr<Runner>(std::move(runner));
}

}  // namespace weir::replay
