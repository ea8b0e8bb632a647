// SPDX-License-Identifier: Apache-2.0
// nginx's command line, form by form. The sentences are those of nginx 1.22.
#include "control/options.h"

#include <gtest/gtest.h>

#include <vector>

#include "control/config/defaults.h"

namespace weir {
namespace {

Result<Options> parse(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "weir");
    std::vector<char*> pointers;
    for (std::string& argument : arguments) pointers.push_back(argument.data());
    return parse_options(pointers);
}

Options parsed(std::vector<std::string> arguments) {
    const auto options = parse(std::move(arguments));
    EXPECT_TRUE(options) << options.error();
    return options ? *options : Options{};
}

std::string refusal(std::vector<std::string> arguments) {
    const auto options = parse(std::move(arguments));
    EXPECT_FALSE(options);
    return options ? std::string() : options.error();
}

TEST(Options, NoneIsNothingSet) {
    const Options options = parsed({});
    EXPECT_FALSE(options.help || options.version || options.configure_info);
    EXPECT_FALSE(options.test || options.dump || options.quiet);
    EXPECT_EQ(options.signal + options.prefix + options.error_log + options.file + options.globals,
              "");
}

TEST(Options, FlagsMayBeJoined) {
    for (const auto& form : {std::vector<std::string>{"-tq"}, {"-qt"}, {"-t", "-q"}}) {
        const Options options = parsed(form);
        EXPECT_TRUE(options.test);
        EXPECT_TRUE(options.quiet);
        EXPECT_FALSE(options.dump);
    }
    EXPECT_FALSE(parsed({"-t"}).quiet);
}

TEST(Options, FlagsThatMeanMore) {
    EXPECT_TRUE(parsed({"-T"}).dump);
    EXPECT_TRUE(parsed({"-T"}).test);
    EXPECT_TRUE(parsed({"-J"}).describe);
    EXPECT_TRUE(parsed({"-J"}).test);
    EXPECT_TRUE(parsed({"-J"}).quiet);
    EXPECT_TRUE(parsed({"-v"}).version);
    EXPECT_FALSE(parsed({"-v"}).configure_info);
    EXPECT_TRUE(parsed({"-V"}).version);
    EXPECT_TRUE(parsed({"-V"}).configure_info);
    for (const char* form : {"-h", "-?"}) {
        EXPECT_TRUE(parsed({form}).help);
        EXPECT_TRUE(parsed({form}).version);
    }
}

TEST(Options, AValueFollowsItsLetterOrStandsAlone) {
    const auto each = [](char letter, std::string Options::*field) {
        const std::string option{'-', letter};
        EXPECT_EQ(parsed({option + "/a/b"}).*field, "/a/b") << option;
        EXPECT_EQ(parsed({option, "/a/b"}).*field, "/a/b") << option;
        EXPECT_EQ(parsed({option, "-t"}).*field, "-t")
            << option << ": the next word, whatever it is";
        EXPECT_EQ(parsed({option, "/a", option, "/b"}).*field, "/b")
            << option << ": the last one counts";
        EXPECT_EQ(parsed({std::string("-tq") + letter + "x"}).*field, "x") << option;
        EXPECT_EQ(parsed({std::string("-tq") + letter, "x"}).*field, "x") << option;
    };
    each('c', &Options::file);
    each('p', &Options::prefix);
    each('e', &Options::error_log);
    each('g', &Options::globals);
    EXPECT_FALSE(parsed({"-ct"}).test) << "-c takes the rest of the word";
    const Options all = parsed({"-p", "/p", "-cf", "-g", "daemon off; pid x;", "-t"});
    EXPECT_EQ(all.prefix, "/p");
    EXPECT_EQ(all.file, "f");
    EXPECT_EQ(all.globals, "daemon off; pid x;");
    EXPECT_TRUE(all.test);
}

TEST(Options, Signals) {
    for (const char* signal : {"stop", "quit", "reopen", "reload"}) {
        EXPECT_EQ(parsed({"-s", signal}).signal, signal);
        EXPECT_EQ(parsed({std::string("-s") + signal}).signal, signal);
    }
    EXPECT_EQ(refusal({"-s", "foo"}), "invalid option: \"-s foo\"");
    EXPECT_EQ(refusal({"-sfoo"}), "invalid option: \"-s foo\"");
    EXPECT_EQ(refusal({"-s", "STOP"}), "invalid option: \"-s STOP\"");
}

TEST(Options, AMissingValueIsNamed) {
    EXPECT_EQ(refusal({"-p"}), "option \"-p\" requires directory name");
    EXPECT_EQ(refusal({"-c"}), "option \"-c\" requires file name");
    EXPECT_EQ(refusal({"-e"}), "option \"-e\" requires file name");
    EXPECT_EQ(refusal({"-g"}), "option \"-g\" requires parameter");
    EXPECT_EQ(refusal({"-s"}), "option \"-s\" requires parameter");
    EXPECT_EQ(refusal({"-tp"}), "option \"-p\" requires directory name");
}

TEST(Options, StrangersAreRefused) {
    EXPECT_EQ(refusal({"-x"}), "invalid option: \"x\"");
    EXPECT_EQ(refusal({"-tqx"}), "invalid option: \"x\"");
    EXPECT_EQ(refusal({"--help"}), "invalid option: \"-\"");
    EXPECT_EQ(refusal({"foo"}), "invalid option: \"foo\"");
    EXPECT_EQ(refusal({"-t", "foo"}), "invalid option: \"foo\"");
    EXPECT_EQ(refusal({""}), "invalid option: \"\"");
    EXPECT_TRUE(parsed({"-", "-t"}).test) << "nginx reads a lone dash as no option at all";
}

TEST(Options, UsageNamesTheDefaults) {
    const std::string text = usage();
    for (const char* form : {"-?,-h", "-v", "-V", "-t", "-T", "-q", "-s signal", "-p prefix",
                             "-e filename", "-c filename", "-g directives"})
        EXPECT_NE(text.find(std::string("\n  ") + form), std::string::npos) << form;
    for (const std::string value :
         {config::default_prefix, config::default_error_log, config::default_file})
        EXPECT_NE(text.find("(default: " + value + ")"), std::string::npos) << value;
}

}  // namespace
}  // namespace weir
