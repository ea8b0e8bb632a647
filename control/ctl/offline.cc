// SPDX-License-Identifier: Apache-2.0
#include "control/ctl/offline.h"

#include <filesystem>
#include <iostream>

#include "control/config/parser.h"

namespace weir::ctl {

Result<config::Model> read_configuration(const CommandLine& line) {
    const std::filesystem::path file =
        std::filesystem::absolute(line.options["config"].as<std::string>());
    config::ParseOptions options;
    options.file = file;
    options.prefix = file.parent_path();
    auto parsed = config::parse(options);
    if (!parsed) return Error{"cannot use the configuration: " + parsed.error()};
    for (const config::Message& message : parsed->messages)
        if (message.level <= config::LogLevel::warn) print_notes({message.text});
    return std::move(parsed->model);
}

Result<replay::Given> given_surroundings(const CommandLine& line) {
    replay::Given given;
    for (const std::string& text : line.all("port")) {
        auto port = replay::parse_port(text);
        if (!port) return Error{port.error()};
        given.ports.push_back(*std::move(port));
    }
    for (const std::string& text : line.all("neighbor"))
        if (const auto added = replay::add_neighbor(given, text); !added)
            return Error{added.error()};
    given.strict = line.options.contains("strict");
    return given;
}

void print_notes(const std::vector<std::string>& notes) {
    for (const std::string& note : notes) std::cerr << "weirctl: note: " << note << '\n';
}

}  // namespace weir::ctl
