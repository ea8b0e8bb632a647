// SPDX-License-Identifier: Apache-2.0
// Each messages/NAME.conf must bring the message that a real nginx gave for it (NAME.expected,
// written by messages/record.sh). weir may add lines of detail; its first line is nginx's.
#include <set>
#include <sstream>

#include "tests/control/config/support.h"

namespace weir::config {
namespace {

namespace fs = std::filesystem;

std::string slurp(const fs::path& path) {
    std::ostringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
}

// What weir says in the form of the records: level, then text without the directory.
std::string verdict_of(const fs::path& conf) {
    ParseOptions options;
    options.file = conf;
    options.resolver = known_hosts;
    auto parsed = parse(options);
    std::string text = "ok";
    if (!parsed) {
        text = "[emerg] " + parsed.error().substr(0, parsed.error().find('\n'));
    } else {
        for (const Message& message : parsed->messages)
            if (message.level == LogLevel::warn && text == "ok") text = "[warn] " + message.text;
    }
    const std::string directory = conf.parent_path().string() + "/";
    for (auto at = text.find(directory); at != std::string::npos; at = text.find(directory))
        text.erase(at, directory.size());
    return text;
}

TEST(Messages, AreNginxsOwn) {
    unsigned cases = 0;
    for (const auto& entry :
         fs::directory_iterator(source_root() / "tests/control/config/messages")) {
        if (entry.path().extension() != ".conf") continue;
        ++cases;
        std::string expected = slurp(fs::path(entry.path()).replace_extension(".expected"));
        ASSERT_FALSE(expected.empty()) << entry.path() << " has no record: run record.sh";
        expected.pop_back();
        EXPECT_EQ(verdict_of(fs::absolute(entry.path())), expected) << entry.path();
    }
    EXPECT_GT(cases, 100U);
}

}  // namespace
}  // namespace weir::config
