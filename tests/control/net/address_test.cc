// SPDX-License-Identifier: Apache-2.0
// Text and bytes of addresses, and the two ends of the host link.
#include "control/net/address.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

TEST(Address, ParsesNetworks) {
    const auto v4 = parse_network("10.0.0.7/24");
    ASSERT_TRUE(v4);
    EXPECT_EQ(to_string(*v4), "10.0.0.7/24");
    const auto v6 = parse_network("fd00::1/64");
    ASSERT_TRUE(v6);
    EXPECT_EQ(to_string(*v6), "fd00::1/64");
}

TEST(Address, RefusesWhatIsNoNetwork) {
    for (const char* text : {"", "/", "10.0.0.1", "10.0.0.1/", "10.0.0.1/33", "10.0.0.1/24x",
                             "10.0.0.1/-1", "fd00::/129", "host/24", "10.0.0/8"}) {
        EXPECT_FALSE(parse_network(text)) << text;
    }
}

TEST(Address, BytesRoundTrip) {
    for (const char* text : {"0.0.0.0", "192.0.2.1", "::", "2001:db8::1"}) {
        const auto address = boost::asio::ip::make_address(text);
        const std::string raw = to_bytes(address);
        const auto* data = reinterpret_cast<const std::uint8_t*>(raw.data());
        EXPECT_EQ(from_bytes({data, raw.size()}), address);
    }
    EXPECT_FALSE(from_bytes({}));
}

TEST(Address, LinkAddressesAreTheFirstTwoHosts) {
    const auto link = link_addresses("169.254.77.3/30");
    ASSERT_TRUE(link);
    EXPECT_EQ(to_string(link->host), "169.254.77.1/30");
    EXPECT_EQ(to_string(link->dataplane), "169.254.77.2/30");
    EXPECT_FALSE(link_addresses("169.254.77.0/31"));
    const auto six = link_addresses("fd77:6569:7200:ffff::3/126");
    ASSERT_TRUE(six);
    EXPECT_EQ(to_string(six->host), "fd77:6569:7200:ffff::1/126");
    EXPECT_EQ(to_string(six->dataplane), "fd77:6569:7200:ffff::2/126");
    EXPECT_EQ(to_string(link_addresses("fd00:0:0:1:2:3:4:5/68")->host), "fd00:0:0:1::1/68");
    EXPECT_EQ(to_string(link_addresses("10.255.255.255/9")->host), "10.128.0.1/9");
    EXPECT_FALSE(link_addresses("fd00::/127"));
}

TEST(Address, WithAPortAsClientsWriteIt) {
    const auto text = [](const char* address) {
        return to_string(boost::asio::ip::make_address(address), 80);
    };
    EXPECT_EQ(text("10.0.0.1"), "10.0.0.1:80");
    EXPECT_EQ(text("2001:db8::1"), "[2001:db8::1]:80");
}

}  // namespace
}  // namespace weir
