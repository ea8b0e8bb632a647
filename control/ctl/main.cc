// SPDX-License-Identifier: Apache-2.0
// weirctl, the operator's client: reads the command line, asks the balancer, prints. It changes
// nothing, and each exit code means one thing (weirctl(8)).
#include <algorithm>
#include <boost/program_options.hpp>
#include <iostream>
#include <optional>

#include "control/ctl/client.h"
#include "control/ctl/show.h"

namespace {

namespace options = boost::program_options;
using nlohmann::json;

enum Exit { ok = 0, refused = 1, usage = 2, unreachable = 3 };

constexpr const char* synopsis =
    "usage: weirctl [-i INSTANCE] [-s SOCKET] [-o table|json] COMMAND\n"
    "\n"
    "commands:\n"
    "  show services|backends|flows|stats|workers|ports   what the balancer does now\n"
    "  reasons     every reason a packet can end with, and what it means\n"
    "  version     weirctl's version\n"
    "\n";

options::options_description known_options() {
    options::options_description known("options");
    known.add_options()("help,h", "this text");
    known.add_options()("instance,i", options::value<std::string>()->default_value("weir"),
                        "name of the instance (dataplane { instance NAME; })");
    known.add_options()("socket,s", options::value<std::string>(),
                        "its socket; default /run/weir/INSTANCE.sock");
    known.add_options()("output,o", options::value<std::string>()->default_value("table"),
                        "table or json");
    known.add_options()("service", options::value<std::string>(),
                        "only this service: ADDRESS, ADDRESS:PORT or :PORT");
    known.add_options()("backend", options::value<std::string>(), "only this backend, likewise");
    known.add_options()("client", options::value<std::string>(),
                        "only flows of this client, likewise");
    known.add_options()("limit", options::value<unsigned>(),
                        "rows of flows to show, 1 to 100000; default 1000");
    known.add_options()("all", "stats: reasons without packets too");
    return known;
}

int complain(const std::string& what) {
    std::cerr << "weirctl: " << what << "\nTry 'weirctl --help'.\n";
    return usage;
}

// A complaint, if the options make no sense.
std::optional<std::string> mistake(const options::variables_map& given) {
    const std::string output = given["output"].as<std::string>();
    if (output != "table" && output != "json")
        return "\"" + output + "\" is no output format; there are table and json";
    const std::string instance = given["instance"].as<std::string>();
    const bool well_formed =
        !instance.empty() && instance.size() <= 12 &&
        instance.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos;
    if (!well_formed) return "\"" + instance + "\" is no instance name: 1 to 12 of a-z, 0-9 and -";
    return std::nullopt;
}

bool as_json(const options::variables_map& given) {
    return given["output"].as<std::string>() == "json";
}

int show(const options::variables_map& given, const std::string& report) {
    json request{{"show", report}};
    for (const char* filter : {"service", "backend", "client"})
        if (given.contains(filter)) request[filter] = given[filter].as<std::string>();
    if (given.contains("limit")) request["limit"] = given["limit"].as<unsigned>();
    if (given.contains("all")) request["all"] = true;

    const std::string socket = given.contains("socket")
                                   ? given["socket"].as<std::string>()
                                   : "/run/weir/" + given["instance"].as<std::string>() + ".sock";
    const weir::Result<json> answer = weir::ctl::ask(socket, request);
    if (!answer) {
        std::cerr << "weirctl: " << answer.error() << '\n';
        return unreachable;
    }
    if (answer->contains("error")) {
        const json& error = (*answer)["error"];
        std::cerr << "weirctl: " << (error.is_string() ? error.get<std::string>() : error.dump())
                  << '\n';
        return refused;
    }
    if (as_json(given))
        std::cout << answer->dump(2) << '\n';
    else
        weir::ctl::print_report(std::cout, report, *answer);
    return ok;
}

int run(const options::variables_map& given, const std::vector<std::string>& words) {
    const std::string& command = words.front();
    if (command == "show") {
        const auto& reports = weir::ctl::report_names();
        if (words.size() != 2 ||
            std::find(reports.begin(), reports.end(), words[1]) == reports.end())
            return complain("show needs one of services, backends, flows, stats, workers, ports");
        return show(given, words[1]);
    }
    if (words.size() > 1) return complain("\"" + command + "\" takes no arguments");
    if (command == "reasons") {
        if (as_json(given))
            std::cout << weir::ctl::reasons_as_json().dump(2) << '\n';
        else
            weir::ctl::print_reasons(std::cout);
        return ok;
    }
    if (command == "version") {
        std::cout << "weirctl version: weir/" WEIR_VERSION "\n";
        return ok;
    }
    return complain("unknown command \"" + command + "\"");
}

}  // namespace

int main(int argc, char** argv) {
    const options::options_description visible = known_options();
    options::options_description every;
    every.add(visible).add_options()("word", options::value<std::vector<std::string>>());
    options::positional_options_description words;
    words.add("word", -1);

    options::variables_map given;
    try {
        options::store(
            options::command_line_parser(argc, argv).options(every).positional(words).run(), given);
        options::notify(given);
    } catch (const options::error& problem) {
        return complain(problem.what());
    }
    if (given.contains("help")) {
        std::cout << synopsis << visible;
        return ok;
    }
    if (!given.contains("word")) return complain("a command is missing");
    if (const auto wrong = mistake(given)) return complain(*wrong);
    return run(given, given["word"].as<std::vector<std::string>>());
}
