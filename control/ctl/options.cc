// SPDX-License-Identifier: Apache-2.0
#include "control/ctl/options.h"

#include <iostream>
#include <sstream>

namespace weir::ctl {
namespace {

namespace options = boost::program_options;
using Strings = std::vector<std::string>;

constexpr const char* synopsis =
    "usage: weirctl [-i INSTANCE] [-s SOCKET] [-o table|json] COMMAND\n"
    "\n"
    "commands:\n"
    "  show services|backends|flows|stats|workers|ports   what the balancer does now\n"
    "  explain CLIENT:PORT SERVICE:PORT[/PROTOCOL]        where a packet would go, and why\n"
    "  replay --config FILE CAPTURE   runs a capture through the packet program\n"
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
    known.add_options()("config,c", options::value<std::string>(),
                        "replay, explain: this configuration instead of a running balancer's");
    known.add_options()("engine", options::value<std::string>()->default_value("host"),
                        "replay: host, xdp or dpdk");
    known.add_options()("port", options::value<Strings>(),
                        "replay, explain --config: a port of the balancer, "
                        "NAME=ADDRESS/LENGTH[,...][,MAC][,vlan=ID,parent=NAME]; may be repeated");
    known.add_options()("neighbor", options::value<Strings>(),
                        "likewise: a backend's next hop, ADDRESS=MAC, or ADDRESS=local; may be "
                        "repeated");
    known.add_options()("strict", "likewise: a backend whose MAC is not known is unreachable");
    known.add_options()("write,w", options::value<std::string>(),
                        "replay: write what became of the packets to this pcapng file");
    return known;
}

// A complaint, if the options make no sense.
std::optional<std::string> mistake(const options::variables_map& given) {
    const std::string output = given["output"].as<std::string>();
    if (output != "table" && output != "json")
        return "\"" + output + "\" is no output format; there are table and json";
    const std::string engine = given["engine"].as<std::string>();
    if (engine != "host" && engine != "xdp" && engine != "dpdk")
        return "\"" + engine + "\" is no engine to replay with; there are host, xdp and dpdk";
    const std::string instance = given["instance"].as<std::string>();
    const bool well_formed =
        !instance.empty() && instance.size() <= 12 &&
        instance.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos;
    if (!well_formed) return "\"" + instance + "\" is no instance name: 1 to 12 of a-z, 0-9 and -";
    return std::nullopt;
}

}  // namespace

std::string CommandLine::socket() const {
    return options.contains("socket")
               ? options["socket"].as<std::string>()
               : "/run/weir/" + options["instance"].as<std::string>() + ".sock";
}

Strings CommandLine::all(const char* option) const {
    return options.contains(option) ? options[option].as<Strings>() : Strings{};
}

Result<CommandLine> parse_command_line(int argc, char** argv) {
    options::options_description every;
    every.add(known_options()).add_options()("word", options::value<Strings>());
    options::positional_options_description words;
    words.add("word", -1);
    CommandLine line;
    try {
        options::store(
            options::command_line_parser(argc, argv).options(every).positional(words).run(),
            line.options);
        options::notify(line.options);
    } catch (const options::error& problem) {
        return Error{problem.what()};
    }
    if (line.options.contains("help")) return line;
    line.words = line.all("word");
    if (line.words.empty()) return Error{"a command is missing"};
    if (const auto wrong = mistake(line.options)) return Error{*wrong};
    return line;
}

std::string help() {
    std::ostringstream text;
    text << synopsis << known_options();
    return text.str();
}

int complain(const std::string& what) {
    std::cerr << "weirctl: " << what << "\nTry 'weirctl --help'.\n";
    return usage;
}

int fail(Exit code, const std::string& what) {
    std::cerr << "weirctl: " << what << '\n';
    return code;
}

}  // namespace weir::ctl
