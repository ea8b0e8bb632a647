// SPDX-License-Identifier: Apache-2.0
// weir-rows --engine host|xdp|dpdk rows.json: runs packet rows and prints, as JSON, what became of
// each step. It judges nothing; tests/packets/ compares.
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <stdexcept>

#include "bpf/shared/reasons.h"
#include "bpf/shared/tcp.h"
#include "control/replay/runner.h"
#include "tests/harness/row.h"

namespace {

using nlohmann::json;
using namespace weir::rows;
using weir::replay::Fate;
using weir::replay::Frame;
using weir::replay::make_dpdk_runner;
using weir::replay::make_host_runner;
using weir::replay::make_xdp_runner;
using weir::replay::Runner;

template <class T>
T or_throw(weir::Result<T> result) {
    if (!result) throw std::runtime_error(result.error());
    return *std::move(result);
}

// At most one packet out for each one in.
json frame_json(const std::vector<Frame>& frames) {
    if (frames.empty()) return nullptr;
    return {{"port", frames.back().port}, {"hex", to_hex(frames.back().bytes)}};
}

json reasons_json(const Fate& fate) {
    json reasons = json::array();
    for (const weir_reason reason : fate.reasons) reasons.push_back(reason_name(reason));
    return reasons;
}

json run_step(Runner& runner, weir::tables::Writer& writer, const json& row, const json& step,
              std::uint64_t& now) {
    if (step.contains("age_ms")) {
        const auto milliseconds = step.at("age_ms").get<std::uint64_t>();
        now += std::uint64_t{WEIR_TICKS_OF_MS(milliseconds)} << WEIR_TICK_SHIFT;
        return nullptr;
    }
    if (step.contains("publish")) {
        publish(writer, row.at("generations").at(step.at("publish").get<std::size_t>()));
        return nullptr;
    }
    const Fate fate = or_throw(runner.send({step.at("port"), from_hex(step.at("packet"))}, now));
    return {{"reasons", reasons_json(fate)},
            {"out", frame_json(fate.out)},
            {"host", frame_json(fate.to_host)}};
}

json run_row(Runner& runner, const json& row) {
    json result{{"name", row.at("name")}, {"steps", json::array()}};
    try {
        const auto view = or_throw(runner.open(geometry_of(row)));
        prepare(view, row, runner.ifindexes());
        // One packet at a time: when a generation is published, none is being processed.
        weir::tables::Writer writer(view, [](std::uint64_t) {});
        std::uint64_t now = start_of_time;
        for (const json& step : row.at("steps"))
            result["steps"].push_back(run_step(runner, writer, row, step, now));
    } catch (const std::exception& error) {
        result["error"] = error.what();
    }
    return result;
}

std::unique_ptr<Runner> make_runner(const std::string& name) {
    if (name == "host") return make_host_runner();
    if (name == "xdp") return or_throw(make_xdp_runner());
    if (name == "dpdk") return or_throw(make_dpdk_runner());
    throw std::runtime_error("no such engine: " + name);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 4 || std::strcmp(argv[1], "--engine") != 0) {
        std::fprintf(stderr, "usage: weir-rows --engine host|xdp|dpdk rows.json\n");
        return 2;
    }
    try {
        const auto runner = make_runner(argv[2]);
        std::ifstream file(argv[3]);
        json results = json::array();
        for (const json& row : json::parse(file)) results.push_back(run_row(*runner, row));
        std::cout << results.dump() << "\n";
    } catch (const std::exception& error) {
        std::fprintf(stderr, "weir-rows: %s\n", error.what());
        return 1;
    }
    return 0;
}
