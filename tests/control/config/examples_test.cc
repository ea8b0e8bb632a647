// SPDX-License-Identifier: Apache-2.0
// Every configuration that weir ships must parse, and the tutorial's must mean what the tutorial
// says.
#include "tests/control/config/support.h"

namespace weir::config {
namespace {

Result<Parsed> parse_file(const std::filesystem::path& path) {
    ParseOptions options;
    options.file = path;
    options.resolver = known_hosts;
    return parse(options);
}

TEST(Examples, AllParse) {
    unsigned examples = 0;
    for (const auto& entry :
         std::filesystem::directory_iterator(source_root() / "config/examples")) {
        if (entry.path().extension() != ".conf") continue;
        ++examples;
        auto parsed = parse_file(entry.path());
        ASSERT_TRUE(parsed.ok()) << parsed.error();
        EXPECT_FALSE(parsed->model.services.empty()) << entry.path();
    }
    EXPECT_GE(examples, 12U);
}

TEST(Examples, TheTutorialsMeansThreeServersBehindPort80) {
    auto parsed = parse_file(source_root() / "config/examples/tutorial.conf");
    ASSERT_TRUE(parsed.ok()) << parsed.error();
    EXPECT_TRUE(parsed->messages.empty());
    ASSERT_EQ(parsed->model.services.size(), 1U);
    EXPECT_EQ(parsed->model.services[0].port, 80);
    ASSERT_EQ(parsed->model.upstreams.size(), 1U);
    const auto& servers = parsed->model.upstreams[0].servers;
    ASSERT_EQ(servers.size(), 3U);
    for (std::size_t i = 0; i < 3; ++i) {
        EXPECT_EQ(servers[i].addresses[0].to_string(), "172.17.0.1");
        EXPECT_EQ(servers[i].port, 1000 * (i + 1));
    }
}

}  // namespace
}  // namespace weir::config
