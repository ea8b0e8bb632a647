// SPDX-License-Identifier: Apache-2.0
// The command line of weir: nginx's own options, read as nginx reads them (flags may be joined,
// -tq; a value may follow its letter directly, -cFILE).
#pragma once

#include <span>
#include <string>

#include "dataplane/tables/result.h"

namespace weir {

struct Options {
    bool help = false;
    bool version = false;
    bool configure_info = false;  // -V
    bool test = false;            // -t
    bool dump = false;            // -T
    bool describe = false;        // -J
    bool quiet = false;           // -q
    std::string signal;           // -s: stop, quit, reopen or reload
    std::string prefix;           // -p
    std::string error_log;        // -e
    std::string file;             // -c
    std::string globals;          // -g
};

// The error is nginx's own sentence, such as `invalid option: "-s foo"`.
Result<Options> parse_options(std::span<char* const> arguments);

// What -h prints.
std::string usage();

}  // namespace weir
