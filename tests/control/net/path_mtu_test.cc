// SPDX-License-Identifier: Apache-2.0
// Messages of routers, cut and forged; and PathMtus on the sockets of a namespace of its own.
#include "control/net/path_mtu.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <vector>

#include "tests/control/net/namespace.h"

namespace weir {
namespace {

using boost::asio::ip::make_address;
using test::in_namespace;
using test::run_until;
using test::shell;
using Bytes = std::vector<std::uint8_t>;

// "Fragmentation needed" about a packet of 1500 bytes to 10.4.0.23, without the outer IP header.
Bytes message_v4(unsigned mtu, std::uint8_t protocol = IPPROTO_IPIP) {
    Bytes bytes{
        3, 4, 0, 0, 0, 0, static_cast<std::uint8_t>(mtu >> 8), static_cast<std::uint8_t>(mtu)};
    const Bytes quoted{0x45, 0, 1500 >> 8, 1500 & 0xff, 0,  0, 0x40, 0,  64, protocol, 0, 0,
                       10,   0, 0,         10,          10, 4, 0,    23, 0,  0,        0, 0};
    bytes.insert(bytes.end(), quoted.begin(), quoted.end());
    return bytes;
}

Bytes with_header(const Bytes& message, unsigned options = 0) {
    Bytes packet(20 + options);
    packet[0] = static_cast<std::uint8_t>(0x40 | (5 + options / 4));
    packet.insert(packet.end(), message.begin(), message.end());
    return packet;
}

// "Packet too big" about one of 1460 + 40 bytes to 2001:db8:4::23.
Bytes message_v6(std::uint32_t mtu, std::uint8_t next = IPPROTO_IPV6) {
    Bytes bytes{2, 0, 0, 0};
    for (const int shift : {24, 16, 8, 0}) bytes.push_back(static_cast<std::uint8_t>(mtu >> shift));
    const Bytes head{0x60, 0, 0, 0, 1460 >> 8, 1460 & 0xff, next, 64};
    bytes.insert(bytes.end(), head.begin(), head.end());
    for (const char* text : {"2001:db8::10", "2001:db8:4::23"})
        for (const std::uint8_t byte : make_address(text).to_v6().to_bytes()) bytes.push_back(byte);
    return bytes;
}

TEST(TooBig, IsReadFromTheQuotedHeader) {
    for (const std::uint8_t protocol : {IPPROTO_IPIP, IPPROTO_IPV6, IPPROTO_UDP}) {
        const auto found = too_big_of_v4(with_header(message_v4(1280, protocol)));
        ASSERT_TRUE(found);
        EXPECT_EQ(found->destination, make_address("10.4.0.23"));
        EXPECT_EQ(found->mtu, 1280u);
    }
    EXPECT_EQ(too_big_of_v4(with_header(message_v4(1300), 8))->mtu, 1300u) << "with IP options";
    const auto found = too_big_of_v6(message_v6(1400));
    ASSERT_TRUE(found);
    EXPECT_EQ(found->destination, make_address("2001:db8:4::23"));
    EXPECT_EQ(found->mtu, 1400u);
}

TEST(TooBig, OnlyWhatCanBeTrueCounts) {
    EXPECT_FALSE(too_big_of_v4(with_header(message_v4(1280, IPPROTO_TCP)))) << "no tunnel's";
    EXPECT_FALSE(too_big_of_v6(message_v6(1400, IPPROTO_TCP)));
    EXPECT_FALSE(too_big_of_v4(with_header(message_v4(0)))) << "a router older than RFC 1191";
    EXPECT_FALSE(too_big_of_v4(with_header(message_v4(1500)))) << "the packet would have fitted";
    EXPECT_FALSE(too_big_of_v6(message_v6(1500)));
    EXPECT_EQ(too_big_of_v4(with_header(message_v4(68)))->mtu, 552u);
    EXPECT_EQ(too_big_of_v6(message_v6(600))->mtu, 1280u);
    Bytes unreachable = message_v4(1280);
    unreachable[1] = 1;
    EXPECT_FALSE(too_big_of_v4(with_header(unreachable)));
}

TEST(TooBig, NothingIsReadBeyondTheEnd) {
    // Copies of their own, so that a sanitizer sees a read too far.
    const auto first = [](const Bytes& bytes, std::size_t length) {
        return Bytes(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(length));
    };
    for (std::size_t length = 0; length < 48; length++) {
        const Bytes four = first(with_header(message_v4(1280)), length);
        const Bytes six = first(message_v6(1400), length);
        EXPECT_FALSE(too_big_of_v4(four)) << length;
        EXPECT_FALSE(too_big_of_v6(six)) << length;
    }
}

std::uint16_t checksum(const Bytes& bytes) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i + 1 < bytes.size(); i += 2)
        sum += static_cast<std::uint32_t>(bytes[i] << 8 | bytes[i + 1]);
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(~sum);
}

// To this host, as from a router. The kernel computes ICMPv6's checksum.
void say(Bytes message, const char* to) {
    const auto address = make_address(to);
    if (address.is_v4()) {
        const std::uint16_t sum = checksum(message);
        message[2] = static_cast<std::uint8_t>(sum >> 8);
        message[3] = static_cast<std::uint8_t>(sum);
    }
    boost::asio::io_context io;
    boost::asio::ip::icmp::socket socket(
        io, address.is_v4() ? boost::asio::ip::icmp::v4() : boost::asio::ip::icmp::v6());
    socket.send_to(boost::asio::buffer(message), {address, 0});
}

TEST(PathMtus, LearnsAndForgets) {
    in_namespace([] {
        shell("ip link set lo up");
        boost::asio::io_context io;
        int changes = 0;
        auto paths = PathMtus::open(
            io, [&] { changes++; }, std::chrono::seconds(1));
        ASSERT_TRUE(paths);
        const auto backend = make_address("10.4.0.23");
        say(message_v4(1400), "127.0.0.1");
        EXPECT_FALSE(run_until(
            io, [&] { return changes > 0; }, std::chrono::milliseconds(200)))
            << "not watched";
        (*paths)->watch({backend, make_address("2001:db8:4::23")});
        say(message_v4(1400), "127.0.0.1");
        ASSERT_TRUE(run_until(io, [&] { return (*paths)->find(backend) == 1400; }));
        say(message_v4(1300), "127.0.0.1");
        ASSERT_TRUE(run_until(io, [&] { return (*paths)->find(backend) == 1300; }));
        say(message_v4(1350), "127.0.0.1");
        say(message_v6(1400), "::1");
        ASSERT_TRUE(
            run_until(io, [&] { return (*paths)->find(make_address("2001:db8:4::23")) == 1400; }));
        EXPECT_EQ((*paths)->find(backend), 1300u) << "only ever narrower";
        EXPECT_EQ(changes, 3);
        ASSERT_TRUE(run_until(io, [&] { return (*paths)->find(backend) == 0; })) << "in time";
        EXPECT_GE(changes, 4);
        say(message_v4(1400), "127.0.0.1");
        ASSERT_TRUE(run_until(io, [&] { return (*paths)->find(backend) == 1400; }));
        (*paths)->watch({});
        EXPECT_EQ((*paths)->find(backend), 0u) << "no longer watched";
    });
}

}  // namespace
}  // namespace weir
