// SPDX-License-Identifier: Apache-2.0
#include "control/options.h"

#include <fmt/format.h>

#include <set>
#include <string_view>

#include "control/config/defaults.h"

namespace weir {
namespace {

// Where an option's value goes, or nothing for a flag or a letter that is none.
std::string* value_of(Options& options, char letter) {
    switch (letter) {
        case 's':
            return &options.signal;
        case 'p':
            return &options.prefix;
        case 'e':
            return &options.error_log;
        case 'c':
            return &options.file;
        case 'g':
            return &options.globals;
        default:
            return nullptr;
    }
}

bool set_flag(Options& options, char letter) {
    switch (letter) {
        case '?':
        case 'h':
            return options.help = options.version = true;
        case 'v':
            return options.version = true;
        case 'V':
            return options.version = options.configure_info = true;
        case 't':
            return options.test = true;
        case 'T':
            return options.test = options.dump = true;
        case 'J':
            return options.test = options.quiet = options.describe = true;
        case 'q':
            return options.quiet = true;
        default:
            return false;
    }
}

std::string missing(char letter) {
    switch (letter) {
        case 'p':
            return "option \"-p\" requires directory name";
        case 'c':
        case 'e':
            return fmt::format("option \"-{}\" requires file name", letter);
        default:
            return fmt::format("option \"-{}\" requires parameter", letter);
    }
}

}  // namespace

Result<Options> parse_options(std::span<char* const> arguments) {
    static const std::set<std::string, std::less<>> signals{"stop", "quit", "reopen", "reload"};
    Options options;

    for (std::size_t i = 1; i < arguments.size(); i++) {
        const std::string_view argument = arguments[i];
        if (!argument.starts_with('-'))  // a lone dash is nothing, as in nginx
            return Error{fmt::format("invalid option: \"{}\"", argument)};
        for (std::size_t at = 1; at < argument.size(); at++) {
            const char letter = argument[at];
            if (set_flag(options, letter)) continue;
            std::string* value = value_of(options, letter);
            if (!value) return Error{fmt::format("invalid option: \"{}\"", letter)};
            if (at + 1 < argument.size())
                *value = argument.substr(at + 1);
            else if (i + 1 < arguments.size() && *arguments[i + 1])
                *value = arguments[++i];
            else
                return Error{missing(letter)};
            if (letter == 's' && !signals.contains(*value))
                return Error{fmt::format("invalid option: \"-s {}\"", *value)};
            break;
        }
    }
    return options;
}

std::string usage() {
    return fmt::format(
        "Usage: weir [-?hvVtTJq] [-s signal] [-p prefix]\n"
        "            [-e filename] [-c filename] [-g directives]\n"
        "\n"
        "Options:\n"
        "  -?,-h         : this help\n"
        "  -v            : show version and exit\n"
        "  -V            : show version and configure options then exit\n"
        "  -t            : test configuration and exit\n"
        "  -T            : test configuration, dump it and exit\n"
        "  -J            : test configuration, tell in JSON what it means and exit\n"
        "  -q            : suppress non-error messages during configuration testing\n"
        "  -s signal     : send signal to a running weir: stop, quit, reopen, reload\n"
        "  -p prefix     : set prefix path (default: {})\n"
        "  -e filename   : set error log file (default: {})\n"
        "  -c filename   : set configuration file (default: {})\n"
        "  -g directives : set global directives out of configuration file;\n"
        "                  a dataplane {{}} block is welcome, its settings win over the file's\n",
        config::default_prefix, config::default_error_log, config::default_file);
}

}  // namespace weir
