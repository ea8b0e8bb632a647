// SPDX-License-Identifier: Apache-2.0
// Source ports of several workers (bpf/shared/source.h) where a NIC spreads packets by its hash: a
// worker gets ports whose replies come in at itself, and no fewer ports than without a NIC.
#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <vector>

#include "bpf/shared/program.h"
#include "dataplane/rss.h"
#include "tests/dataplane/tables/heap_tables.h"

namespace weir {
namespace {

weir_addr v4(std::uint32_t host) {
    return weir_addr_v4(weir_be32_from(host));
}

class Source : public ::testing::TestWithParam<unsigned> {
  protected:
    void make(std::uint16_t low, std::uint16_t high) {
        rss_ = std::make_unique<Rss>(Rss::key_from(7), GetParam());
        backend_.addr = v4(0xac110001);
        backend_.port = weir_be16_from(8080);
        backend_.snat = v4(0xc0a80001);
        backend_.snat_low = low;
        backend_.snat_high = high;
        for (unsigned worker = 0; worker < GetParam(); worker++) {
            tables_.push_back(
                std::make_unique<tables::HeapTables>(tables::Geometry::for_flows(8192, 1, 1)));
            const tables::View view = tables_.back()->view();
            view.backends[0] = backend_;
            view.sources[0].addr = backend_.snat;
            weir_env env = tables_.back()->env();
            env.worker = worker;
            env.workers = GetParam();
            env.spread_by = rss_.get();
            env.spread = [](const void* by, const weir_tuple* tuple, __u32 index,
                            __u64* known) -> int {
                return static_cast<const Rss*>(by)->worker_of(*tuple, *known) == index;
            };
            envs_.push_back(env);
        }
    }

    // The source port of a new flow of this worker, or 0.
    std::uint16_t start(unsigned worker, std::uint32_t id) {
        weir_env& env = envs_[worker];
        const weir_tuple client{v4(0x0a000000 + id), v4(0xc0000201), weir_be16_from(40000),
                                weir_be16_from(80), WEIR_PROTO_TCP};
        const std::uint64_t hash = weir_hash_tuple(env.control->seed, &client);
        const std::uint32_t number = weir_flow_claim(&env, now);
        if (number == WEIR_NO_FLOW) return 0;
        weir_flow& flow = env.flows[number];
        flow.client = client.src;
        flow.service = client.dst;
        flow.client_port = client.sport;
        flow.service_port = client.dport;
        flow.protocol = WEIR_PROTO_TCP;
        flow.state = WEIR_FLOW_ESTABLISHED;
        flow.expires = now + 1000;
        if (weir_source_choose(&env, &flow, number, &backend_, hash, now) == WEIR_REASON_NONE)
            return weir_be16_to(flow.snat_port);
        flow.expires = now;
        return 0;
    }

    bool comes_back(unsigned worker, std::uint16_t port) const {
        const weir_tuple reply{backend_.addr, backend_.snat, backend_.port, weir_be16_from(port),
                               WEIR_PROTO_TCP};
        return rss_->worker_of(rss_->hash(reply)) == worker;
    }

    static constexpr std::uint32_t now = 15'000;
    weir_backend backend_{};
    std::unique_ptr<Rss> rss_;
    std::vector<std::unique_ptr<tables::HeapTables>> tables_;
    std::vector<weir_env> envs_;
};

TEST_P(Source, RepliesComeInWhereTheFlowIs) {
    make(1024, 32767);
    unsigned flows = 0, elsewhere = 0;
    std::set<std::uint16_t> ports;
    for (unsigned worker = 0; worker < GetParam(); worker++)
        for (std::uint32_t id = 0; id < 800; id++, flows++) {
            const std::uint16_t port = start(worker, id);
            ASSERT_NE(port, 0);
            EXPECT_EQ(port % GetParam(), worker);
            EXPECT_TRUE(ports.insert(port).second) << "another flow has " << port;
            elsewhere += !comes_back(worker, port);
        }
    // (1 - 1 / workers) ^ 24 when few ports are in use; a third of those that come back are.
    EXPECT_LE(elsewhere, flows / 50) << "of " << flows;
}

TEST_P(Source, WhenPortsAreScarceTheOthersServeToo) {
    make(20'000, 20'119);
    std::vector<unsigned> started(GetParam());
    for (unsigned worker = 0; worker < GetParam(); worker++) {
        std::set<std::uint16_t> ports;
        for (std::uint32_t id = 0; id < 4000; id++)
            if (const std::uint16_t port = start(worker, id)) {
                EXPECT_TRUE(ports.insert(port).second);
            }
        EXPECT_EQ(ports.size(), 120 / GetParam()) << "worker " << worker;
    }
}

INSTANTIATE_TEST_SUITE_P(Workers, Source, ::testing::Values(2u, 3u, 4u));

}  // namespace
}  // namespace weir
