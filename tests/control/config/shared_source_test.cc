// SPDX-License-Identifier: Apache-2.0
// Where a service's address is also a source address toward backends, and only there, is a warning
// with the line of the `listen`.
#include "tests/control/config/support.h"

namespace weir::config {
namespace {

// The warnings about it, each as "LINE: DIRECTIVE".
std::vector<std::string> warnings(const std::string& text, const std::string& global = "") {
    std::vector<std::string> found;
    const auto parsed = parse_text(text, global);
    EXPECT_TRUE(parsed.ok()) << (parsed ? "" : parsed.error());
    if (!parsed) return found;
    for (const Message& message : parsed->messages) {
        const auto at = message.text.find("\" takes the address of this \"listen\" as source");
        if (at == std::string::npos) continue;
        EXPECT_EQ(message.level, LogLevel::warn);
        EXPECT_NE(message.text.find("/t.conf:"), std::string::npos) << message.text;
        found.push_back(message.text.substr(message.text.rfind(':') + 1) + ": " +
                        message.text.substr(1, at - 1));
    }
    return found;
}

using Lines = std::vector<std::string>;

TEST(SharedSource, SnatThatIsAServicesAddress) {
    EXPECT_EQ(warnings("dataplane { snat 192.0.2.10 192.0.2.11; }\n"
                       "stream {\n"
                       "server { listen 192.0.2.12:80; proxy_pass one.test:80; }\n"
                       "server { listen 192.0.2.10:80; proxy_pass one.test:80; }\n"
                       "server { listen 192.0.2.10:81; proxy_pass one.test:80; }\n"
                       "}"),
              (Lines{"4: snat 192.0.2.10"}));
    EXPECT_EQ(warnings("stream {\nserver { listen [2001:db8::10]:80; proxy_pass two.test:80; } }",
                       "dataplane { snat 2001:db8::10; }"),
              (Lines{"2: snat 2001:db8::10"}));
}

TEST(SharedSource, ProxyBindThatIsAServicesAddress) {
    EXPECT_EQ(warnings("stream {\n"
                       "server { listen 192.0.2.10:80; proxy_pass one.test:80; }\n"
                       "server { listen 80; proxy_pass one.test:81; proxy_bind 192.0.2.10; }\n"
                       "}"),
              (Lines{"2: proxy_bind 192.0.2.10"}));
}

TEST(SharedSource, AddressesThatAreNotUsedAreNobodysBusiness) {
    const std::string listen = "listen 192.0.2.10:80;";
    const std::string snat = "dataplane { snat 192.0.2.10; }";
    for (const char* way : {"forward dsr;", "forward ipip;", "proxy_bind 192.0.2.11;",
                            "proxy_bind $remote_addr transparent;"})
        EXPECT_EQ(
            warnings("stream { server { " + listen + " proxy_pass one.test:80; " + way + " } }",
                     snat),
            Lines{})
            << way;
    EXPECT_EQ(warnings("stream { server { " + listen + " proxy_pass one.test:80; } }"), Lines{})
        << "the address of an interface may be both";
    EXPECT_EQ(warnings("stream { server { listen 80; proxy_pass one.test:80; } }", snat), Lines{});
    EXPECT_EQ(warnings("stream { server { listen [2001:db8::10]:80; proxy_pass one.test:80; } }",
                       "dataplane { snat 2001:db8::10; }"),
              Lines{})
        << "no server is of its family";
}

}  // namespace
}  // namespace weir::config
