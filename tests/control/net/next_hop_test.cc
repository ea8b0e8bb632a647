// SPDX-License-Identifier: Apache-2.0
// NextHops against a real kernel: a veth to a second namespace that answers ARP and neighbour
// discovery.
#include "control/net/next_hop.h"

#include "tests/control/net/namespace.h"

namespace weir {
namespace {

using boost::asio::ip::make_address;
using test::in_namespace;
using test::PeerNamespace;
using test::run_until;
using test::shell;
using Kind = NextHop::Kind;

struct Fixture {
    Fixture() {
        shell("ip link add p0 type veth peer name p1");
        shell("ip link set p1 address 02:00:00:00:00:02 netns " + peer.pid());
        shell("ip link set lo up; ip link set p0 up; ip addr add 10.0.0.1/24 dev p0");
        shell("ip -6 addr add fd00::1/64 dev p0 nodad");
        peer.run("ip link set p1 up");
        peer.run("ip addr add 10.0.0.2/24 dev p1");
        peer.run("ip -6 addr add fd00::2/64 dev p1 nodad");
        view = std::move(*NetworkView::open(io));
        hops = std::move(*NextHops::open(
            io, *view, [this](const std::vector<IpAddress>& changed) { calls += changed.size(); }));
    }
    bool becomes(const char* address, Kind kind) {
        return run_until(io, [&] { return hop(address).kind == kind; });
    }
    const NextHop& hop(const char* address) { return *hops->find(make_address(address)); }
    void watch(std::initializer_list<const char*> texts) {
        std::vector<IpAddress> addresses;
        for (const char* text : texts) addresses.push_back(make_address(text));
        hops->watch(addresses);
    }

