// SPDX-License-Identifier: Apache-2.0
// Two workers on software ports (net_ring), with one service and one backend. Used by the tests of
// workers and of what passes between them.
#pragma once

#include "dataplane/worker.h"

#include <gtest/gtest.h>
#include <rte_eal.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>

#include <array>
#include <cstring>
#include <functional>
#include <optional>

#include "bpf/shared/program.h"
#include "dataplane/tables/segment.h"
#include "dataplane/tables/writer.h"
#include "tests/dataplane/frame.h"

namespace weir {
inline constexpr unsigned workers = 2;
inline constexpr std::uint64_t now = 1'000'000'000'000;
inline constexpr weir_mac port_mac{{2, 0, 0, 0, 0, 1}};
inline constexpr weir_mac link_mac{{2, 0, 0, 0, 0, 2}};
inline constexpr weir_mac client_mac{{2, 0, 0, 0, 0, 3}};
inline constexpr weir_mac backend_mac{{2, 0, 0, 0, 0, 4}};

inline rte_mempool* buffers = nullptr;

class EalEnvironment : public ::testing::Environment {
  public:
    void SetUp() override {
        std::array<std::string, 7> words{"worker_test",      "--no-huge",   "--no-pci",
                                         "--no-telemetry",   "--no-shconf", "-l0",
                                         "--log-level=error"};
        std::array<char*, words.size()> argv;
        for (std::size_t i = 0; i < words.size(); i++) argv[i] = words[i].data();
        ASSERT_GE(rte_eal_init(argv.size(), argv.data()), 0);
        buffers =
            rte_pktmbuf_pool_create("test", 8191, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
        ASSERT_NE(buffers, nullptr);
    }
    void TearDown() override { rte_eal_cleanup(); }
};

// An ethdev with one receive queue whose far ends are in our hands.
class RingPort {
  public:
    RingPort() {
        static unsigned number = 0;
        const std::string name = "ring" + std::to_string(number++);
        in_ = rte_ring_create((name + "_in").c_str(), 512, SOCKET_ID_ANY, 0);
        out_ = rte_ring_create((name + "_out").c_str(), 32, SOCKET_ID_ANY, 0);
        eth_ = static_cast<std::uint16_t>(
            rte_eth_from_rings(name.c_str(), &in_, 1, &out_, 1, SOCKET_ID_ANY));
        const rte_eth_conf conf{};
        if (rte_eth_dev_configure(eth_, 1, 1, &conf) != 0 ||
            rte_eth_rx_queue_setup(eth_, 0, 512, SOCKET_ID_ANY, nullptr, buffers) != 0 ||
            rte_eth_tx_queue_setup(eth_, 0, 512, SOCKET_ID_ANY, nullptr) != 0 ||
            rte_eth_dev_start(eth_) != 0)
            ADD_FAILURE() << "the ring port does not start";
        rte_spinlock_init(&lock_);
    }
    ~RingPort() {
        while (sent()) {
        }
        rte_eth_dev_stop(eth_);
        rte_eth_dev_close(eth_);
        rte_ring_free(in_);
        rte_ring_free(out_);
    }
    RingPort(const RingPort&) = delete;
    RingPort& operator=(const RingPort&) = delete;

    std::uint16_t eth() const { return eth_; }
    TxQueue tx() { return {eth_, 0, true, &lock_}; }

    // `tail` bytes of it lie in a second segment; `change` is what else a driver does.
    void bring(
        const Frame& frame, std::uint16_t tail = 0,
        const std::function<void(rte_mbuf&)>& change = [](rte_mbuf&) {}) {
        rte_mbuf* head = rte_pktmbuf_alloc(buffers);
        change(*head);
        const auto length = static_cast<std::uint16_t>(frame.bytes().size() - tail);
        std::memcpy(rte_pktmbuf_append(head, length), frame.bytes().data(), length);
        if (tail > 0) {
            rte_mbuf* rest = rte_pktmbuf_alloc(buffers);
            std::memcpy(rte_pktmbuf_append(rest, tail), frame.bytes().data() + length, tail);
            rte_pktmbuf_chain(head, rest);
        }
        ASSERT_EQ(rte_ring_enqueue(in_, head), 0);
    }

    std::optional<Frame> sent() {
        void* object = nullptr;
        if (rte_ring_dequeue(out_, &object) != 0) return std::nullopt;
        auto* packet = static_cast<rte_mbuf*>(object);
        std::vector<std::uint8_t> bytes(packet->pkt_len);
        const void* read = rte_pktmbuf_read(packet, 0, packet->pkt_len, bytes.data());
        if (read != bytes.data()) std::memcpy(bytes.data(), read, bytes.size());
        rte_pktmbuf_free(packet);
        return Frame(std::move(bytes));
    }

