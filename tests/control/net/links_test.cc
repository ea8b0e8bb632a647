// SPDX-License-Identifier: Apache-2.0
// NetworkView in a fresh namespace: what it reads, and that it hears of changes. default_ports as a
// function.
#include "control/net/links.h"

#include "tests/control/net/namespace.h"

namespace weir {
namespace {

using test::in_namespace;
using test::run_until;
using test::shell;

TEST(NetworkView, ReadsLinksAndAddresses) {
    in_namespace([] {
        shell("ip link add p0 type veth peer name p1");
        shell("ip link set p0 address 02:00:00:00:00:01 mtu 1400 up");
        shell("ip link set p1 up");
        shell("ip addr add 10.0.0.1/24 dev p0");
        boost::asio::io_context io;
        auto view = NetworkView::open(io);
        ASSERT_TRUE(view) << view.error();
        const Link* p0 = (*view)->link("p0");
        ASSERT_NE(p0, nullptr);
        EXPECT_EQ(p0->kind, "veth");
        EXPECT_EQ(to_string(p0->mac), "02:00:00:00:00:01");
        EXPECT_EQ(p0->mtu, 1400u);
        EXPECT_TRUE(p0->up);
        EXPECT_TRUE(p0->ethernet);
        EXPECT_EQ(p0->peer, (*view)->link("p1")->index);
        EXPECT_TRUE((*view)->link("lo")->loopback);
        EXPECT_EQ((*view)->link("none"), nullptr);
        bool seen = false;
        for (const auto& address : (*view)->addresses_of(p0->index)) {
            seen |= to_string(address.network) == "10.0.0.1/24" && address.global && address.usable;
        }
        EXPECT_TRUE(seen);
    });
}

TEST(NetworkView, CoalescesChanges) {
    in_namespace([] {
        boost::asio::io_context io;
        auto view = NetworkView::open(io);
        ASSERT_TRUE(view) << view.error();
        int calls = 0;
        (*view)->on_change([&](const Changes& changes) { calls += changes.links; });
        shell("for i in 1 2 3 4 5 6 7 8; do ip link add v$i type veth peer name w$i; done");
        ASSERT_TRUE(run_until(io, [&] { return (*view)->link("w8") != nullptr; }));
        EXPECT_EQ((*view)->links().size(), 17u);
        EXPECT_LE(calls, 3);
        shell("ip link del v1");
        ASSERT_TRUE(run_until(io, [&] { return (*view)->link("v1") == nullptr; }));
    });
}

TEST(NetworkView, SurvivesLostNotifications) {
    in_namespace([] {
        boost::asio::io_context io;
        auto view = NetworkView::open(io);
        ASSERT_TRUE(view) << view.error();
        shell("ip link add p0 type veth peer name p1; ip link set p0 up; ip link set p1 up");
        // More route notifications than the socket's buffer holds, while nobody reads.
        shell(
            "seq 1 60000 | awk '{printf \"route add 10.%d.%d.%d/32 dev p0\\n\", $1/65536, "
            "($1/256)%256, $1%256}' | ip -batch -");
        shell("ip link add late type veth peer name later");
        ASSERT_TRUE(run_until(io, [&] { return (*view)->link("later") != nullptr; }));
    });
}

Link port(int index, const std::string& name, const std::string& kind = "") {
    Link link;
    link.index = index;
    link.name = name;
    link.kind = kind;
    link.up = link.ethernet = true;
    return link;
}

TEST(DefaultPorts, TakesOnlyAddressedEthernet) {
    std::vector<Link> links = {port(1, "eth0"),           port(2, "docker0", "bridge"),
                               port(3, "weir0", "veth"),  port(4, "tap0", "tun"),
                               port(5, "eth1"),           port(6, "eth2"),
                               port(7, "bond0", "bond"),  port(8, "eth3"),
                               port(9, "dummy0", "dummy")};
    links[4].up = false;
    links[5].master = 7;
    std::vector<InterfaceAddress> addresses;
    for (const int index : {1, 2, 3, 4, 5, 6, 7, 9}) {
        addresses.push_back({index, *parse_network("10.0.0.1/24"), true, true});
    }
    addresses.push_back({8, *parse_network("fe80::1/64"), false, true});
    const auto ports = default_ports(links, addresses);
    ASSERT_EQ(ports.size(), 2u);
    EXPECT_EQ(ports[0].name, "eth0");
    EXPECT_EQ(ports[1].name, "bond0");
}

}  // namespace
}  // namespace weir
