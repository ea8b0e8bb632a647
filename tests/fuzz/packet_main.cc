// SPDX-License-Identifier: Apache-2.0
// weir-fuzz: the packet program as g++ built it, under AddressSanitizer, against an engine: every
// row cut at each byte (with several workers as it is), then random cases from a seed. A
// difference, or a crash, leaves its case in a file that --replay runs again. Run by
// tests/packets/test_fuzz.py; needs root for xdp.
#include <fmt/format.h>
#include <sanitizer/common_interface_defs.h>

#include <boost/program_options.hpp>
#include <chrono>
#include <cstdio>
#include <iostream>

#include "control/replay/runner.h"
#include "tests/fuzz/scenario.h"

namespace {

namespace options = boost::program_options;
using namespace weir::fuzz;
using Clock = std::chrono::steady_clock;

struct Wanted {
    std::string engine = "xdp";
    std::string save = "finding.json";
    std::string replay;
    std::string rows;
    unsigned workers = 1;
    std::uint64_t seed = 1;
    std::uint64_t cases = 20000;
    unsigned seconds = 20;
};

const Scenario* at_work = nullptr;
std::string crash_file;

void save_crash() {
    if (!at_work) return;
    write_case(at_work->so_far(), crash_file);
    std::fprintf(stderr, "weir-fuzz: the case is in %s; run it again with --replay\n",
                 crash_file.c_str());
}

std::unique_ptr<weir::replay::Runner> make_other(const std::string& engine, unsigned workers) {
    if (workers < 1 || workers > 64 || (workers > 1 && engine != "dpdk"))
        throw std::runtime_error("--workers 1 to 64, and only with dpdk more than one");
    if (engine != "xdp" && engine != "dpdk") throw std::runtime_error("no such engine: " + engine);
    auto made =
        engine == "xdp" ? weir::replay::make_xdp_runner() : weir::replay::make_dpdk_runner(workers);
    if (!made) throw std::runtime_error(made.error());
    return *std::move(made);
}

int report(Twins& twins, const Case& found, const Wanted& wanted, const std::string& which) {
    const Case smaller = shrunk(twins, found);
    write_case(smaller, wanted.save);
    const auto difference = twins.run(smaller);
    fmt::print(
        "{}: {} steps, {} after shrinking\n{}\nthe case is in {}; run it again with --replay\n",
        which, found.steps.size(), smaller.steps.size(),
        difference.value_or("the difference came and went"), wanted.save);
    return 1;
}

int replay(Twins& twins, const Wanted& wanted) {
    for (const Case& one : read_cases(wanted.replay))
        if (const auto difference = twins.run(one)) {
            fmt::print("{}\n", *difference);
            return 1;
        }
    fmt::print("no difference\n");
    return 0;
}

int fuzz(Twins& twins, const Wanted& wanted) {
    const auto rows = read_cases(wanted.rows);
    Scenario scenario(twins, rows, wanted.workers > 1);
    at_work = &scenario;
    crash_file = wanted.save;
    __sanitizer_set_death_callback(save_crash);

    const bool several = wanted.workers > 1;
    for (const Case& row : rows) {
        const auto difference =
            several ? scenario.play_whole(row, Spread::by_port) : scenario.play_cut(row);
        if (difference || (several && scenario.play_whole(row, Spread::by_hash)))
            return report(twins, scenario.so_far(), wanted, row.head.at("name"));
    }
    fmt::print("{} rows {}: {} packets\n", rows.size(),
               several ? "by port and by hash" : "cut at each byte", twins.packets());

    const auto end = Clock::now() + std::chrono::seconds(wanted.seconds);
    std::uint64_t number = 0;
    for (; number < wanted.cases && Clock::now() < end; number++) {
        Choices choices(wanted.seed + number);
        if (scenario.play(choices))
            return report(twins, scenario.so_far(), wanted,
                          fmt::format("--seed {} --cases 1", wanted.seed + number));
    }
    fmt::print("{} cases from seed {}: {} packets in all, host and {} agree\n", number, wanted.seed,
               twins.packets(), wanted.engine);
    return 0;
}

Wanted parse(int argc, char** argv) {
    Wanted wanted;
    options::options_description known("weir-fuzz [OPTIONS] rows.json");
    auto add = known.add_options();
    add("help", "this text");
    add("engine", options::value(&wanted.engine),
        "what to compare the host build with: xdp or dpdk");
    add("workers", options::value(&wanted.workers),
        "of dpdk: more than one only with cases in which that makes no difference");
    add("seed", options::value(&wanted.seed),
        "of the first random case; each next one has the next");
    add("cases", options::value(&wanted.cases), "how many random cases");
    add("seconds", options::value(&wanted.seconds), "at most so long for them");
    add("save", options::value(&wanted.save), "where a finding goes");
    add("replay", options::value(&wanted.replay), "run the case of a file, and nothing else");
    add("rows", options::value(&wanted.rows), "what tests/packets/print_rows.py has printed");
    options::positional_options_description place;
    place.add("rows", 1);
    options::variables_map given;
    options::store(options::command_line_parser(argc, argv).options(known).positional(place).run(),
                   given);
    options::notify(given);
    if (given.contains("help") || (wanted.rows.empty() && wanted.replay.empty())) {
        std::cout << known;
        std::exit(given.contains("help") ? 0 : 2);
    }
    return wanted;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        const Wanted wanted = parse(argc, argv);
        const auto host = weir::replay::make_host_runner();
        const auto other = make_other(wanted.engine, wanted.workers);
        Twins twins(*host, *other, wanted.engine, wanted.workers);
        return wanted.replay.empty() ? fuzz(twins, wanted) : replay(twins, wanted);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "weir-fuzz: %s\n", error.what());
        return 2;
    }
}
