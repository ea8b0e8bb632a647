// SPDX-License-Identifier: Apache-2.0
// The veth pair and the TAP to the host's own stack, made in a fresh namespace and read back.
#include "control/net/host_link.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/neighbour.h>
#include <sys/socket.h>

#include <set>

#include "control/net/ethtool.h"
#include "tests/control/net/namespace.h"

namespace weir {
namespace {

using test::in_namespace;
using test::shell;

const LinkNetworks networks = *link_networks("169.254.77.0/30", "fd77:6569:7200::/126");

void expect_configured(Netlink& netlink, const HostLink& link) {
    const std::string& name = link.host.name;
    boost::asio::io_context io;
    auto view = NetworkView::open(io);
    ASSERT_TRUE(view) << view.error();
    std::set<std::string> found;
    for (const InterfaceAddress& address : (*view)->addresses_of(link.host.index)) {
        found.insert(to_string(address.network));
        EXPECT_TRUE(address.usable) << "no duplicate address detection is under way";
    }
    EXPECT_EQ(found, (std::set<std::string>{"169.254.77.1/30", "fd77:6569:7200::1/126"}))
        << "no IPv6 link-local address";
    ASSERT_TRUE(link.addresses6);
    for (const LinkAddresses& ends : {link.addresses, *link.addresses6}) {
        const Neighbour* neighbour = (*view)->neighbour(link.host.index, ends.dataplane.address);
        ASSERT_NE(neighbour, nullptr);
        EXPECT_EQ(neighbour->state, NUD_PERMANENT);
        EXPECT_EQ(neighbour->mac, link.dataplane.mac);
    }
    EXPECT_TRUE(link.host.up);
    EXPECT_EQ(*read_sysctl("ipv4", name, "route_localnet"), "1");
    EXPECT_EQ(*read_sysctl("ipv6", name, "accept_ra"), "0");
    for (const Offload off : {Offload::tx_checksum, Offload::tso, Offload::gso}) {
        EXPECT_FALSE(*offload(name, off));
    }
    EXPECT_TRUE(find_link(netlink, name));
}

TEST(HostLink, MakesAndRemovesThePair) {
    in_namespace([] {
        auto netlink = Netlink::open();
        ASSERT_TRUE(netlink);
        const std::string forward = *read_sysctl("ipv4", "all", "forwarding");
        auto link = create_host_link(*netlink, "weir0", "weir0d", networks);
        ASSERT_TRUE(link) << link.error();
        expect_configured(*netlink, *link);
        EXPECT_TRUE(link->dataplane.up);
        EXPECT_EQ(*read_sysctl("ipv6", "weir0d", "disable_ipv6"), "1");
        EXPECT_TRUE(*offload("weir0", Offload::gro));
        EXPECT_EQ(*read_sysctl("ipv4", "all", "forwarding"), forward);
        ASSERT_TRUE(remove_host_link(*netlink, "weir0"));
        EXPECT_FALSE(link_exists(*netlink, "weir0d"));
        EXPECT_TRUE(remove_host_link(*netlink, "weir0"));
    });
}

TEST(HostLink, HasNoIpv6WhereTheKernelHasNone) {
    in_namespace([] {
        auto netlink = Netlink::open();
        ASSERT_TRUE(netlink);
        ASSERT_TRUE(set_sysctl("ipv6", "all", "disable_ipv6", "1"));
        const auto link = create_host_link(*netlink, "weir0", "weir0d", networks);
        ASSERT_TRUE(link) << link.error();
        EXPECT_FALSE(link->addresses6);
        EXPECT_EQ(to_string(link->addresses.host), "169.254.77.1/30");
    });
}

TEST(HostLink, TakesOverAnExistingPair) {
    in_namespace([] {
        auto netlink = Netlink::open();
        ASSERT_TRUE(netlink);
        const auto first = create_host_link(*netlink, "weir0", "weir0d", networks);
        ASSERT_TRUE(first);
        shell("ip neigh del 169.254.77.2 dev weir0; ip link set weir0d down");
        const auto second = create_host_link(*netlink, "weir0", "weir0d", networks);
        ASSERT_TRUE(second) << second.error();
        EXPECT_EQ(first->host.index, second->host.index);
        EXPECT_EQ(first->dataplane.mac, second->dataplane.mac);
        expect_configured(*netlink, *second);
    });
}

TEST(HostLink, RefusesStrangers) {
    in_namespace([] {
        auto netlink = Netlink::open();
        ASSERT_TRUE(netlink);
        shell("ip link add weir0 type bridge");
        const auto link = create_host_link(*netlink, "weir0", "weir0d", networks);
        ASSERT_FALSE(link);
        EXPECT_NE(link.error().find("is not paired with \"weir0d\""), std::string::npos);
        EXPECT_TRUE(link_exists(*netlink, "weir0"));
        EXPECT_FALSE(create_host_link(*netlink, "a-name-that-is-too-long", "b", networks));
    });
}

TEST(HostLink, LooseFilterWhereTheHostFiltersStrictly) {
    in_namespace([] {
        auto netlink = Netlink::open();
        ASSERT_TRUE(netlink);
        ASSERT_TRUE(set_sysctl("ipv4", "all", "rp_filter", "1"));
        ASSERT_TRUE(create_host_link(*netlink, "weir0", "weir0d", networks));
        EXPECT_EQ(*read_sysctl("ipv4", "weir0", "rp_filter"), "2");
    });
}

TEST(HostLink, ConfiguresATap) {
    in_namespace([] {
        auto netlink = Netlink::open();
        ASSERT_TRUE(netlink);
        EXPECT_FALSE(configure_host_link(*netlink, "weir0", networks, {2, 0, 0, 0, 0, 9}));
        shell("ip tuntap add dev weir0 mode tap");
        auto link = configure_host_link(*netlink, "weir0", networks, {2, 0, 0, 0, 0, 9});
        ASSERT_TRUE(link) << link.error();
        EXPECT_EQ(to_string(link->dataplane.mac), "02:00:00:00:00:09");
        expect_configured(*netlink, *link);
    });
}

std::uint16_t checksum(const std::uint8_t* data, std::size_t size) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < size; i += 2) sum += data[i] << 8 | data[i + 1];
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(~sum);
}

