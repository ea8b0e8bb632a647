// SPDX-License-Identifier: Apache-2.0
// weir, the control plane: nginx's command line and start-up. What runs afterwards is
// application.h.
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <span>
#include <utility>

#include "control/application.h"
#include "control/config/defaults.h"
#include "control/config/describe.h"
#include "control/config/parser.h"
#include "control/log/log.h"
#include "control/options.h"
#include "control/process.h"
#include "control/publish/sizing.h"
#include "control/version.h"

namespace {

using namespace weir;

// A sentence on stderr, in nginx's form; nothing is known of an error log yet.
int fail(const std::string& level, const std::string& sentence) {
    fmt::print(stderr, "weir: [{}] {}\n", level, sentence);
    return EXIT_FAILURE;
}

config::ParseOptions parse_options_of(const Options& options) {
    config::ParseOptions parse;
    parse.prefix = options.prefix.empty() ? config::default_prefix : options.prefix;
    parse.file = options.file.empty() ? config::default_file : options.file;
    if (options.file.empty() && !options.prefix.empty()) parse.file = "weir.conf";
    parse.global_directives = options.globals;
    parse.error_log = options.error_log;
    return parse;
}

// nginx's -e, or what the configuration says.
Result<config::Parsed> read(const Options& options) {
    const auto parse = parse_options_of(options);
    auto parsed = config::parse(parse);
    if (!parsed) return parsed;
    if (const auto status = config::check_serves(parsed->model, parse.file); !status)
        return Error{status.error()};
    if (const auto status = publish::check_limits(parsed->model); !status)
        return Error{status.error()};
    return parsed;
}

int test(const Options& options) {
    const std::string file = parse_options_of(options).file;
    const auto parsed = read(options);
    if (!parsed) {
        fail("emerg", parsed.error());
        fmt::print(stderr, "weir: configuration file {} test failed\n", file);
        return EXIT_FAILURE;
    }
    for (const config::Message& message : parsed->messages)
        if (!options.quiet || message.level <= config::LogLevel::warn)
            fmt::print(stderr, "weir: [{}] {}\n",
                       message.level == config::LogLevel::warn ? "warn" : "notice", message.text);
    if (!options.quiet)
        fmt::print(stderr,
                   "weir: the configuration file {0} syntax is ok\n"
                   "weir: configuration file {0} test is successful\n",
                   file);
    if (options.describe) fmt::print("{}\n", config::describe(parsed->model).dump(2));
    if (options.dump)
        for (const config::DumpedFile& dumped : parsed->files)
            fmt::print("# configuration file {}:\n{}\n", dumped.name, dumped.text);
    return EXIT_SUCCESS;
}

int signal(const Options& options) {
    // Host names need not resolve for the pid file to be known.
    auto parse = parse_options_of(options);
    parse.resolve = false;
    const auto parsed = config::parse(parse);
    if (!parsed) return fail("emerg", parsed.error());
    if (options.signal == "reload")
        if (const auto status = config::check_serves(parsed->model, parse.file); !status)
            return fail("emerg", status.error());
    const auto status = signal_process(parsed->model.core.pid, options.signal);
    return status ? EXIT_SUCCESS : fail("error", status.error());
}

int run(const Options& options) {
    auto parsed = read(options);
    if (!parsed) return fail("emerg", parsed.error());
    for (const config::Message& message : parsed->messages)
        if (message.level <= config::LogLevel::warn) fail("warn", message.text);
    if (const auto missing = missing_rights(); !missing.empty()) return fail("emerg", missing);
    auto lock = InstanceLock::take(parsed->model.dataplane.instance);
    if (!lock) return fail("emerg", lock.error());
    const config::Core core = parsed->model.core;
    if (core.error_log.target == config::default_error_log) make_folder_of(core.error_log.target);
    if (const auto status = log::init(core.error_log.target, core.error_log.level); !status)
        return fail("emerg", status.error());
    for (const config::Message& message : parsed->messages)
        if (message.level > config::LogLevel::warn) log::write(message.level, message.text);

    Background background;
    if (core.daemon)
        if (const auto status = background.enter(); !status) return fail("emerg", status.error());
    lock->name_this_process();
    raise_limits();

    Application application(std::move(parsed->model), [&options] { return read(options); });
    if (const auto status = application.start(); !status) {
        log::emerg("{}", status.error());
        return EXIT_FAILURE;
    }
    if (const auto status = write_pid_file(core.pid); !status) log::error("{}", status.error());
    log::notice("weir/{} is forwarding", version);
    if (core.daemon) log::console(false);
    background.started();
    application.run();
    remove_pid_file(core.pid);
    log::notice("exit");
    return EXIT_SUCCESS;
}

}  // namespace

int main(int argc, char** argv) {
    const auto options = parse_options({argv, static_cast<std::size_t>(argc)});
    if (!options) {
        fmt::print(stderr, "weir: {}\n", options.error());
        return EXIT_FAILURE;
    }
    if (options->version) fmt::print(stderr, "weir version: weir/{}\n", version);
    if (options->configure_info)
        fmt::print(stderr, "built with {}\nengines: dpdk xdp\nconfigure arguments:\n", compiler);
    if (options->help) fmt::print(stderr, "{}", usage());
    if (options->version) return EXIT_SUCCESS;
    if (options->test) return test(*options);
    if (!options->signal.empty()) return signal(*options);
    return run(*options);
}
