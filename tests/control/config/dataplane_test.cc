// SPDX-License-Identifier: Apache-2.0
// dataplane{}: its settings, their errors, and how -g replaces them.
#include "tests/control/config/support.h"

namespace weir::config {
namespace {

std::string block(const std::string& text) {
    return "dataplane { " + text + " }";
}

TEST(Dataplane, ReadsVlans) {
    const Dataplane d =
        model_of(block("port eth0; port a vlan=10 parent=eth0; port b parent=eth0 vlan=100.20;"))
            .dataplane;
    ASSERT_EQ(d.ports.size(), 3U);
    EXPECT_TRUE(d.ports[0].vlans.empty());
    EXPECT_EQ(d.ports[1].vlans, (std::vector<std::uint16_t>{10}));
    EXPECT_EQ(d.ports[1].parent, "eth0");
    EXPECT_EQ(d.ports[2].vlans, (std::vector<std::uint16_t>{100, 20}));
}

TEST(Dataplane, ReadsEverySetting) {
    const Dataplane d =
        model_of(block("engine dpdk; port eth0 driver=af_packet; port 3b:00.0 name=wan "
                       "address=10.0.0.1/24; port net_memif0,id=0; workers 4; flows 2m; "
                       "busy_poll off; "
                       "snat 10.0.0.2 2001:db8::2; instance edge-1;"
                       "local_network 10.9.0.0/29 fd00:9::/120; reset_unknown on;"
                       "icmp_peers 10.0.0.3 2001:db8::3;"))
            .dataplane;
    EXPECT_EQ(d.engine, Engine::dpdk);
    ASSERT_EQ(d.ports.size(), 3U);
    EXPECT_EQ(d.ports[0].kind, Port::Kind::interface);
    EXPECT_EQ(d.ports[0].name, "eth0");
    EXPECT_EQ(d.ports[0].driver, Port::Driver::af_packet);
    EXPECT_EQ(d.ports[1].kind, Port::Kind::pci);
    EXPECT_EQ(d.ports[1].device, "0000:3b:00.0");
    EXPECT_EQ(d.ports[1].name, "wan");
    EXPECT_EQ(d.ports[1].addresses, std::vector<std::string>{"10.0.0.1/24"});
    EXPECT_EQ(d.ports[2].kind, Port::Kind::vdev);
    EXPECT_EQ(d.ports[2].name, "weirp2");
    EXPECT_EQ(d.workers, 4U);
    EXPECT_EQ(d.flows, 2097152U);
    EXPECT_EQ(d.busy_poll, BusyPoll::off);
    ASSERT_EQ(d.snat.size(), 2U);
    EXPECT_EQ(d.snat[1].to_string(), "2001:db8::2");
    EXPECT_EQ(d.instance, "edge-1");
    EXPECT_EQ(d.local_network, "10.9.0.0/29");
    EXPECT_EQ(d.local_network6, "fd00:9::/120");
    EXPECT_TRUE(d.reset_unknown);
    ASSERT_EQ(d.icmp_peers.size(), 2U);
    EXPECT_EQ(d.icmp_peers[1].to_string(), "2001:db8::3");
}

TEST(Dataplane, CommandLineReplacesSettingsOfTheFile) {
    const Dataplane d = model_of(block("engine dpdk; workers 4; port eth0; port eth1;"),
                                 block("engine xdp; port eth7;"))
                            .dataplane;
    EXPECT_EQ(d.engine, Engine::xdp);
    EXPECT_EQ(d.workers, 4U);
    ASSERT_EQ(d.ports.size(), 1U);
    EXPECT_EQ(d.ports[0].device, "eth7");
}

TEST(Dataplane, ChecksSettingsThatTheCommandLineReplaces) {
    EXPECT_EQ(error_of(block("workers 0;"), block("workers 1;")).substr(0, 40),
              "invalid value \"0\" in \"workers\" directive");
}

TEST(Dataplane, NamesWhatItExpected) {
    const std::pair<const char*, const char*> cases[] = {
        {"engine ebpf;",
         "invalid value \"ebpf\" in \"engine\" directive in t.conf:1\n  expected auto, "
         "dpdk or xdp"},
        {"engine xdp; engine xdp;", "\"engine\" directive is duplicate in t.conf:1"},
        {"workers many;",
         "invalid value \"many\" in \"workers\" directive in t.conf:1\n  expected a "
         "number from 1 to 64"},
        {"flows 1023;",
         "invalid value \"1023\" in \"flows\" directive in t.conf:1\n  expected a number "
         "from 1024 to 134217728, such as 64k or 1m"},
        {"flows 129m;",
         "invalid value \"129m\" in \"flows\" directive in t.conf:1\n  expected a number "
         "from 1024 to 134217728, such as 64k or 1m"},
        {"snat 10.0.0;",
         "invalid address \"10.0.0\" in \"snat\" directive in t.conf:1\n  expected an IPv4 "
         "or IPv6 address of this balancer, such as 10.0.0.2"},
        {"instance Edge;",
         "invalid value \"Edge\" in \"instance\" directive in t.conf:1\n  expected 1 to "
         "12 of the characters a-z, 0-9 and -"},
        {"local_network 10.0.0.0/31;",
         "invalid value \"10.0.0.0/31\" in \"local_network\" directive in t.conf:1\n  expected an "
         "unused "
         "IPv4 network of at least four addresses, such as 169.254.77.0/30"},
        {"local_network fd00::1/126;",
         "invalid value \"fd00::1/126\" in \"local_network\" directive in t.conf:1\n  expected the "
         "first address of the network before the /, such as fd00:1::/126"},
        {"local_network fd00::/127;",
         "invalid value \"fd00::/127\" in \"local_network\" directive in t.conf:1\n  expected an "
         "unused IPv6 network from /64 to /126, such as fd00:1::/126"},
        {"local_network 10.0.0.0/30 10.0.1.0/30;",
         "invalid value \"10.0.1.0/30\" in \"local_network\" directive in t.conf:1\n  expected one "
         "IPv4 and one IPv6 network, not two of one kind"},
        {"icmp_peers 10.0.0;",
         "invalid address \"10.0.0\" in \"icmp_peers\" directive in t.conf:1\n  expected an IPv4 "
         "or IPv6 address of another balancer, such as 10.0.0.3"},
        {"icmp_peers 10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.4 10.0.0.5;",
         "too many addresses in \"icmp_peers\" directive in t.conf:1\n  an error is copied to at "
         "most 4 other balancers"},
        {"reset_unknown maybe;",
         "invalid value \"maybe\" in \"reset_unknown\" directive, it must be \"on\" or \"off\" in "
         "t.conf:1"},
        {"port a/b;",
         "invalid value \"a/b\" in \"port\" directive in t.conf:1\n  expected a network "
         "interface (eth0), a PCI address (0000:3b:00.0) or a DPDK vdev (net_memif0,id=0)"},
        {"port eth0 driver=dpdk;",
         "invalid parameter \"driver=dpdk\" in t.conf:1\n  expected "
         "driver=af_xdp or driver=af_packet"},
        {"port eth0 mtu=9000;",
         "invalid parameter \"mtu=9000\" in t.conf:1\n  expected name=, driver=, address=, "
         "vlan= or parent="},
        {"port eth0.10 vlan=10;",
         "port \"eth0.10\" needs both vlan= and parent= in t.conf:1\n  or neither, for a VLAN "
         "interface of the kernel's own"},
        {"port eth0.10 parent=eth0;",
         "port \"eth0.10\" needs both vlan= and parent= in t.conf:1\n  or neither, for a VLAN "
         "interface of the kernel's own"},
        {"port v vlan=4095 parent=eth0;",
         "invalid parameter \"vlan=4095\" in t.conf:1\n  expected vlan=ID or vlan=OUTER.INNER, "
         "each 1 to 4094"},
        {"port v vlan=1.2.3 parent=eth0;",
         "invalid parameter \"vlan=1.2.3\" in t.conf:1\n  expected vlan=ID or vlan=OUTER.INNER, "
         "each 1 to 4094"},
        {"port v vlan=1. parent=eth0;",
         "invalid parameter \"vlan=1.\" in t.conf:1\n  expected vlan=ID or vlan=OUTER.INNER, "
         "each 1 to 4094"},
        {"port 3b:00.0 vlan=10 parent=eth0;",
         "invalid parameter \"vlan=10\" in t.conf:1\n  expected vlan= and parent= only for a "
         "kernel interface"},
        {"port eth0; port eth0;", "duplicate port \"eth0\" in t.conf:1"},
        {"port eth0; port eth1 name=eth0;", "duplicate port name \"eth0\" in t.conf:1"},
        {"engine xdp; port 3b:00.0;",
         "port \"0000:3b:00.0\" needs the dpdk engine in t.conf:1\n  the xdp "
         "engine runs on kernel interfaces only"},
        {"enginee xdp;", "unknown directive \"enginee\" in t.conf:1\n  did you mean \"engine\"?"},
    };
    for (const auto& [text, expected] : cases) EXPECT_EQ(error_of(block(text)), expected) << text;
    EXPECT_EQ(error_of(block("") + block("")), "\"dataplane\" directive is duplicate in t.conf:1");
    EXPECT_EQ(error_of("engine xdp;"), "\"engine\" directive is not allowed here in t.conf:1");
}

}  // namespace
}  // namespace weir::config