// An ICMP echo request from the dataplane's end.
std::vector<std::uint8_t> echo(const HostLink& link, const char* destination) {
    std::vector<std::uint8_t> frame(14 + 20 + 8);
    std::copy(link.host.mac.begin(), link.host.mac.end(), frame.begin());
    std::copy(link.dataplane.mac.begin(), link.dataplane.mac.end(), frame.begin() + 6);
    const std::vector<std::uint8_t> ip = {8, 0, 0x45, 0, 0, 28, 0, 1, 0, 0, 64, IPPROTO_ICMP};
    std::copy(ip.begin(), ip.end(), frame.begin() + 12);
    const std::string from = to_bytes(link.addresses.dataplane.address);
    const std::string to = to_bytes(boost::asio::ip::make_address(destination));
    std::copy(from.begin(), from.end(), frame.begin() + 26);
    std::copy(to.begin(), to.end(), frame.begin() + 30);
    const std::uint16_t header = checksum(frame.data() + 14, 20);
    frame[24] = static_cast<std::uint8_t>(header >> 8);
    frame[25] = static_cast<std::uint8_t>(header);
    frame[34] = 8;
    const std::uint16_t icmp = checksum(frame.data() + 34, 8);
    frame[36] = static_cast<std::uint8_t>(icmp >> 8);
    frame[37] = static_cast<std::uint8_t>(icmp);
    return frame;
}

// True when the host's stack answered the frame to the dataplane's MAC and address.
bool answered(const HostLink& link, const char* destination) {
    const int fd = ::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));
    sockaddr_ll end{};
    end.sll_family = AF_PACKET;
    end.sll_protocol = htons(ETH_P_ALL);
    end.sll_ifindex = link.dataplane.index;
    EXPECT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&end), sizeof end), 0);
    const timeval limit{1, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    const auto frame = echo(link, destination);
    EXPECT_EQ(::send(fd, frame.data(), frame.size(), 0), static_cast<ssize_t>(frame.size()));
    std::array<std::uint8_t, 2048> got{};
    bool seen = false;
    while (!seen && ::recv(fd, got.data(), got.size(), 0) > 0) {
        seen = std::equal(got.begin(), got.begin() + 6, link.dataplane.mac.begin()) &&
               std::equal(got.begin() + 26, got.begin() + 30, frame.begin() + 30) && got[34] == 0;
    }
    ::close(fd);
    return seen;
}

TEST(HostLink, TheHostAnswersOnAllItsAddresses) {
    in_namespace([] {
        auto netlink = Netlink::open();
        ASSERT_TRUE(netlink);
        shell("ip link set lo up; ip link add br0 type bridge; ip link set br0 up");
        shell("ip addr add 172.17.0.1/16 dev br0");
        ASSERT_TRUE(set_sysctl("ipv4", "all", "rp_filter", "1"));
        const auto link = create_host_link(*netlink, "weir0", "weir0d", networks);
        ASSERT_TRUE(link) << link.error();
        for (const char* address : {"169.254.77.1", "172.17.0.1", "127.0.0.1"}) {
            EXPECT_TRUE(answered(*link, address)) << address;
        }
    });
}

TEST(Interface, ChangesAreIdempotent) {
    in_namespace([] {
        auto netlink = Netlink::open();
        ASSERT_TRUE(netlink);
        shell("ip link add p0 type veth peer name p1");
        const Link p0 = *find_link(*netlink, "p0");
        for (const char* text : {"10.0.0.1/24", "fd00::1/64"}) {
            const Network network = *parse_network(text);
            EXPECT_TRUE(add_address(*netlink, p0, network));
            EXPECT_TRUE(add_address(*netlink, p0, network));
            EXPECT_TRUE(remove_address(*netlink, p0, network));
            EXPECT_TRUE(remove_address(*netlink, p0, network));
        }
        EXPECT_TRUE(set_mac(*netlink, p0, {2, 0, 0, 0, 0, 7}));
        EXPECT_TRUE(set_mtu(*netlink, p0, 1400));
        EXPECT_TRUE(set_up(*netlink, p0, true));
        const Link now = *find_link(*netlink, "p0");
        EXPECT_EQ(to_string(now.mac), "02:00:00:00:00:07");
        EXPECT_EQ(now.mtu, 1400u);
        EXPECT_TRUE(now.up);
        const auto refused = set_mac(*netlink, p0, {1, 0, 0, 0, 0, 0});
        ASSERT_FALSE(refused);
        EXPECT_EQ(
            refused.error(),
            "cannot set the MAC of p0 to 01:00:00:00:00:00 (99: Cannot assign requested address)");
    });
}

}  // namespace
}  // namespace weir
