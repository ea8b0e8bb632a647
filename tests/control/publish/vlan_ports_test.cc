// SPDX-License-Identifier: Apache-2.0
// Which ports become VLANs, of configuration and of the kernel's links; and their records. The
// links are made up: not every kernel has VLAN devices.
#include "control/publish/vlan_ports.h"

#include <gtest/gtest.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>

#include "bpf/shared/wire.h"
#include "control/net/link_messages.h"

namespace weir::publish {
namespace {

Link device(int index, const std::string& name) {
    Link link;
    link.index = index;
    link.name = name;
    link.ethernet = link.up = true;
    return link;
}

Link vlan_device(int index, const std::string& name, int lower, std::uint16_t id,
                 std::uint16_t protocol = WEIR_ETH_VLAN) {
    Link link = device(index, name);
    link.kind = "vlan";
    link.peer = lower;
    link.vlan_id = id;
    link.vlan_protocol = protocol;
    return link;
}

Port port(const Link& link, std::vector<std::uint16_t> vlans = {}, std::string parent = "") {
    Port made;
    made.configured.device = made.configured.name = link.name;
    made.configured.vlans = std::move(vlans);
    made.configured.parent = std::move(parent);
    made.ifindex = link.index;
    return made;
}

const Link eth0 = device(2, "eth0");
const Link eth1 = device(3, "eth1");

TEST(VlanPorts, AsConfigured) {
    const Link lan = device(10, "lan");
    const Link deep = device(11, "deep");
    const auto ports =
        with_vlans({port(lan, {10}, "eth1"), port(eth0), port(deep, {100, 20}, "eth1"), port(eth1)},
                   {eth0, eth1, lan, deep});
    ASSERT_TRUE(ports) << ports.error();
    ASSERT_EQ(ports->size(), 4u);
    EXPECT_EQ((*ports)[0].configured.name, "eth0") << "what an engine opens comes first";
    EXPECT_EQ((*ports)[1].configured.name, "eth1");
    EXPECT_FALSE((*ports)[1].is_vlan());
    EXPECT_EQ((*ports)[2].parent, 1u);
    EXPECT_EQ(vlan_text((*ports)[2], *ports), "VLAN 10 of eth1");
    EXPECT_EQ(vlan_text((*ports)[3], *ports), "VLAN 100.20 of eth1");
    EXPECT_EQ(weir_be16_to((*ports)[3].tags[0].tpid), WEIR_ETH_QINQ);
    EXPECT_EQ(weir_be16_to((*ports)[3].tags[1].tpid), WEIR_ETH_VLAN);

    weir_control control{};
    HostLink link{};
    write_ports(control, link, 1, *ports);
    EXPECT_EQ(control.ports[2].tags, 0);
    EXPECT_EQ(control.ports[3].tags, 1);
    EXPECT_EQ(control.ports[4].tags, 2);
    EXPECT_EQ(control.ports[4].parent, 2) << "eth1's index in the tables";
    EXPECT_EQ(control.ports[4].ifindex, 3u) << "frames leave by eth1";
    EXPECT_EQ(weir_be16_to(control.ports[4].tag[0].tci), 100);
    EXPECT_EQ(weir_be16_to(control.ports[4].tag[1].tci), 20);
}

TEST(VlanPorts, AsTheKernelHasThem) {
    const Link lan = vlan_device(10, "eth0.10", 2, 10);
    const Link outer = vlan_device(11, "eth0.100", 2, 100, WEIR_ETH_QINQ);
    const Link inner = vlan_device(12, "eth0.100.20", 11, 20);
    const std::vector<Link> links{eth0, eth1, lan, outer, inner};
    auto ports = with_vlans({port(lan), port(inner), port(eth0)}, links);
    ASSERT_TRUE(ports) << ports.error();
    EXPECT_EQ(vlan_text((*ports)[1], *ports), "VLAN 10 of eth0");
    EXPECT_EQ(vlan_text((*ports)[2], *ports), "VLAN 100.20 of eth0");
    EXPECT_EQ(weir_be16_to((*ports)[2].tags[0].tpid), WEIR_ETH_QINQ);

    ports = with_vlans({port(lan), port(eth1)}, links);
    ASSERT_TRUE(ports) << ports.error();
    EXPECT_FALSE((*ports)[0].is_vlan()) << "eth0 is no port: the kernel handles the tags";
}

TEST(VlanPorts, WhatCannotWorkIsSaid) {
    const Link lan = device(10, "lan");
    const Link deep = device(11, "deep");
    EXPECT_EQ(with_vlans({port(lan, {10}, "eth0")}, {eth0, lan}).error(),
              "port \"lan\" is a VLAN of \"eth0\", which is no port; add \"port eth0;\"");
    const Link kernels = vlan_device(12, "eth0.30", 2, 30);
    EXPECT_EQ(
        with_vlans({port(eth0), port(kernels), port(deep, {20}, "eth0.30")}, {eth0, kernels, deep})
            .error(),
        "port \"deep\" is a VLAN of \"eth0.30\", which is a VLAN itself; name the device below, "
        "and both tags as vlan=OUTER.INNER");
}

// A link message as the kernel sends it of a VLAN device.
std::optional<Link> told(bool elsewhere) {
    NetlinkRequest request(RTM_NEWLINK, 0);
    ifinfomsg header{};
    header.ifi_type = ARPHRD_ETHER;
    header.ifi_index = 7;
    request.header(header)
        .attribute(IFLA_IFNAME, std::string("eth0.10"))
        .attribute(IFLA_LINK, std::uint32_t{2});
    if (elsewhere) request.attribute(IFLA_LINK_NETNSID, std::uint32_t{0});
    request.nest(IFLA_LINKINFO, [](NetlinkRequest& info) {
        info.attribute(IFLA_INFO_KIND, std::string("vlan"));
        info.nest(IFLA_INFO_DATA, [](NetlinkRequest& data) {
            const std::uint16_t id = 10;
            const std::uint8_t protocol[] = {0x88, 0xa8};
            data.attribute(IFLA_VLAN_ID, &id, sizeof id)
                .attribute(IFLA_VLAN_PROTOCOL, protocol, sizeof protocol);
        });
    });
    return parse_link(nlmsg_hdr(request.message()));
}

TEST(VlanPorts, TheKernelsMessageIsRead) {
    const auto link = told(false);
    ASSERT_TRUE(link);
    EXPECT_EQ(link->peer, 2);
    EXPECT_EQ(link->vlan_id, 10);
    EXPECT_EQ(link->vlan_protocol, WEIR_ETH_QINQ);
    EXPECT_EQ(told(true)->vlan_id, 0) << "its lower device is in another namespace";
}

}  // namespace
}  // namespace weir::publish
