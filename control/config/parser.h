// SPDX-License-Identifier: Apache-2.0
// The configuration language's front door: a file's name in, a Model out. Called by main for start,
// -t, -T and HUP, by the tests and by the fuzzer. It touches nothing but the files it reads and the
// resolver it is given, so a failed parse changes nothing.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "control/config/model.h"
#include "dataplane/tables/result.h"

namespace weir::config {

using Resolver = std::function<Result<std::vector<IpAddress>>(const std::string& host)>;

// getaddrinfo, IPv4 addresses first as in nginx. The error is "host not found".
Result<std::vector<IpAddress>> resolve_host(const std::string& host);

struct ParseOptions {
    std::string file;    // relative to `prefix`
    std::string prefix;  // for the paths of pid and error_log; `include` is relative to file
    std::string global_directives;  // of -g; read before the file, wins inside dataplane{}
    bool resolve = true;            // false: a host name is taken as is and gets no addresses
    Resolver resolver = resolve_host;
    std::string error_log = {};  // of -e: where the log is, unless the configuration has another
};

struct Message {
    LogLevel level = LogLevel::notice;
    std::string text;
};

struct DumpedFile {
    std::string name;
    std::string text;
};

struct Parsed {
    Model model;
    std::vector<Message> messages;  // in file order; a notice comes once per directive name
    std::vector<DumpedFile> files;  // for -T: each file once, in the order of first use
};

// The error is the text after "[emerg] ": nginx's line first, then lines of detail, each after
// '\n'.
Result<Parsed> parse(const ParseOptions& options);

// Refuses what would balance nothing: an empty file, or one that was cut off between two blocks.
// For whoever is about to run it; parse() alone takes it.
Status check_serves(const Model& model, const std::string& file);

}  // namespace weir::config
