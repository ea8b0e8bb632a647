// SPDX-License-Identifier: Apache-2.0
// The flow table as XDP has it: several CPUs over one table, here threads with an engine of their
// own whose swaps are atomic. Each starts and ends flows at a table that is nearly full; none may
// be lost while it lives, and no place may be two flows' at once.
#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <random>
#include <thread>
#include <vector>

#include "dataplane/tables/heap_store.h"

// This engine has what flows need, and nothing else.
#pragma GCC diagnostic ignored "-Wunused-function"
#include "bpf/shared/env.h"

struct weir_env {
    weir::tables::View view;
    weir_worker stats;
    unsigned worker;
};

WEIR_INLINE const weir_control* weir_env_control(weir_env* env) {
    return env->view.control;
}
WEIR_INLINE const weir_backend* weir_env_backend(weir_env* env, __u32 id) {
    return &env->view.backends[id];
}
WEIR_INLINE const weir_source* weir_env_source(weir_env* env, __u32 index) {
    return &env->view.sources[index];
}
WEIR_INLINE weir_flow* weir_env_flow(weir_env* env, __u32 number) {
    return number < env->view.flows.size() ? &env->view.flows[number] : nullptr;
}
WEIR_INLINE weir_flow_refs* weir_env_flow_refs(weir_env* env, __u32 bucket) {
    return &env->view.flow_refs[bucket];
}
WEIR_INLINE weir_worker* weir_env_stats(weir_env* env) {
    return &env->stats;
}
WEIR_INLINE __u32 weir_env_worker(weir_env* env) {
    return env->worker;
}
WEIR_INLINE int weir_env_swap(__u32* place, __u32 expected, __u32 desired) {
    return __atomic_compare_exchange_n(place, &expected, desired, 0, __ATOMIC_SEQ_CST,
                                       __ATOMIC_SEQ_CST);
}
WEIR_INLINE void weir_env_publish(__u32* place, __u32 value) {
    __atomic_store_n(place, value, __ATOMIC_SEQ_CST);
}

#include "bpf/shared/reference.h"

namespace weir {
namespace {

constexpr unsigned cpus = 4;
constexpr std::uint32_t places = 2048;
constexpr std::uint32_t at_once = places * 9 / 10 / cpus;
constexpr std::uint32_t now = 15'000;

class Cpu {
  public:
    Cpu(const tables::View& view, unsigned index, std::vector<std::atomic<int>>& owners)
        : env_{view, {}, index}, index_(index), owners_(owners) {}

    void run(unsigned rounds) {
        std::mt19937 random(index_);
        for (unsigned round = 0; round < rounds; round++) {
            if (mine_.size() == at_once) end();
            start(round * cpus + index_);
            const Mine& any = mine_[random() % mine_.size()];
            lost_ += find(any.tuple) != any.number;
        }
    }
    unsigned lost() const { return lost_; }
    unsigned shared() const { return shared_; }
    unsigned refused() const { return refused_; }

  private:
    struct Mine {
        weir_tuple tuple;
        std::uint32_t number;
    };

    std::uint32_t find(const weir_tuple& tuple) {
        return weir_flow_find(&env_, &tuple, weir_hash_tuple(env_.view.control->seed, &tuple), now);
    }

    void start(std::uint32_t id) {
        const weir_tuple tuple{weir_addr_v4(weir_be32_from(0x0a000000 + id)),
                               weir_addr_v4(weir_be32_from(0xc0a80001)), weir_be16_from(40000),
                               weir_be16_from(80), WEIR_PROTO_TCP};
        const std::uint64_t hash = weir_hash_tuple(env_.view.control->seed, &tuple);
        const std::uint32_t number = weir_flow_claim(&env_, now);
        if (number == WEIR_NO_FLOW) {
            refused_++;
            return;
        }
        shared_ += owners_[number].exchange(1) != 0;
        weir_flow_unlink(&env_, number);
        weir_flow& flow = env_.view.flows[number];
        flow.client = tuple.src;
        flow.service = tuple.dst;
        flow.client_port = flow.snat_port = tuple.sport;
        flow.service_port = tuple.dport;
        flow.source = WEIR_SOURCE_CLIENT;
        flow.state = WEIR_FLOW_ESTABLISHED;
        flow.protocol = WEIR_PROTO_TCP;
        weir_env_publish(&flow.expires, now + 1000);
        if (weir_flow_link(&env_, number, weir_flow_hash(&env_, number, 1), now) &&
            weir_flow_link(&env_, number, hash, now)) {
            mine_.push_back({tuple, number});
        } else {
            refused_++;
            give_up(number);
        }
    }

    void end() {
        const Mine oldest = mine_.front();
        mine_.pop_front();
        lost_ += find(oldest.tuple) != oldest.number;
        give_up(oldest.number);
    }

    void give_up(std::uint32_t number) {
        owners_[number] = 0;
        weir_env_publish(&env_.view.flows[number].expires, now);
    }

    weir_env env_;
    unsigned index_;
    std::vector<std::atomic<int>>& owners_;
    std::deque<Mine> mine_;
    unsigned lost_ = 0;
    unsigned shared_ = 0;
    unsigned refused_ = 0;
};

TEST(FlowRace, SeveralCpusShareATableThatIsNearlyFull) {
    tables::Geometry geometry;
    geometry.divide_flows(places);
    tables::HeapStore store(geometry);
    tables::initialize(*store.view().control, geometry, 42);
    store.view().backends[0].addr = weir_addr_v4(weir_be32_from(0xac110001));
    store.view().backends[0].port = weir_be16_from(8080);
    std::vector<std::atomic<int>> owners(places);
    std::vector<Cpu> all;
    for (unsigned i = 0; i < cpus; i++) all.emplace_back(store.view(), i, owners);
    std::vector<std::thread> threads;
    for (Cpu& cpu : all) threads.emplace_back([&cpu] { cpu.run(100'000); });
    for (std::thread& thread : threads) thread.join();
    for (const Cpu& cpu : all) {
        EXPECT_EQ(cpu.lost(), 0u);
        EXPECT_EQ(cpu.shared(), 0u);
        EXPECT_LT(cpu.refused(), 10u) << "only when another thread was faster, twice";
    }
    // What is left is two references for each flow that was ever there, and no more.
    std::size_t references = 0;
    for (const weir_flow_refs& bucket : store.view().flow_refs)
        for (const __u32 ref : bucket.ref) references += ref != 0;
    EXPECT_LE(references, 2 * places);
}

}  // namespace
}  // namespace weir
