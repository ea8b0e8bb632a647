// SPDX-License-Identifier: Apache-2.0
// From next hops of a real kernel to routes in the tables' terms, in a namespace with one
// neighbour; and the source ports beside the kernel's own.
#include "control/publish/routes.h"

#include <fstream>

#include "tests/control/net/namespace.h"

namespace weir::publish {
namespace {

using boost::asio::ip::make_address;
using weir::test::in_namespace;
using weir::test::PeerNamespace;
using weir::test::run_until;
using weir::test::shell;

// Ports and a host link as after start(); it forwards nothing.
class StillEngine : public Engine {
  public:
    StillEngine(int ifindex, bool has_port) {
        Port other;
        other.configured.name = "elsewhere";
        other.ifindex = ifindex + 1000;
        ports_.push_back(other);
        Port port;
        port.configured.name = "lan";
        port.ifindex = ifindex;
        if (has_port) ports_.push_back(port);
        link_.host.mac = {2, 0, 0, 0, 0, 0x77};
        link_.addresses = *link_addresses("169.254.77.0/30");
        link_.addresses6 = *link_addresses("fd77:6569:7200::/126");
    }
    Status start() override { return success(); }
    const std::vector<Port>& ports() const override { return ports_; }
    const HostLink& host_link() const override { return link_; }
    tables::View view() const override { return {}; }
    bool adopted() const override { return false; }
    void wait_seen(std::uint64_t) override {}
    void published(std::span<const weir_service>, std::span<const weir_backend>) override {}
    void on_restart(OnRestart) override {}
    bool follow(const NetworkView&) override { return false; }
    void stop() override {}

  private:
    std::vector<Port> ports_;
    HostLink link_;
};

struct Net {
    explicit Net(bool has_port = true) {
        shell("ip link add p0 type veth peer name p1");
        shell("ip link set p1 address 02:00:00:00:00:02 netns " + peer.pid());
        shell("ip link set lo up; ip link set p0 up; ip addr add 10.0.0.1/24 dev p0");
        peer.run("ip link set p1 up");
        peer.run("ip addr add 10.0.0.2/24 dev p1");
        shell("ip -6 addr add fd00::1/64 dev p0 nodad; ip route add 10.7.0.0/16 via 10.0.0.2");
        peer.run("ip -6 addr add fd00::2/64 dev p1 nodad");
        view = std::move(*NetworkView::open(io));
        hops = std::move(*NextHops::open(io, *view, [](const auto&) {}));
        paths = std::move(*PathMtus::open(io, [] {}));
        engine = std::make_unique<StillEngine>(view->link("p0")->index, has_port);
        hops->watch(
            {make_address("10.0.0.1"), make_address("fd00::1"), near, near6, behind, dead, far});
    }
    Routes routes(std::vector<IpAddress> snat = {}) {
        return Routes(*hops, *paths, *engine, std::move(snat), {1024, 32767});
    }
    bool resolves() {
        return run_until(io, [&] {
            return hops->find(near)->kind == NextHop::Kind::direct &&
                   hops->find(near6)->kind == NextHop::Kind::direct;
        });
    }

