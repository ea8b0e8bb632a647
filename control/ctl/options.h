// SPDX-License-Identifier: Apache-2.0
// weirctl's command line: the options, and what they may not say. Called by the programs' main
// functions; prints nothing but --help's text, which is made here.
#pragma once

#include <boost/program_options.hpp>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/tables/result.h"

namespace weir::ctl {

enum Exit { ok = 0, refused = 1, usage = 2, unreachable = 3 };  // weirctl(8)

struct CommandLine {
    boost::program_options::variables_map options;
    std::vector<std::string> words;  // the command and its arguments

    bool json() const { return options["output"].as<std::string>() == "json"; }
    std::string socket() const;
    std::vector<std::string> all(const char* option) const;  // of one that may be repeated
};

// An error is a complaint about usage.
Result<CommandLine> parse_command_line(int argc, char** argv);

std::string help();

// Prints "weirctl: ..." on standard error.
int complain(const std::string& what);  // about usage; returns Exit::usage
int fail(Exit code, const std::string& what);

}  // namespace weir::ctl
