// SPDX-License-Identifier: Apache-2.0
// weir-rows --engine host|xdp|dpdk rows.json: runs packet rows and prints, as JSON, what became of
// each step. It judges nothing; tests/packets/ compares.
#include <sched.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>

#include "bpf/shared/reasons.h"
#include "tests/harness/row_engine.h"

namespace {

using nlohmann::json;
using namespace weir::rows;

const char* reason_name(unsigned reason) {
#define WEIR_CASE(name, verdict, text, meaning) \
    case WEIR_REASON_##name:                    \
        return text;
    switch (reason) {
        WEIR_REASONS(WEIR_CASE)
        default:
            return "?";
    }
#undef WEIR_CASE
}

json frame_json(const std::optional<Frame>& frame) {
    if (!frame) return nullptr;
    return {{"port", frame->port}, {"hex", to_hex(frame->bytes)}};
}

// All reasons that were counted for one packet; a correct engine counts one.
json reasons_since(const weir_worker& before, const weir_worker& after) {
    json reasons = json::array();
    for (unsigned i = 0; i < WEIR_REASON_CAPACITY; i++)
        for (auto count = before.reason[i]; count < after.reason[i]; count++)
            reasons.push_back(reason_name(i));
    return reasons;
}

json run_step(RowEngine& engine, const weir::tables::View& view, weir::tables::Writer& writer,
              const json& row, const json& step) {
    if (step.contains("age_ms")) {
        age(view, step.at("age_ms"));
        return nullptr;
    }
    if (step.contains("publish")) {
        publish(writer, row.at("generations").at(step.at("publish").get<std::size_t>()));
        return nullptr;
    }
    const weir_worker before = view.workers[0];
    const Sent sent = engine.send({step.at("port"), from_hex(step.at("packet"))});
    return {{"reasons", reasons_since(before, view.workers[0])},
            {"out", frame_json(sent.out)},
            {"host", frame_json(sent.to_host)}};
}

json run_row(RowEngine& engine, const json& row) {
    json result{{"name", row.at("name")}, {"steps", json::array()}};
    try {
        const auto view = engine.open(geometry_of(row));
        prepare(view, row, engine.ifindexes());
        // One packet at a time: when a generation is published, none is being processed.
        weir::tables::Writer writer(view, [](std::uint64_t) {});
        for (const json& step : row.at("steps"))
            result["steps"].push_back(run_step(engine, view, writer, row, step));
    } catch (const std::exception& error) {
        result["error"] = error.what();
    }
    return result;
}

std::unique_ptr<RowEngine> make_engine(const char* name) {
    if (std::strcmp(name, "host") == 0) return make_host_engine();
    if (std::strcmp(name, "xdp") == 0) return make_xdp_engine();
    if (std::strcmp(name, "dpdk") == 0) return make_dpdk_engine();
    return nullptr;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 4 || std::strcmp(argv[1], "--engine") != 0) {
        std::fprintf(stderr, "usage: weir-rows --engine host|xdp|dpdk rows.json\n");
        return 2;
    }
    // Worker 0 of one: in XDP a worker is a CPU.
    cpu_set_t first;
    CPU_ZERO(&first);
    CPU_SET(0, &first);
    sched_setaffinity(0, sizeof(first), &first);
    try {
        const auto engine = make_engine(argv[2]);
        if (!engine) throw std::runtime_error(std::string("no such engine: ") + argv[2]);
        std::ifstream file(argv[3]);
        json results = json::array();
        for (const json& row : json::parse(file)) results.push_back(run_row(*engine, row));
        std::cout << results.dump() << "\n";
    } catch (const std::exception& error) {
        std::fprintf(stderr, "weir-rows: %s\n", error.what());
        return 1;
    }
    return 0;
}
