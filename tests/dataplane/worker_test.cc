// SPDX-License-Identifier: Apache-2.0
// Workers on software ports (net_ring): what the packet program decides leaves by the right port,
// is counted under one reason, and reaches the worker that owns the flow.
#include "dataplane/worker.h"

#include <gtest/gtest.h>
#include <rte_eal.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <optional>
#include <set>

#include "bpf/shared/program.h"
#include "dataplane/tables/segment.h"
#include "dataplane/tables/writer.h"
#include "tests/dataplane/frame.h"

namespace weir {
namespace {

constexpr unsigned workers = 2;
constexpr std::uint64_t now = 1'000'000'000'000;
constexpr weir_mac port_mac{{2, 0, 0, 0, 0, 1}};
constexpr weir_mac link_mac{{2, 0, 0, 0, 0, 2}};
constexpr weir_mac client_mac{{2, 0, 0, 0, 0, 3}};
constexpr weir_mac backend_mac{{2, 0, 0, 0, 0, 4}};

rte_mempool* buffers = nullptr;

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
            rte_pktmbuf_pool_create("test", 4095, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
        ASSERT_NE(buffers, nullptr);
    }
    void TearDown() override { rte_eal_cleanup(); }
};
const auto* const environment = ::testing::AddGlobalTestEnvironment(new EalEnvironment);

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

// One service, one backend, a network port with its TAP, the host link; two workers on one queue.
class WorkerTest : public ::testing::Test {
  protected:
    void SetUp() override {
        auto segment =
            tables::Segment::create(path_, tables::Geometry::for_flows(4096, workers, workers), 9);
        ASSERT_TRUE(segment) << segment.error();
        segment_.emplace(std::move(*segment));
        view_ = segment_->view();
        weir_port* const ports = view_.control->ports;
        ports[0].mac = link_mac;
        ports[0].kind = WEIR_PORT_HOST_LINK;
        ports[1].mac = port_mac;
        ports[1].kind = WEIR_PORT_NETWORK;
        publish();
        for (unsigned i = 0; i < workers; i++) {
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
        weir_service service{};
        service.addr = address(192, 168, 0, 1);
        service.port = weir_be16_from(80);
        service.protocol = WEIR_PROTO_TCP;
        service.turn_base = range.base;
        service.turn_count = range.count;
        service.idle = service.connect = weir_span_of_ms(60'000);
        weir_backend backend{};
        backend.addr = to;
        backend.snat = weir_addr_is_v4(&to) ? address(192, 168, 0, 1) : to;
        backend.port = weir_be16_from(1000);
        backend.flags = WEIR_BACKEND_USED | WEIR_BACKEND_REACHABLE;
        backend.out_port = out_port;
        backend.next_hop = backend_mac;
        backend.snat_low = 61000;
        backend.snat_high = 64999;
        EXPECT_EQ(writer.publish({&service, 1}, {&backend, 1}), "");
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

    const std::string path_ = "/dev/shm/weir-worker-test-" + std::to_string(::getpid());
    std::optional<tables::Segment> segment_;
    tables::View view_;
    RingPort link_;
    RingPort port_;
    RingPort tap_;
    Handoff handoff_{workers};
    std::vector<std::unique_ptr<Worker>> workers_;
};

TEST_F(WorkerTest, AFlowGoesThereAndBack) {
    port_.bring(syn(4000));
    poll();
    const auto forwarded = port_.sent();
    ASSERT_TRUE(forwarded);
    EXPECT_TRUE(forwarded->checksums_right());
    EXPECT_EQ(forwarded->destination_port(), 1000);
    EXPECT_TRUE(forwarded->is_to(backend_mac));

    port_.bring(answer(*forwarded));
    poll();
    const auto returned = port_.sent();
    ASSERT_TRUE(returned);
    EXPECT_TRUE(returned->checksums_right());
    EXPECT_EQ(returned->source_port(), 80);
    EXPECT_EQ(returned->destination_port(), 4000);
    EXPECT_TRUE(returned->is_to(client_mac));
    EXPECT_EQ(count(WEIR_REASON_FLOW_NEW), 1u);
    EXPECT_EQ(count(WEIR_REASON_FLOW_HIT), 1u);
}

TEST_F(WorkerTest, ABufferWithoutRoomForLongerHeadersIsCounted) {
    publish(1, {{{0x000000fd}, {0}, {0}, {0x01000000}}});
    port_.bring(syn(4000));
    poll();
    const auto forwarded = port_.sent();
    ASSERT_TRUE(forwarded) << "the usual headroom is enough";
    EXPECT_EQ(forwarded->bytes().size(), syn(4000).bytes().size() + 20);

    port_.bring(syn(4001), 0, [](rte_mbuf& head) { head.data_off = 19; });
    poll();
    EXPECT_FALSE(port_.sent());
    EXPECT_EQ(count(WEIR_REASON_NO_ROOM), 1u);
}

TEST_F(WorkerTest, ATagThatTheDriverTookOffCounts) {
    weir_port& vlan = view_.control->ports[2];
    vlan.mac = port_mac;
    vlan.kind = WEIR_PORT_NETWORK;
    vlan.tags = 1;
    vlan.parent = 1;
    vlan.tag[0] = {weir_be16_from(WEIR_ETH_VLAN), weir_be16_from(100)};
    const auto strip = [](rte_mbuf& head) {
        head.vlan_tci = 100;
        head.ol_flags |= RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
    };
    port_.bring(syn(4000), 0, strip);
    poll();
    const auto forwarded = port_.sent();
    ASSERT_TRUE(forwarded) << "by the backend's port, which has no tag";
    port_.bring(answer(*forwarded));
    poll();
    const auto returned = port_.sent();
    ASSERT_TRUE(returned);
    const std::vector<std::uint8_t> tag(returned->bytes().begin() + 12,
                                        returned->bytes().begin() + 16);
    EXPECT_EQ(tag, (std::vector<std::uint8_t>{0x81, 0x00, 0x00, 100}));

    vlan.tag[0].tci = weir_be16_from(101);
    port_.bring(syn(4001), 0, strip);
    poll();
    EXPECT_FALSE(port_.sent());
    EXPECT_EQ(count(WEIR_REASON_VLAN), 1u);
    EXPECT_TRUE(tap_.sent());
}

TEST_F(WorkerTest, EachFlowLivesWithOneWorkerAndBothWorkersHaveSome) {
    std::set<std::uint16_t> source_ports;
    for (std::uint16_t client = 4000; client < 4200; client++) {
        port_.bring(syn(client));
        poll();
        const auto forwarded = port_.sent();
        ASSERT_TRUE(forwarded) << client;
        EXPECT_TRUE(source_ports.insert(forwarded->source_port()).second) << "a source port twice";
        port_.bring(answer(*forwarded));
        poll();
        const auto returned = port_.sent();
        ASSERT_TRUE(returned) << client;
        EXPECT_EQ(returned->destination_port(), client);
    }
    for (const weir_worker& worker : view_.workers) {
        EXPECT_GT(worker.reason[WEIR_REASON_FLOW_NEW], 60u);
        EXPECT_EQ(worker.reason[WEIR_REASON_FLOW_NEW], worker.reason[WEIR_REASON_FLOW_HIT]);
    }
}

TEST_F(WorkerTest, ABackendOnTheHostIsReachedOverTheLink) {
    publish(0);
    port_.bring(syn(4000));
    poll();
    const auto forwarded = link_.sent();
    ASSERT_TRUE(forwarded);
    EXPECT_TRUE(forwarded->is_from(link_mac));

    link_.bring(Frame::tcp(backend_mac, link_mac, address(172, 17, 0, 1), 1000,
                           address(192, 168, 0, 1), forwarded->source_port(),
                           WEIR_TCP_SYN | WEIR_TCP_ACK));
    poll();
    const auto returned = port_.sent();
    ASSERT_TRUE(returned);
    EXPECT_EQ(returned->destination_port(), 4000);
    EXPECT_TRUE(returned->is_from(port_mac));
}

TEST_F(WorkerTest, TheHostsPacketsPassBothWaysUntouched) {
    const Frame ssh = Frame::tcp(client_mac, port_mac, address(10, 0, 0, 9), 5000,
                                 address(192, 168, 0, 1), 22, WEIR_TCP_SYN);
    port_.bring(ssh);
    poll();
    EXPECT_EQ(tap_.sent(), ssh);
    tap_.bring(ssh);
    poll();
    EXPECT_EQ(port_.sent(), ssh);
    EXPECT_EQ(count(WEIR_REASON_NOT_SERVICE), 1u);
    EXPECT_EQ(count(WEIR_REASON_FROM_HOST), 1u);
}

TEST_F(WorkerTest, AStrayFromTheHostLinkIsDroppedAndCounted) {
    link_.bring(Frame::tcp(backend_mac, link_mac, address(172, 17, 0, 1), 1000,
                           address(192, 168, 0, 1), 61000, WEIR_TCP_ACK));
    poll();
    EXPECT_FALSE(link_.sent() || port_.sent() || tap_.sent());
    EXPECT_EQ(count(WEIR_REASON_HOST_LINK_STRAY), 1u);
}

TEST_F(WorkerTest, APacketForAPortThatIsNotThereIsCounted) {
    publish(9);
    port_.bring(syn(4000));
    poll();
    EXPECT_EQ(count(WEIR_REASON_PORT_UNKNOWN), 1u);
    EXPECT_EQ(count(WEIR_REASON_FLOW_NEW), 0u);
}

TEST_F(WorkerTest, APacketInTwoSegmentsIsWhole) {
    port_.bring(syn(4000));
    poll();
    ASSERT_TRUE(port_.sent());
    const Frame data =
        Frame::tcp(client_mac, port_mac, address(10, 0, 0, 9), 4000, address(192, 168, 0, 1), 80,
                   WEIR_TCP_ACK, std::vector<std::uint8_t>(1000, 0x5a));
    port_.bring(data, 600);
    poll();
    const auto forwarded = port_.sent();
    ASSERT_TRUE(forwarded);
    EXPECT_EQ(forwarded->bytes().size(), data.bytes().size());
    EXPECT_TRUE(forwarded->checksums_right());
}

// One burst brings a datagram's fragments together: the first leaves its ports before any of them
// is handed to the worker that has the flow, which need not be the one that received them.
TEST_F(WorkerTest, FragmentsReachTheWorkerOfTheirFlow) {
    for (std::uint16_t client = 4000; client < 4064; client++) {
        port_.bring(syn(client));
        poll();
        const auto opened = port_.sent();
        ASSERT_TRUE(opened) << client;
        const Frame data =
            Frame::tcp(client_mac, port_mac, address(10, 0, 0, 9), client, address(192, 168, 0, 1),
                       80, WEIR_TCP_ACK, std::vector<std::uint8_t>(1000, 0x5a));
        const std::vector<Frame> parts = data.fragments(client, 256);
        ASSERT_EQ(parts.size(), 4u);
        for (const Frame& part : parts) port_.bring(part);
        poll();
        for (std::size_t i = 0; i < parts.size(); i++) {
            const auto forwarded = port_.sent();
            ASSERT_TRUE(forwarded) << client << ", fragment " << i;
            EXPECT_TRUE(forwarded->is_to(backend_mac));
            EXPECT_TRUE(forwarded->ip_checksum_right());
            if (i == 0) {
                EXPECT_EQ(forwarded->source_port(), opened->source_port());
            } else {
                EXPECT_TRUE(std::equal(forwarded->bytes().begin() + 34, forwarded->bytes().end(),
                                       parts[i].bytes().begin() + 34, parts[i].bytes().end()));
            }
        }
    }
    for (const weir_worker& worker : view_.workers)
        EXPECT_GT(worker.reason[WEIR_REASON_FLOW_HIT], 64u);
    EXPECT_EQ(count(WEIR_REASON_FLOW_HIT), 4u * 64u);
    EXPECT_EQ(count(WEIR_REASON_FRAGMENT), 0u);
}

TEST_F(WorkerTest, AnAnswerIsCutToItsLengthWhereverThatEnds) {
    const std::vector<std::uint8_t> payload(1000, 0x5a);
    for (weir_service& service : view_.services) service.flags |= WEIR_SERVICE_RESET_UNKNOWN;
    const unsigned before = rte_mempool_avail_count(buffers);
    const Frame data = Frame::tcp(client_mac, port_mac, address(10, 0, 0, 9), 4000,
                                  address(192, 168, 0, 1), 80, WEIR_TCP_ACK, payload);
    for (const std::uint16_t tail : {std::uint16_t{0}, std::uint16_t{1}, std::uint16_t{1000}}) {
        port_.bring(data, tail);
        poll();
        const auto reset = port_.sent();
        ASSERT_TRUE(reset) << tail;
        EXPECT_EQ(reset->bytes().size(), 54u);
        EXPECT_TRUE(reset->checksums_right());
        EXPECT_TRUE(reset->is_to(client_mac));
        EXPECT_EQ(reset->source_port(), 80);
    }
    EXPECT_EQ(rte_mempool_avail_count(buffers), before);
}

TEST_F(WorkerTest, WhatThePortDoesNotTakeIsCountedOnce) {
    for (std::uint16_t client = 4000; client < 4100; client++) port_.bring(syn(client));
    poll(8);
    EXPECT_EQ(count(WEIR_REASON_FLOW_NEW), 31u);  // a ring of 32 holds 31
    EXPECT_EQ(count(WEIR_REASON_TX_FULL), 69u);
}

TEST_F(WorkerTest, EveryBufferComesBack) {
    const unsigned before = rte_mempool_avail_count(buffers);
    for (std::uint16_t client = 4000; client < 4100; client++) port_.bring(syn(client));
    poll(8);
    while (port_.sent()) {
    }
    EXPECT_EQ(rte_mempool_avail_count(buffers), before);
}

TEST_F(WorkerTest, AWorkerShowsWhichGenerationItUsesAndThatItLives) {
    poll(1);
    for (const weir_worker& worker : view_.workers) {
        EXPECT_EQ(worker.generation, view_.control->generation);
        EXPECT_EQ(worker.heartbeat_ns, now);
    }
    publish();
    poll(1);
    for (const weir_worker& worker : view_.workers) EXPECT_EQ(worker.generation, 2u);
}

}  // namespace
}  // namespace weir
