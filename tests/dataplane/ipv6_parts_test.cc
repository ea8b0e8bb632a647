// SPDX-License-Identifier: Apache-2.0
// What carries no ports of its own over IPv6 finds the worker of its flow all the same: fragments
// and ICMPv6 errors, from both sides, with 2, 3 and 4 workers, spread by rings and by a NIC.
#include <gtest/gtest.h>

#include <tuple>

#include "tests/dataplane/frame6.h"
#include "tests/dataplane/worker_fixture.h"

namespace weir {
namespace {

using ipv6::address6;
using ipv6::Bytes;
using ipv6::End;

const End vip{address6(1, 1), 80};
const End backend{address6(2, 1), 1000};
const weir_addr source = address6(1, 2);
constexpr std::uint16_t first_client = 4000, clients = 48;

class Ipv6Parts : public WorkerTest,
                  public ::testing::WithParamInterface<std::tuple<unsigned, bool>> {
  protected:
    Ipv6Parts() : WorkerTest(std::get<0>(GetParam())) {}

    void SetUp() override {
        WorkerTest::SetUp();
        tables::Writer writer(view_, [](std::uint64_t) {});
        writer.begin();
        const std::array<std::uint16_t, 1> slots{0};
        const tables::SlotRange range = writer.write_slots(slots);
        weir_service service{};
        service.addr = vip.address;
        service.port = weir_be16_from(vip.port);
        service.protocol = WEIR_PROTO_TCP;
        service.turn_base = range.base;
        service.turn_count = range.count;
        service.idle = service.connect = weir_span_of_ms(60'000);
        weir_backend record{};
        record.addr = backend.address;
        record.snat = source;
        record.port = weir_be16_from(backend.port);
        record.flags = WEIR_BACKEND_USED | WEIR_BACKEND_REACHABLE;
        record.out_port = 1;
        record.next_hop = backend_mac;
        record.snat_low = 20000;
        record.snat_high = 29999;
        ASSERT_EQ(writer.publish({&service, 1}, {&record, 1}), "");
        if (std::get<1>(GetParam())) restart_workers(Rss(Rss::key_from(9), count_));
    }

    static End client(std::uint16_t port) { return {address6(9, port), port}; }

    std::optional<Bytes> pass(const weir_mac& from, const Bytes& packet) {
        port_.bring(ipv6::on_link(from, port_mac, packet));
        poll();
        const auto sent = port_.sent();
        if (!sent) return std::nullopt;
        EXPECT_TRUE(sent->is_to(Frame::same(from, client_mac) ? backend_mac : client_mac));
        return ipv6::without_link(*sent);
    }

    // The source port of a new flow of this client, once it is established.
    std::uint16_t open(std::uint16_t port) {
        const auto sent = pass(client_mac, ipv6::tcp(client(port), vip, WEIR_TCP_SYN));
        EXPECT_TRUE(sent);
        if (!sent) return 0;
        const std::uint16_t used = weir_be16_to(ipv6::behind<weir_tcp>(*sent).sport);
        EXPECT_TRUE(
            pass(backend_mac, ipv6::tcp(backend, {source, used}, WEIR_TCP_SYN | WEIR_TCP_ACK)));
        return used;
    }

    // Each worker has decided on some.
    void expect_all_busy(weir_reason reason) {
        for (const weir_worker& worker : view_.workers) EXPECT_GT(worker.reason[reason], 0u);
    }
};

TEST_P(Ipv6Parts, FragmentsReachTheWorkerOfTheirFlow) {
    for (std::uint16_t port = first_client; port < first_client + clients; port++) {
        const End weir{source, open(port)};
        const std::uint64_t hits = count(WEIR_REASON_FLOW_HIT);
        for (const bool reply : {false, true}) {
            const Bytes whole = reply ? ipv6::tcp(backend, weir, WEIR_TCP_ACK, 1000)
                                      : ipv6::tcp(client(port), vip, WEIR_TCP_ACK, 1000);
            const auto parts = ipv6::fragments(whole, port, 256);
            ASSERT_EQ(parts.size(), 4u);
            for (std::size_t i = 0; i < parts.size(); i++) {
                const auto sent = pass(reply ? backend_mac : client_mac, parts[i]);
                ASSERT_TRUE(sent) << port << ", fragment " << i;
                const auto extension = ipv6::behind<weir_extension>(*sent);
                EXPECT_EQ(weir_be32_to(extension.id), port);
                if (i > 0) continue;
                const auto tcp = ipv6::behind<weir_tcp>(*sent, ipv6::part_header);
                EXPECT_EQ(weir_be16_to(tcp.sport), reply ? vip.port : weir.port);
                EXPECT_EQ(weir_be16_to(tcp.dport), reply ? port : backend.port);
            }
        }
        EXPECT_EQ(count(WEIR_REASON_FLOW_HIT), hits + 8);
    }
    expect_all_busy(WEIR_REASON_FLOW_HIT);
    EXPECT_EQ(count(WEIR_REASON_FRAGMENT), 0u);
    EXPECT_EQ(count(WEIR_REASON_FLOW_NEW), clients);
}

// Quoted is what the one side got, answered is what the other side had sent.
TEST_P(Ipv6Parts, ErrorsReachTheWorkerOfTheirFlow) {
    for (std::uint16_t port = first_client; port < first_client + clients; port++) {
        const End weir{source, open(port)};
        const auto from_clients_side =
            pass(client_mac,
                 ipv6::error(address6(9, 1), ipv6::tcp(vip, client(port), WEIR_TCP_ACK, 1000)));
        ASSERT_TRUE(from_clients_side) << port;
        const auto quoted = ipv6::behind<weir_tcp>(*from_clients_side, 8 + ipv6::header);
        EXPECT_EQ(weir_be16_to(quoted.sport), backend.port);
        EXPECT_EQ(weir_be16_to(quoted.dport), weir.port);

        const auto from_backends_side = pass(
            backend_mac, ipv6::error(address6(2, 9), ipv6::tcp(weir, backend, WEIR_TCP_ACK, 1000)));
        ASSERT_TRUE(from_backends_side) << port;
        const auto sent = ipv6::behind<weir_tcp>(*from_backends_side, 8 + ipv6::header);
        EXPECT_EQ(weir_be16_to(sent.sport), port);
        EXPECT_EQ(weir_be16_to(sent.dport), vip.port);
    }
    EXPECT_EQ(count(WEIR_REASON_ICMP_ERROR), 2u * clients);
    expect_all_busy(WEIR_REASON_ICMP_ERROR);
    EXPECT_EQ(count(WEIR_REASON_ICMP), 0u);
}

TEST_P(Ipv6Parts, StrangersErrorsAreTheHosts) {
    const std::uint16_t used = open(first_client);
    for (const Bytes& about : {ipv6::tcp(vip, client(5000), WEIR_TCP_ACK),
                               ipv6::tcp({source, 20000}, backend, WEIR_TCP_ACK),
                               ipv6::tcp({source, used}, {backend.address, 1001}, WEIR_TCP_ACK)}) {
        if (weir_be16_to(ipv6::behind<weir_tcp>(about).sport) == used &&
            weir_be16_to(ipv6::behind<weir_tcp>(about).dport) == backend.port)
            continue;
        EXPECT_FALSE(pass(backend_mac, ipv6::error(address6(2, 9), about)));
    }
    EXPECT_EQ(count(WEIR_REASON_ICMP_ERROR), 0u);
}

INSTANTIATE_TEST_SUITE_P(Workers, Ipv6Parts,
                         ::testing::Combine(::testing::Values(2u, 3u, 4u), ::testing::Bool()),
                         [](const auto& info) {
                             return std::to_string(std::get<0>(info.param)) +
                                    (std::get<1>(info.param) ? "Rss" : "Rings");
                         });

}  // namespace
}  // namespace weir
