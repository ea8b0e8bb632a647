// SPDX-License-Identifier: Apache-2.0
// `weir -J`: what the parser has understood, defaults included.
#include "control/config/describe.h"

#include "tests/control/config/support.h"

namespace weir::config {
namespace {

using nlohmann::json;

TEST(Describe, TellsServicesAndTheirBackends) {
    const json told = describe(model_of(
        "stream { upstream dns { maglev; server 192.0.2.53:53 weight=2; server 192.0.2.54:53 down; "
        "}"
        " server { listen 10.0.0.1:53 udp; listen 53; proxy_pass dns; proxy_timeout 20s; } }"));
    ASSERT_EQ(told["services"].size(), 2u);
    EXPECT_EQ(told["services"][0]["address"], "10.0.0.1");
    EXPECT_EQ(told["services"][0]["protocol"], "udp");
    EXPECT_EQ(told["services"][0]["proxy_timeout_ms"], 20000);
    EXPECT_TRUE(told["services"][1]["address"].is_null());
    EXPECT_EQ(told["services"][1]["family"], "ipv4");
    EXPECT_EQ(told["services"][1]["protocol"], "tcp");
    ASSERT_EQ(told["upstreams"].size(), 1u);
    EXPECT_EQ(told["upstreams"][0]["name"], told["services"][0]["upstream"]);
    EXPECT_EQ(told["upstreams"][0]["method"], "maglev");
    EXPECT_EQ(told["upstreams"][0]["forward"], "nat");
    EXPECT_EQ(told["upstreams"][0]["backends"], (json{{{"address", "192.0.2.53"},
                                                       {"port", 53},
                                                       {"weight", 2},
                                                       {"down", false},
                                                       {"backup", false}},
                                                      {{"address", "192.0.2.54"},
                                                       {"port", 53},
                                                       {"weight", 1},
                                                       {"down", true},
                                                       {"backup", false}}}));
}

TEST(Describe, TellsTheDataplaneBlockWithItsDefaults) {
    const json none = describe(model_of("worker_processes 3;"))["dataplane"];
    EXPECT_EQ(none["engine"], "auto");
    EXPECT_EQ(none["workers"], 3);
    EXPECT_EQ(none["busy_poll"], "auto");
    EXPECT_EQ(none["ports"], json::array());
    const json told =
        describe(model_of("dataplane { engine dpdk; port 3b:00.0 address=10.0.0.1/24;"
                          " port eth0; workers 4; busy_poll on; snat 10.0.0.2; }"))["dataplane"];
    EXPECT_EQ(told["engine"], "dpdk");
    EXPECT_EQ(told["workers"], 4);
    EXPECT_EQ(told["busy_poll"], "on");
    EXPECT_EQ(told["snat"], json({"10.0.0.2"}));
    EXPECT_EQ(told["ports"][0], (json{{"device", "0000:3b:00.0"},
                                      {"kind", "pci"},
                                      {"name", "weirp0"},
                                      {"addresses", {"10.0.0.1/24"}}}));
    EXPECT_EQ(told["ports"][1]["kind"], "interface");
}

}  // namespace
}  // namespace weir::config
