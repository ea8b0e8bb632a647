// SPDX-License-Identifier: Apache-2.0
// What the tables say of a port's own end.
#include "control/publish/ports.h"

#include <gtest/gtest.h>

#include "control/publish/convert.h"

namespace weir::publish {
namespace {

std::vector<Network> networks(const std::vector<std::string>& texts) {
    std::vector<Network> all;
    for (const std::string& text : texts) all.push_back(*parse_network(text));
    return all;
}

IpAddress v4(const weir_interface& interface) {
    return from_addr(weir_addr_v4(interface.addr4));
}

TEST(Ports, TheFirstAddressOfEachFamilyIsTheInterfaces) {
    const auto interface = interface_of(
        networks({"10.0.0.10/24", "10.0.1.10/24", "2001:db8::10/64", "2001:db8:1::10/64"}), 9000);
    EXPECT_EQ(v4(interface).to_string(), "10.0.0.10");
    EXPECT_EQ(from_addr(interface.addr6).to_string(), "2001:db8::10");
    EXPECT_EQ(interface.mtu, 9000);
}

TEST(Ports, AnAddressOfAServiceComesLast) {
    const auto interface = interface_of(
        networks({"192.0.2.1/32", "10.0.0.10/24", "2001:db8::80/128", "2001:db8::10/64"}), 1500);
    EXPECT_EQ(v4(interface).to_string(), "10.0.0.10");
    EXPECT_EQ(from_addr(interface.addr6).to_string(), "2001:db8::10");
    EXPECT_EQ(v4(interface_of(networks({"192.0.2.1/32"}), 1500)).to_string(), "192.0.2.1");
}

TEST(Ports, WithoutAddressesAndWithALongMtu) {
    const auto interface = interface_of({}, 100000);
    constexpr weir_addr none{};
    EXPECT_EQ(interface.addr4.raw, 0u);
    EXPECT_TRUE(weir_addr_equal(&interface.addr6, &none));
    EXPECT_EQ(interface.mtu, 65535);
}

}  // namespace
}  // namespace weir::publish
