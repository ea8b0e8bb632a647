// SPDX-License-Identifier: Apache-2.0
// Reservations against real sockets, in a namespace so that no port of the machine matters.
#include "control/net/reserve.h"

#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "tests/control/net/namespace.h"

namespace weir {
namespace {

using boost::asio::ip::make_address;
using config::Protocol;
using test::in_namespace;
using test::shell;

// A server as others write it: SO_REUSEADDR, bind, listen. 0 or errno.
int serve(const char* address, std::uint16_t port, int& fd) {
    fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_port = htons(port);
    name.sin_addr.s_addr = htonl(make_address(address).to_v4().to_uint());
    if (::bind(fd, reinterpret_cast<sockaddr*>(&name), sizeof name) < 0) return errno;
    return ::listen(fd, 1) < 0 ? errno : 0;
}

TEST(Reservations, ReportsAPortInUseAsNginxDoes) {
    in_namespace([] {
        shell("ip link set lo up");
        int server = -1;
        ASSERT_EQ(serve("127.0.0.1", 80, server), 0);
        Reservations held;
        const Status status = held.replace({{Protocol::tcp, make_address("0.0.0.0"), 80}});
        ASSERT_FALSE(status);
        EXPECT_EQ(status.error(), "bind() to 0.0.0.0:80 failed (98: Address already in use)");
        ::close(server);
        EXPECT_TRUE(held.replace({{Protocol::tcp, make_address("0.0.0.0"), 80}}));
    });
}

TEST(Reservations, SaysHowManySocketsAreTooMany) {
    in_namespace([] {
        rlimit files{};
        ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &files), 0);
        files.rlim_cur = 1000;
        ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &files), 0);
        Reservations held;
        const auto range = [](std::uint16_t first, std::uint16_t last) {
            return ListenTuple{Protocol::udp, make_address("0.0.0.0"), first, last};
        };
        const Status status = held.replace({range(80, 80), range(1000, 1799)});
        ASSERT_FALSE(status);
        EXPECT_EQ(status.error(),
                  "the configuration's `listen` need 801 sockets, and this process may open 1000 "
                  "files; raise that limit (`ulimit -Hn`, LimitNOFILE of the unit) or listen on "
                  "ranges of more than 1024 ports");
        EXPECT_TRUE(held.replace({range(80, 80), range(1000, 1600), range(2000, 4000)}))
            << "long ranges hold none";
    });
}

TEST(Reservations, KeepsOthersOut) {
    in_namespace([] {
        shell("ip link set lo up");
        Reservations first;
        const std::vector<ListenTuple> wanted = {{Protocol::tcp, make_address("0.0.0.0"), 80},
                                                 {Protocol::tcp, make_address("::"), 80},
                                                 {Protocol::udp, make_address("0.0.0.0"), 80},
                                                 {Protocol::tcp, make_address("192.0.2.1"), 81}};
        ASSERT_TRUE(first.replace(wanted));
        Reservations second;
        EXPECT_FALSE(second.replace({wanted[0]}));
        EXPECT_FALSE(second.replace({wanted[2]}));
        int server = -1;
        EXPECT_EQ(serve("127.0.0.1", 80, server), EADDRINUSE);
        ::close(server);
        ASSERT_TRUE(first.replace({}));
        EXPECT_TRUE(second.replace(wanted));
    });
}

TEST(Reservations, AReloadIsAllOrNothing) {
    in_namespace([] {
        shell("ip link set lo up");
        int server = -1;
        ASSERT_EQ(serve("127.0.0.1", 90, server), 0);
        Reservations held;
        const ListenTuple any80{Protocol::tcp, make_address("0.0.0.0"), 80};
        const ListenTuple one80{Protocol::tcp, make_address("127.0.0.1"), 80};
        const ListenTuple one90{Protocol::tcp, make_address("127.0.0.1"), 90};
        ASSERT_TRUE(held.replace({any80}));
        EXPECT_FALSE(held.replace({one80, one90}));
        Reservations other;
        EXPECT_FALSE(other.replace({any80}));
        EXPECT_TRUE(held.replace({one80}));  // our own wildcard is no conflict
        ::close(server);
    });
}

TEST(Reservations, HoldsEachPortOfARange) {
    in_namespace([] {
        shell("ip link set lo up");
        const ListenTuple range{Protocol::tcp, make_address("0.0.0.0"), 8000, 8010};
        Reservations held;
        ASSERT_TRUE(held.replace({range}));
        int server = -1;
        EXPECT_EQ(serve("127.0.0.1", 8010, server), EADDRINUSE);
        ::close(server);
        ASSERT_EQ(serve("127.0.0.1", 8011, server), 0);
        const Status status = held.replace({{Protocol::tcp, make_address("0.0.0.0"), 8000, 8020}});
        ASSERT_FALSE(status);
        EXPECT_EQ(status.error(), "bind() to 0.0.0.0:8011 failed (98: Address already in use)");
        ::close(server);
        EXPECT_EQ(serve("127.0.0.1", 8000, server), EADDRINUSE) << "held as before";
        ::close(server);
    });
}

TEST(Reservations, TriesAWideRangeWithoutHoldingIt) {
    in_namespace([] {
        shell("ip link set lo up");
        const ListenTuple all{Protocol::tcp, make_address("0.0.0.0"), 1, 65535};
        int server = -1;
        ASSERT_EQ(serve("127.0.0.1", 22, server), 0);
        Reservations held;
        const Status status = held.replace({all});
        ASSERT_FALSE(status);
        EXPECT_EQ(status.error(), "bind() to 0.0.0.0:22 failed (98: Address already in use)");
        ::close(server);
        ASSERT_TRUE(held.replace({all}));
        ASSERT_EQ(serve("127.0.0.1", 22, server), 0);
        ::close(server);
    });
}

TEST(Reservations, AWildcardHasThePortsOfAddressesToo) {
    const IpAddress one = make_address("192.0.2.1");
    const ListenTuple any{Protocol::tcp, make_address("0.0.0.0"), 80, 80};
    using Tuples = std::vector<ListenTuple>;
    EXPECT_EQ(without({Protocol::tcp, one, 80, 80}, {any}), Tuples{});
    EXPECT_EQ(without({Protocol::udp, one, 80, 80}, {any}), (Tuples{{Protocol::udp, one, 80, 80}}));
    EXPECT_EQ(without({Protocol::tcp, make_address("2001:db8::1"), 80, 80}, {any}).size(), 1u);
    EXPECT_EQ(without({Protocol::tcp, one, 79, 90}, {any}),
              (Tuples{{Protocol::tcp, one, 79, 79}, {Protocol::tcp, one, 81, 90}}));
    EXPECT_EQ(without({Protocol::tcp, one, 80, 65535}, {any}),
              (Tuples{{Protocol::tcp, one, 81, 65535}}));
}

TEST(Reservations, WritesIpv6InBrackets) {
    in_namespace([] {
        shell("ip link set lo up");
        const ListenTuple tuple{Protocol::udp, make_address("::1"), 53};
        Reservations first;
        ASSERT_TRUE(first.replace({tuple}));
        Reservations second;
        const Status status = second.replace({tuple});
        ASSERT_FALSE(status);
        EXPECT_EQ(status.error(), "bind() to [::1]:53 failed (98: Address already in use)");
    });
}

}  // namespace
}  // namespace weir
