// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/several.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "bpf/shared/flow_record.h"
#include "tests/fuzz/mutate.h"

namespace weir::fuzz {
namespace {

constexpr unsigned roomy = 512;       // flow buckets
constexpr unsigned plenty = 100'000;  // answers in a tick

bool before(const weir_flow& a, const weir_flow& b) {
    return std::memcmp(&a, &b, sizeof(a)) < 0;
}

// Wherever they stand.
std::vector<weir_flow> live_flows(const tables::View& view, std::uint32_t tick) {
    std::vector<weir_flow> live;
    std::ranges::copy_if(view.flows, std::back_inserter(live),
                         [&](const weir_flow& flow) { return weir_flow_live(&flow, tick); });
    std::ranges::sort(live, before);
    return live;
}

// Of all workers.
weir_counters sum(const tables::View& view, std::size_t backend) {
    weir_counters total{};
    for (std::size_t i = backend; i < view.counters.size(); i += view.control->backend_capacity) {
        total.flows += view.counters[i].flows;
        total.packets_in += view.counters[i].packets_in;
        total.bytes_in += view.counters[i].bytes_in;
        total.packets_out += view.counters[i].packets_out;
        total.bytes_out += view.counters[i].bytes_out;
    }
    return total;
}

}  // namespace

void fit_to_workers(nlohmann::json& generation, Spread spread) {
    const bool by_port = spread == Spread::by_port;
    for (auto& backend : generation.at("backends"))
        if (backend.at("mode") == "nat" || (!by_port && backend.at("mode") == "transparent"))
            backend["mode"] = by_port ? "transparent" : "dsr";
    for (auto& service : generation.at("services")) service["by_port"] = by_port;
}

void fit_case_to_workers(nlohmann::json& head, Spread spread) {
    head["flow_buckets"] = roomy;
    head["answers"] = plenty;
    for (auto& generation : head.at("generations")) {
        fit_to_workers(generation, spread);
        if (crosses_families(generation)) head["wild"] = true;
    }
}

std::optional<std::string> differ(const tables::View& one, const tables::View& several,
                                  std::uint64_t now) {
    const auto same = [](const auto& a, const auto& b) {
        return a.size() == b.size() &&
               (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(a[0])) == 0);
    };
    const std::uint32_t tick = weir_tick(now);
    if (!same(live_flows(one, tick), live_flows(several, tick))) return "flows";
    if (!same(one.upstreams, several.upstreams)) return "turns";
    for (std::size_t id = 0; id < one.control->backend_capacity; id++) {
        const weir_counters a = sum(one, id);
        const weir_counters b = sum(several, id);
        if (std::memcmp(&a, &b, sizeof(a)) != 0) return "counters";
    }
    return std::nullopt;
}

}  // namespace weir::fuzz