    const IpAddress near = make_address("10.0.0.2");
    const IpAddress near6 = make_address("fd00::2");
    const IpAddress behind = make_address("10.7.0.1");
    const IpAddress dead = make_address("10.0.0.99");
    const IpAddress far = make_address("198.51.100.1");
    PeerNamespace peer;
    boost::asio::io_context io;
    std::unique_ptr<NetworkView> view;
    std::unique_ptr<NextHops> hops;
    std::unique_ptr<PathMtus> paths;
    std::unique_ptr<StillEngine> engine;
};

TEST(Routes, ToANeighbourBehindAPort) {
    in_namespace([] {
        Net net;
        EXPECT_FALSE(net.routes().to(net.near, 0).known) << "its MAC is not known yet";
        EXPECT_FALSE(net.routes().settled({net.near}));
        ASSERT_TRUE(net.resolves());
        EXPECT_TRUE(net.routes().settled({net.near}));
        const Route route = net.routes().to(net.near, 0);
        EXPECT_TRUE(route.known);
        EXPECT_EQ(route.port, 2) << "index 0 is the host link, 1 another port";
        EXPECT_EQ(route.next_hop.byte[5], 2);
        EXPECT_EQ(route.source, make_address("10.0.0.1"));
        EXPECT_EQ(route.source_low, 1024);
        EXPECT_EQ(route.source_high, 32767);
        EXPECT_EQ(route.text, "10.0.0.2 via lan (02:00:00:00:00:02)");
    });
}

TEST(Routes, ToBothFamiliesAndBehindARouter) {
    in_namespace([] {
        Net net;
        ASSERT_TRUE(net.resolves());
        const Route six = net.routes().to(net.near6, 0);
        EXPECT_TRUE(six.known);
        EXPECT_EQ(six.way, Route::Way::neighbour);
        EXPECT_EQ(six.source, make_address("fd00::1"));
        EXPECT_EQ(six.source_high, 32767) << "the kernel's range counts for both families";
        EXPECT_EQ(six.mtu, 1500);
        EXPECT_EQ(six.link_mtu, 1500);
        const Route behind = net.routes().to(net.behind, 0);
        EXPECT_TRUE(behind.known);
        EXPECT_EQ(behind.way, Route::Way::router);
        EXPECT_EQ(behind.text, "10.0.0.2 via lan (02:00:00:00:00:02)");

        const Routes routes = net.routes({make_address("10.0.0.50"), make_address("fd00::50")});
        for (const std::uint16_t id : {4, 5}) {
            EXPECT_EQ(routes.to(net.near, id).source, make_address("10.0.0.50"));
            EXPECT_EQ(routes.to(net.near6, id).source, make_address("fd00::50"));
        }
        const Routes of_one = net.routes({make_address("10.0.0.50")});
        EXPECT_EQ(of_one.to(net.near6, 0).source, make_address("fd00::1"));
        EXPECT_EQ(of_one.to(net.near6, 0).source_high, 32767);
        EXPECT_EQ(of_one.to(net.near, 0).source_high, 65535);
        EXPECT_EQ(of_one.to(net.near, 0).beside_kernel_high, 32767);
    });
}

TEST(Routes, SnatAddressesAreDividedAmongTheBackends) {
    in_namespace([] {
        Net net;
        ASSERT_TRUE(net.resolves());
        const Routes routes = net.routes({make_address("10.0.0.50"), make_address("10.0.0.51")});
        EXPECT_EQ(routes.to(net.near, 4).source, make_address("10.0.0.50"));
        EXPECT_EQ(routes.to(net.near, 5).source, make_address("10.0.0.51"));
        EXPECT_EQ(routes.to(net.near, 5).source_low, 1024);
        EXPECT_EQ(routes.to(net.near, 5).source_high, 65535)
            << "the kernel has no connection from it";
        EXPECT_EQ(routes.to(make_address("10.0.0.1"), 5).source, make_address("169.254.77.2"));
    });
}

TEST(Routes, ToThisHostOverItsLink) {
    in_namespace([] {
        Net net;
        const Route route = net.routes().to(make_address("10.0.0.1"), 0);
        EXPECT_TRUE(route.known);
        EXPECT_EQ(route.port, 0);
        EXPECT_EQ(route.next_hop.byte[5], 0x77);
        EXPECT_EQ(route.source, make_address("169.254.77.2"));
        EXPECT_EQ(route.text, "this host");
        EXPECT_EQ(route.way, Route::Way::local);
        const Route six = net.routes().to(make_address("fd00::1"), 0);
        EXPECT_TRUE(six.known);
        EXPECT_EQ(six.source, make_address("fd77:6569:7200::2"));
        EXPECT_EQ(route.source_high, 65535);
    });
}

TEST(Routes, WhatIsBehindNoPortGoesThroughTheHost) {
    in_namespace([] {
        Net net(false);
        const Route route = net.routes().to(net.near, 0);
        EXPECT_TRUE(route.known) << "the host's stack resolves it";
        EXPECT_EQ(route.port, 0);
        EXPECT_EQ(route.text, "this host, which routes on");
        EXPECT_EQ(route.way, Route::Way::host);
        EXPECT_TRUE(net.routes().settled({net.near}));
    });
}

TEST(Routes, NoWayIsSaid) {
    in_namespace([] {
        Net net;
        const Route far = net.routes().to(net.far, 0);
        EXPECT_FALSE(far.known);
        EXPECT_EQ(far.text, "no route (101: Network is unreachable)");
        EXPECT_TRUE(net.routes().settled({net.far})) << "there is nothing to wait for";

        const Route dead = net.routes().to(net.dead, 0);
        EXPECT_FALSE(dead.known);
        EXPECT_FALSE(dead.text.empty());
        EXPECT_FALSE(net.routes().settled({net.far, net.dead}));

        const Route stranger = net.routes().to(make_address("10.0.0.7"), 0);
        EXPECT_FALSE(stranger.known);
        EXPECT_EQ(stranger.text, "not looked up yet");
        EXPECT_FALSE(net.routes().settled({make_address("10.0.0.7")}));
    });
}

TEST(Routes, SourcePortsLeaveTheKernelsAlone) {
    in_namespace([] {
        const auto with = [](const char* range) {
            std::ofstream("/proc/sys/net/ipv4/ip_local_port_range") << range;
            return source_ports_beside_kernel();
        };
        auto ports = with("32768 60999");
        ASSERT_TRUE(ports) << ports.error();
        EXPECT_EQ(ports->low, 1024);
        EXPECT_EQ(ports->high, 32767);
        ports = with("1024 50000");
        ASSERT_TRUE(ports) << ports.error();
        EXPECT_EQ(ports->low, 50001);
        EXPECT_EQ(ports->high, 65535);
        ports = with("1280 65535");
        ASSERT_TRUE(ports) << ports.error();
        EXPECT_EQ(ports->low, 1024);
        EXPECT_EQ(ports->high, 1279);
        ports = with("1200 65400");
        ASSERT_FALSE(ports);
        EXPECT_TRUE(ports.error().starts_with(
            "net.ipv4.ip_local_port_range 1200 65400 leaves no source ports to weir"))
            << ports.error();
    });
}

}  // namespace
}  // namespace weir::publish
