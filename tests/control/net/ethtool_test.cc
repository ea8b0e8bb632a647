// SPDX-License-Identifier: Apache-2.0
// Driver, channels and offloads of a veth, and what DPDK can do with it.
#include "control/net/ethtool.h"

#include <set>

#include "control/net/dpdk_driver.h"
#include "control/net/interface.h"
#include "control/net/link_counters.h"
#include "control/net/link_features.h"
#include "tests/control/net/namespace.h"

namespace weir {
namespace {

using test::in_namespace;
using test::shell;

TEST(Ethtool, ReadsAndSetsAVeth) {
    in_namespace([] {
        shell("ip link add p0 type veth peer name p1");
        const auto info = driver_info("p0");
        ASSERT_TRUE(info) << info.error();
        EXPECT_EQ(info->driver, "veth");
        EXPECT_EQ(info->bus, "");
        const auto queues = channels("p0");
        ASSERT_TRUE(queues) << queues.error();
        EXPECT_GE(queues->rx, 1u);
        ASSERT_TRUE(set_offload("p0", Offload::gro, true));
        EXPECT_TRUE(*offload("p0", Offload::gro));
        ASSERT_TRUE(set_offload("p0", Offload::gro, false));
        EXPECT_FALSE(*offload("p0", Offload::gro));
        for (const bool on : {false, true}) {
            shell(std::string("ethtool -K p0 rxvlan ") + (on ? "on" : "off"));
            EXPECT_EQ(*takes_tags_off("p0"), on);
        }
    });
}

TEST(Features, AreFoundAndSetByName) {
    in_namespace([] {
        shell("ip link add p0 type veth peer name p1");
        shell("ethtool -K p0 gro on tso on");
        const std::vector<std::string> wanted{"rx-gro", "tx-tcp-segmentation", "no-such-feature"};
        const auto on = features_on("p0", wanted);
        ASSERT_TRUE(on) << on.error();
        EXPECT_EQ(std::set(on->begin(), on->end()),
                  (std::set<std::string>{"rx-gro", "tx-tcp-segmentation"}));
        EXPECT_TRUE(set_features("p0", {"rx-gro"}, false));
        EXPECT_FALSE(*offload("p0", Offload::gro));
        EXPECT_TRUE(*offload("p0", Offload::tso));
        EXPECT_EQ(features_on("p0", {"rx-gro"})->size(), 0u);
        EXPECT_TRUE(set_features("p0", {"rx-gro"}, true));
        EXPECT_TRUE(*offload("p0", Offload::gro));
        EXPECT_FALSE(features_on("p9", wanted));
        const auto refused = set_features("p0", {"no-such-feature"}, true);
        ASSERT_FALSE(refused);
        EXPECT_NE(refused.error().find("p0 does not let"), std::string::npos) << refused.error();
    });
}

TEST(LinkCounters, CountWhatPassesAVeth) {
    in_namespace([] {
        shell("ip link add p0 type veth peer name p1");
        shell("ip address add 10.0.0.1/24 dev p0");
        shell("ip link set p0 up");
        shell("ip link set p1 up");
        shell("ping -c 1 -W 0.1 10.0.0.2 || true");  // ARP requests, at least
        auto netlink = Netlink::open();
        ASSERT_TRUE(netlink);
        const auto link = find_link(*netlink, "p1");
        ASSERT_TRUE(link);
        const auto counters = link_counters(*netlink, link->index);
        ASSERT_TRUE(counters) << counters.error();
        EXPECT_GT(counters->rx_packets, 0u);
        EXPECT_GE(counters->rx_bytes, 42 * counters->rx_packets);
        const auto xdp = driver_counters("p1", "xdp");
        ASSERT_FALSE(xdp.empty()) << "a veth counts XDP";
        for (const auto& [name, value] : xdp) {
            EXPECT_NE(name.find("xdp"), std::string::npos);
            EXPECT_EQ(value, 0u) << name;
        }
        EXPECT_TRUE(driver_counters("p1", "no such word").empty());
        EXPECT_TRUE(driver_counters("lo", "xdp").empty());
        EXPECT_FALSE(link_counters(*netlink, 12345));
    });
}

TEST(Ethtool, NamesAMissingInterface) {
    const auto info = driver_info("nosuch0");
    ASSERT_FALSE(info);
    EXPECT_EQ(info.error(), "cannot read the driver of nosuch0 (19: No such device)");
    EXPECT_FALSE(offload("a-name-that-is-too-long", Offload::gro));
}

TEST(DpdkDriver, GivesAReasonEitherWay) {
    in_namespace([] {
        shell("ip link add p0 type veth peer name p1");
        const DpdkDriver veth = dpdk_driver("p0");
        EXPECT_FALSE(veth.driver);
        EXPECT_NE(veth.reason.find("kernel driver veth"), std::string::npos);
    });
    EXPECT_FALSE(dpdk_driver("nosuch0").driver);
    EXPECT_EQ(dpdk_driver_of_pci("ffff:ff:1f.7").reason, "there is no PCI device ffff:ff:1f.7");
    EXPECT_FALSE(dpdk_driver_of_pci("../../../etc").driver);
    EXPECT_FALSE(dpdk_driver_of_pci("").driver);
}

}  // namespace
}  // namespace weir
