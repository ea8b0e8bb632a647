// SPDX-License-Identifier: Apache-2.0
// weirctl, the operator's client: reads the command line, asks the balancer or runs a capture,
// prints. It changes nothing, and each exit code means one thing (weirctl(8)).
#include <limits.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <iostream>

#include "control/ctl/client.h"
#include "control/ctl/explain.h"
#include "control/ctl/options.h"
#include "control/ctl/replay.h"
#include "control/ctl/show.h"
#include "control/log/system_error.h"

namespace {

using nlohmann::json;
using weir::ctl::CommandLine;
using weir::ctl::complain;
using weir::ctl::fail;

int show(const CommandLine& line, const std::string& report) {
    const auto& given = line.options;
    json request{{"show", report}};
    for (const char* filter : {"service", "backend", "client"})
        if (given.contains(filter)) request[filter] = given[filter].as<std::string>();
    if (given.contains("limit")) request["limit"] = given["limit"].as<unsigned>();
    if (given.contains("all")) request["all"] = true;

    const weir::Result<json> answer = weir::ctl::ask(line.socket(), request);
    if (!answer) return fail(weir::ctl::unreachable, answer.error());
    if (const auto why = weir::ctl::refusal(*answer)) return fail(weir::ctl::refused, *why);
    if (line.json())
        std::cout << answer->dump(2) << '\n';
    else
        weir::ctl::print_report(std::cout, report, *answer);
    return weir::ctl::ok;
}

// weir-replay is beside weirctl in the build tree, and where it is installed else.
std::string replay_program() {
    char self[PATH_MAX] = "";
    const ssize_t length = ::readlink("/proc/self/exe", self, sizeof(self) - 1);
    const std::filesystem::path beside =
        std::filesystem::path(std::string(self, length > 0 ? static_cast<std::size_t>(length) : 0))
            .parent_path() /
        "weir-replay";
    return ::access(beside.c_str(), X_OK) == 0 ? beside.string() : WEIR_REPLAY;
}

int replay(const CommandLine& line, char** argv) {
    if (line.options["engine"].as<std::string>() != "dpdk")
        return weir::ctl::replay(line, weir::ctl::make_runner);
    const std::string program = replay_program();
    ::execv(program.c_str(), argv);
    return fail(weir::ctl::refused, "engine dpdk needs the program " + program +
                                        ", which cannot be run (" + weir::system_error(errno) +
                                        ")");
}

int run(const CommandLine& line, char** argv) {
    const auto& words = line.words;
    const std::string& command = words.front();
    if (command == "show") {
        const auto& reports = weir::ctl::report_names();
        if (words.size() != 2 ||
            std::find(reports.begin(), reports.end(), words[1]) == reports.end())
            return complain("show needs one of services, backends, flows, stats, workers, ports");
        return show(line, words[1]);
    }
    if (command == "replay") return replay(line, argv);
    if (command == "explain") return weir::ctl::explain(line);
    if (words.size() > 1) return complain("\"" + command + "\" takes no arguments");
    if (command == "reasons") {
        if (line.json())
            std::cout << weir::ctl::reasons_as_json().dump(2) << '\n';
        else
            weir::ctl::print_reasons(std::cout);
        return weir::ctl::ok;
    }
    if (command == "version") {
        std::cout << "weirctl version: weir/" WEIR_VERSION "\n";
        return weir::ctl::ok;
    }
    return complain("unknown command \"" + command + "\"");
}

}  // namespace

int main(int argc, char** argv) {
    const auto line = weir::ctl::parse_command_line(argc, argv);
    if (!line) return complain(line.error());
    if (line->options.contains("help")) {
        std::cout << weir::ctl::help();
        return weir::ctl::ok;
    }
    return run(*line, argv);
}