  private:
    rte_ring* in_;
    rte_ring* out_;
    std::uint16_t eth_ = 0;
    rte_spinlock_t lock_;
};

// A service for TCP and UDP, one backend, a network port with its TAP, the host link; two workers,
// or so many, on one queue.
class WorkerTest : public ::testing::Test {
  protected:
    explicit WorkerTest(unsigned count = workers) : count_(count), handoff_(count) {}

    void SetUp() override {
        auto segment =
            tables::Segment::create(path_, tables::Geometry::for_flows(4096, count_, count_), 9);
        ASSERT_TRUE(segment) << segment.error();
        segment_.emplace(std::move(*segment));
        view_ = segment_->view();
        weir_port* const ports = view_.control->ports;
        ports[0].mac = link_mac;
        ports[0].kind = WEIR_PORT_HOST_LINK;
        ports[1].mac = port_mac;
        ports[1].kind = WEIR_PORT_NETWORK;
        publish();
        for (unsigned i = 0; i < count_; i++) {
            WorkerLinks links;
            if (i == 0)
                links.rx = {{link_.eth(), 0, 0, false},
                            {port_.eth(), 0, 1, false},
                            {tap_.eth(), 0, 1, true}};
            links.port[0] = link_.tx();
            links.port[1] = port_.tx();
            links.host[1] = tap_.tx();
            workers_.push_back(std::make_unique<Worker>(view_, i, links, handoff_));
        }
    }
    void TearDown() override { ::unlink(path_.c_str()); }

    void publish(std::uint8_t out_port = 1, weir_addr to = address(172, 17, 0, 1)) {
        tables::Writer writer(view_, [](std::uint64_t) {});
        writer.begin();
        const std::array<std::uint16_t, 1> slots{0};
        const tables::SlotRange range = writer.write_slots(slots);
        std::vector<weir_service> services;
        for (const std::uint16_t port : service_ports_)
            for (const unsigned protocol : {WEIR_PROTO_TCP, WEIR_PROTO_UDP}) {
                weir_service& service = services.emplace_back();
                service.addr = address(192, 168, 0, 1);
                service.port = weir_be16_from(port);
                service.protocol = static_cast<std::uint8_t>(protocol);
                service.turn_base = range.base;
                service.turn_count = range.count;
                service.idle = service.connect = weir_span_of_ms(60'000);
            }
        weir_backend backend{};
        backend.addr = to;
        backend.snat = weir_addr_is_v4(&to) ? address(192, 168, 0, 1) : to;
        backend.port = weir_be16_from(1000);
        backend.flags = WEIR_BACKEND_USED | WEIR_BACKEND_REACHABLE;
        backend.out_port = out_port;
        backend.next_hop = backend_mac;
        backend.snat_low = 61000;
        backend.snat_high = 64999;
        EXPECT_EQ(writer.publish(services, {&backend, 1}), "");
    }

    // As if a NIC had our key: of the same packets, workers have other clients than before.
    void restart_workers(const Rss& rss) {
        workers_.clear();
        for (unsigned i = 0; i < count_; i++) {
            WorkerLinks links;
            if (i == 0) links.rx = {{port_.eth(), 0, 1, false}};
            links.port[1] = port_.tx();
            links.rss = rss;
            workers_.push_back(std::make_unique<Worker>(view_, i, links, handoff_));
        }
    }

    Frame syn(std::uint16_t client_port) const {
        return Frame::tcp(client_mac, port_mac, address(10, 0, 0, 9), client_port,
                          address(192, 168, 0, 1), 80, WEIR_TCP_SYN);
    }
    // What the backend answers to a forwarded packet.
    Frame answer(const Frame& forwarded) const {
        return Frame::tcp(backend_mac, port_mac, address(172, 17, 0, 1), 1000,
                          address(192, 168, 0, 1), forwarded.source_port(),
                          WEIR_TCP_SYN | WEIR_TCP_ACK);
    }

    void poll(unsigned rounds = 2) {
        for (unsigned round = 0; round < rounds; round++)
            for (auto& worker : workers_) worker->poll(now);
    }
    std::uint64_t count(weir_reason reason) const {
        std::uint64_t sum = 0;
        for (const weir_worker& worker : view_.workers) sum += worker.reason[reason];
        return sum;
    }

    const unsigned count_;
    std::vector<std::uint16_t> service_ports_{80};
    const std::string path_ = "/dev/shm/weir-worker-test-" + std::to_string(::getpid());
    std::optional<tables::Segment> segment_;
    tables::View view_;
    RingPort link_;
    RingPort port_;
    RingPort tap_;
    Handoff handoff_;
    std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace weir
