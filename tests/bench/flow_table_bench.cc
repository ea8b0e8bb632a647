// SPDX-License-Identifier: Apache-2.0
// The flow table by itself (Google Benchmark): look-ups and inserts in bursts of 32 with random
// keys, beside DPDK's rte_hash in bulk with the same keys, at the same number of entries. weir's
// look-up ends with the flow compared, rte_hash's with the key compared and a number found.
#include <benchmark/benchmark.h>
#include <rte_hash.h>
#include <rte_hash_crc.h>
#include <rte_jhash.h>

#include <memory>
#include <random>

#include "bpf/shared/program.h"
#include "dataplane/env.h"
#include "tests/bench/scene.h"
#include "tests/bench/software_port.h"
#include "tests/bench/tables.h"

namespace weir::bench {
namespace {

constexpr std::uint32_t now = 15'000;  // ticks
constexpr unsigned burst = 32;
Options options;

weir_tuple tuple_of(std::uint64_t flow) {
    weir_tuple tuple{};
    tuple.src = weir_addr_v4(weir_be32_from(0x0b000000 + static_cast<std::uint32_t>(flow >> 15)));
    tuple.dst = weir_addr_v4(weir_be32_from(0xc0000201));
    tuple.sport = weir_be16_from(static_cast<std::uint16_t>(32768 + flow % 32768));
    tuple.dport = weir_be16_from(80);
    tuple.protocol = WEIR_PROTO_TCP;
    return tuple;
}

// Claims and links as weir_flow_begin() and weir_flow_open() do, without the NAT half.
bool insert(weir_env& env, const weir_tuple& tuple, std::uint32_t tick = now,
            std::uint32_t lifetime = now) {
    const std::uint64_t hash = weir_hash_tuple(env.control->seed, &tuple);
    const std::uint32_t number = weir_flow_claim(&env, tick);
    if (number == WEIR_NO_FLOW) return false;
    weir_flow_unlink(&env, number);
    weir_flow* flow = weir_env_flow(&env, number);
    flow->client = tuple.src;
    flow->service = tuple.dst;
    flow->client_port = tuple.sport;
    flow->service_port = tuple.dport;
    flow->protocol = static_cast<std::uint8_t>(tuple.protocol);
    flow->state = WEIR_FLOW_ESTABLISHED;
    flow->source = WEIR_SOURCE_NONE;
    flow->expires = tick + lifetime;
    return weir_flow_link(&env, number, hash, tick) != 0;
}

struct WeirTable {
    explicit WeirTable(std::uint64_t flows)
        : size(size_for(flows, options)), tables(make_tables(size.geometry, options)) {
        view = tables.view();
        env = worker_env(view, 0);
    }
    Size size;
    tables::Segment tables;
    tables::View view;
    weir_env env{};
};

void weir_lookup(benchmark::State& state) {
    WeirTable table(static_cast<std::uint64_t>(state.range(0)));
    std::uint64_t refused = 0;
    for (std::uint64_t flow = 0; flow < table.size.flows; flow++)
        refused += !insert(table.env, tuple_of(flow));
    Random random;
    std::array<weir_tuple, burst> keys;
    std::array<std::uint64_t, burst> hashes;
    std::uint64_t found = 0;
    for (auto step : state) {
        (void)step;
        for (weir_tuple& key : keys) key = tuple_of(random.below(table.size.flows));
        for (unsigned i = 0; i < burst; i++) {
            hashes[i] = weir_hash_tuple(table.env.control->seed, &keys[i]);
            rte_prefetch0(
                &table.env.flow_refs[weir_first_bucket(hashes[i], table.env.control->ref_buckets)]);
        }
        for (unsigned i = 0; i < burst; i++)
            found += weir_flow_find(&table.env, &keys[i], hashes[i], now) != WEIR_NO_FLOW;
    }
    const auto looked_up = static_cast<double>(state.iterations() * burst);
    state.SetItemsProcessed(state.iterations() * burst);
    state.counters["found"] = static_cast<double>(found) / looked_up;
    state.counters["refused"] = static_cast<double>(refused);
    state.counters["flows"] = static_cast<double>(table.size.flows);
}

void weir_insert(benchmark::State& state) {
    WeirTable table(static_cast<std::uint64_t>(state.range(0)));
    std::uint64_t flow = 0;
    for (auto step : state) {
        (void)step;
        if (flow + burst > table.size.flows) {
            state.PauseTiming();
            std::ranges::fill(table.view.flows, weir_flow{});
            std::ranges::fill(table.view.flow_refs, weir_flow_refs{});
            flow = 0;
            state.ResumeTiming();
        }
        for (unsigned i = 0; i < burst; i++)
            benchmark::DoNotOptimize(insert(table.env, tuple_of(flow++)));
    }
    state.SetItemsProcessed(state.iterations() * burst);
    state.counters["flows"] = static_cast<double>(table.size.flows);
}

struct RteTable {
    explicit RteTable(std::uint64_t flows) {
        rte_hash_parameters parameters{};
        parameters.name = "rte";
        parameters.entries = static_cast<std::uint32_t>(flows + flows / 4);
        parameters.key_len = sizeof(weir_tuple);
        parameters.hash_func = rte_hash_crc;
        hash = rte_hash_create(&parameters);
    }
    ~RteTable() { rte_hash_free(hash); }
    rte_hash* hash = nullptr;
};

void rte_lookup(benchmark::State& state) {
    const auto flows = static_cast<std::uint64_t>(state.range(0));
    RteTable table(flows);
    if (!table.hash) return state.SkipWithError("no memory");
    for (std::uint64_t flow = 0; flow < flows; flow++) {
        const weir_tuple tuple = tuple_of(flow);
        rte_hash_add_key(table.hash, &tuple);
    }
    Random random;
    std::array<weir_tuple, burst> keys;
    std::array<const void*, burst> pointers;
    std::array<std::int32_t, burst> positions;
    std::uint64_t found = 0;
    for (unsigned i = 0; i < burst; i++) pointers[i] = &keys[i];
    for (auto step : state) {
        (void)step;
        for (weir_tuple& key : keys) key = tuple_of(random.below(flows));
        rte_hash_lookup_bulk(table.hash, pointers.data(), burst, positions.data());
        for (const std::int32_t position : positions) found += position >= 0;
    }
    state.SetItemsProcessed(state.iterations() * burst);
    state.counters["found"] =
        static_cast<double>(found) / static_cast<double>(state.iterations() * burst);
    state.counters["flows"] = static_cast<double>(flows);
}

void rte_insert(benchmark::State& state) {
    const auto flows = static_cast<std::uint64_t>(state.range(0));
    RteTable table(flows);
    if (!table.hash) return state.SkipWithError("no memory");
    std::uint64_t flow = 0;
    for (auto step : state) {
        (void)step;
        if (flow + burst > flows) {
            state.PauseTiming();
            rte_hash_reset(table.hash);
            flow = 0;
            state.ResumeTiming();
        }
        for (unsigned i = 0; i < burst; i++) {
            const weir_tuple tuple = tuple_of(flow++);
            benchmark::DoNotOptimize(rte_hash_add_key(table.hash, &tuple));
        }
    }
    state.SetItemsProcessed(state.iterations() * burst);
    state.counters["flows"] = static_cast<double>(flows);
}

// Fills a table to `percent` of its places, then goes on with flows that live for random times, so
// many at once on average: how many inserts find no room, and what one costs that takes the place
// of a dead flow.
void weir_refusals(benchmark::State& state) {
    constexpr std::uint64_t turns = 8;
    WeirTable table(static_cast<std::uint64_t>(state.range(0)));
    const auto places = std::uint64_t{table.size.geometry.flow_buckets} * WEIR_FLOWS_PER_BUCKET;
    const std::uint64_t flows = places * static_cast<std::uint64_t>(state.range(1)) / 100;
    std::mt19937_64 random(1);
    std::exponential_distribution<double> life(1.0 / now);
    std::uint64_t refused = 0;
    std::uint64_t started = 0;
    const auto start = [&](std::uint64_t count) {
        for (const std::uint64_t end = started + count; started < end; started++) {
            const std::uint64_t tick =
                now + (started < flows ? 0 : (started - flows) * now / flows);
            refused += !insert(table.env, tuple_of(started), static_cast<std::uint32_t>(tick),
                               1 + static_cast<std::uint32_t>(life(random)));
        }
    };
    start(flows * 2);
    for (auto step : state) {
        (void)step;
        start(flows * (turns - 1));
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(flows * (turns - 1)));
    state.counters["flows"] = static_cast<double>(flows);
    state.counters["inserts"] = static_cast<double>(started);
    state.counters["refused"] = static_cast<double>(refused);
    state.counters["refused_share"] = static_cast<double>(refused) / static_cast<double>(started);
}

void register_all() {
    const std::int64_t few = options.quick ? 20'000 : 1'000'000;
    const std::int64_t many = options.quick ? 40'000 : 10'000'000;
    // Numbers of bursts are fixed: finding them out would fill the tables again and again.
    const std::int64_t bursts = options.quick ? 500 : 20'000;
    for (const std::int64_t flows : {few, many}) {
        benchmark::RegisterBenchmark("weir_lookup", weir_lookup)->Arg(flows)->Iterations(bursts);
        benchmark::RegisterBenchmark("rte_hash_lookup", rte_lookup)->Arg(flows)->Iterations(bursts);
        benchmark::RegisterBenchmark("weir_insert", weir_insert)->Arg(flows)->Iterations(bursts);
        benchmark::RegisterBenchmark("rte_hash_insert", rte_insert)->Arg(flows)->Iterations(bursts);
    }
    for (const std::int64_t load : {80, 90, 95})
        benchmark::RegisterBenchmark("weir_refusals", weir_refusals)
            ->Args({few, load})
            ->Iterations(1);
}

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) {
    using namespace weir::bench;
    options = parse_options(argc, argv);
    start_dpdk(options, "weir-bench-table", 1023);
    register_all();
    std::string program = argv[0];
    std::string format = "--benchmark_format=json";
    std::array<char*, 3> words{program.data(), format.data(), nullptr};
    int count = 2;
    benchmark::Initialize(&count, words.data());
    benchmark::RunSpecifiedBenchmarks();
}