    PeerNamespace peer;
    boost::asio::io_context io;
    std::unique_ptr<NetworkView> view;
    std::unique_ptr<NextHops> hops;
    std::size_t calls = 0;
};

TEST(NextHops, KnowsLocalAddresses) {
    in_namespace([] {
        Fixture net;
        net.watch({"10.0.0.1", "127.0.0.1", "fd00::1"});
        EXPECT_EQ(net.hop("10.0.0.1").kind, Kind::local);
        EXPECT_EQ(net.hop("127.0.0.1").kind, Kind::local);
        EXPECT_EQ(net.hop("fd00::1").kind, Kind::local);
        EXPECT_EQ(net.hops->find(make_address("10.0.0.9")), nullptr);
    });
}

TEST(NextHops, KnowsTheMtuOfRouteOrInterface) {
    in_namespace([] {
        Fixture net;
        shell("ip link set p0 mtu 1480");
        shell("ip route add 10.1.0.0/16 via 10.0.0.2 mtu 1400");
        shell("ip -6 route add fd01::/64 via fd00::2 mtu 1300");
        ASSERT_TRUE(net.view->refresh());
        net.watch({"10.0.0.2", "10.1.0.1", "fd00::2", "fd01::1"});
        EXPECT_EQ(net.hop("10.0.0.2").mtu, 1480u);
        EXPECT_EQ(net.hop("10.1.0.1").mtu, 1400u);
        EXPECT_EQ(net.hop("10.1.0.1").link_mtu, 1480u);
        EXPECT_EQ(net.hop("fd00::2").mtu, 1480u);
        EXPECT_EQ(net.hop("fd01::1").mtu, 1300u);
        EXPECT_EQ(net.hop("fd01::1").source, make_address("fd00::1"));
    });
}

TEST(NextHops, ResolvesNeighboursOfBothFamilies) {
    in_namespace([] {
        Fixture net;
        net.watch({"10.0.0.2", "fd00::2"});
        EXPECT_EQ(net.hop("10.0.0.2").kind, Kind::unresolved);
        ASSERT_TRUE(net.becomes("10.0.0.2", Kind::direct));
        ASSERT_TRUE(net.becomes("fd00::2", Kind::direct));
        for (const char* address : {"10.0.0.2", "fd00::2"}) {
            EXPECT_EQ(to_string(net.hop(address).mac), "02:00:00:00:00:02");
            EXPECT_EQ(net.hop(address).ifindex, net.view->link("p0")->index);
            EXPECT_EQ(net.hop(address).via, make_address(address));
        }
        EXPECT_EQ(net.hop("10.0.0.2").source, make_address("10.0.0.1"));
        EXPECT_EQ(net.hop("fd00::2").source, make_address("fd00::1"));
        EXPECT_EQ(net.calls, 2u);
    });
}

TEST(NextHops, FollowsGatewaysAndPrefersTheirSource) {
    in_namespace([] {
        Fixture net;
        net.watch({"192.0.2.7", "198.51.100.1"});
        EXPECT_EQ(net.hop("192.0.2.7").kind, Kind::unreachable);
        EXPECT_EQ(net.hop("192.0.2.7").reason, "no route (101: Network is unreachable)");
        shell("ip addr add 10.0.0.11/32 dev p0");
        shell("ip route add 192.0.2.0/24 via 10.0.0.2 src 10.0.0.11");
        shell("ip route add 198.51.100.0/24 via inet6 fd00::2 dev p0");
        ASSERT_TRUE(net.becomes("192.0.2.7", Kind::direct));
        EXPECT_EQ(net.hop("192.0.2.7").via, make_address("10.0.0.2"));
        EXPECT_EQ(net.hop("192.0.2.7").source, make_address("10.0.0.11"));
        ASSERT_TRUE(net.becomes("198.51.100.1", Kind::direct));
        EXPECT_EQ(net.hop("198.51.100.1").via, make_address("fd00::2"));
        shell("ip route replace blackhole 192.0.2.0/24");
        ASSERT_TRUE(net.becomes("192.0.2.7", Kind::unreachable));
    });
}

TEST(NextHops, ProbesAgainUntilTheBackendAnswers) {
    in_namespace([] {
        Fixture net;
        net.watch({"10.0.0.3"});
        run_until(
            net.io, [] { return false; }, std::chrono::milliseconds(4500));
        EXPECT_EQ(net.hop("10.0.0.3").kind, Kind::unresolved);
        EXPECT_EQ(net.hop("10.0.0.3").reason, "10.0.0.3 has not answered ARP on p0");
        net.peer.run("ip addr add 10.0.0.3/24 dev p1");
        EXPECT_TRUE(net.becomes("10.0.0.3", Kind::direct));
    });
}

TEST(NextHops, KeepsAMacThatTheKernelForgot) {
    in_namespace([] {
        Fixture net;
        net.watch({"10.0.0.2"});
        ASSERT_TRUE(net.becomes("10.0.0.2", Kind::direct));
        net.calls = 0;
        shell("ip neigh flush dev p0");
        run_until(
            net.io, [] { return false; }, std::chrono::milliseconds(300));
        EXPECT_EQ(net.hop("10.0.0.2").kind, Kind::direct);
        EXPECT_EQ(net.calls, 0u);
        net.peer.run("ip link set p1 address 02:00:00:00:00:03");
        shell("ip neigh replace 10.0.0.2 lladdr 02:00:00:00:00:03 dev p0");
        ASSERT_TRUE(run_until(net.io, [&] { return net.hop("10.0.0.2").mac[5] == 3; }));
    });
}

TEST(NextHops, SaysUnreachableWhenTheLinkGoesAndComesBack) {
    in_namespace([] {
        Fixture net;
        net.watch({"10.0.0.2"});
        ASSERT_TRUE(net.becomes("10.0.0.2", Kind::direct));
        shell("ip link set p0 down");
        ASSERT_TRUE(net.becomes("10.0.0.2", Kind::unreachable));
        shell("ip link set p0 up");
        ASSERT_TRUE(net.becomes("10.0.0.2", Kind::direct));
    });
}

TEST(NextHops, WatchesManyInSlices) {
    in_namespace([] {
        Fixture net;
        std::vector<IpAddress> many;
        for (unsigned i = 0; i < 1000; ++i) {
            many.push_back(boost::asio::ip::address_v4(0xc0000000u + i));
        }
        net.hops->watch(many);
        shell("ip route add 192.0.0.0/16 via 10.0.0.2");
        ASSERT_TRUE(run_until(net.io, [&] {
            for (const IpAddress& address : many) {
                if (net.hops->find(address)->kind != Kind::direct) return false;
            }
            return true;
        }));
        net.hops->watch({});
        EXPECT_EQ(net.hops->find(many[0]), nullptr);
    });
}

}  // namespace
}  // namespace weir
