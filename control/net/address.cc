// SPDX-License-Identifier: Apache-2.0
// Conversions of addresses between text, bytes and Asio's types. Called from all of control; keeps
// no state.
#include "control/net/address.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>

namespace weir {

Result<Network> parse_network(const std::string& text) {
    const Error error{"\"" + text + "\" is no address/prefix such as 10.0.0.1/24"};
    const std::size_t slash = text.find('/');
    if (slash == std::string::npos) return error;
    boost::system::error_code code;
    Network network;
    network.address = boost::asio::ip::make_address(text.substr(0, slash), code);
    const char* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data() + slash + 1, end, network.prefix);
    if (code || parsed.ec != std::errc() || parsed.ptr != end) return error;
    if (network.prefix > bits_of(network.address)) return error;
    return network;
}

std::string to_string(const Network& network) {
    return fmt::format("{}/{}", network.address.to_string(), network.prefix);
}

std::string to_string(const IpAddress& address, std::uint16_t port) {
    return fmt::format(fmt::runtime(address.is_v4() ? "{}:{}" : "[{}]:{}"), address.to_string(),
                       port);
}

std::string to_string(const MacAddress& mac) {
    return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", mac[0], mac[1], mac[2], mac[3],
                       mac[4], mac[5]);
}

Result<MacAddress> parse_mac(const std::string& text) {
    const Error error{"\"" + text + "\" is no MAC address such as 02:00:00:00:00:01"};
    MacAddress mac{};
    if (text.size() != 3 * mac.size() - 1) return error;
    for (std::size_t i = 0; i < mac.size(); i++) {
        const char* begin = text.data() + 3 * i;
        const auto parsed = std::from_chars(begin, begin + 2, mac[i], 16);
        if (parsed.ec != std::errc() || parsed.ptr != begin + 2) return error;
        if (i + 1 < mac.size() && begin[2] != ':') return error;
    }
    return mac;
}

int family_of(const IpAddress& address) {
    return address.is_v4() ? AF_INET : AF_INET6;
}

unsigned bits_of(const IpAddress& address) {
    return address.is_v4() ? 32 : 128;
}

std::string to_bytes(const IpAddress& address) {
    if (address.is_v4()) {
        const auto bytes = address.to_v4().to_bytes();
        return {bytes.begin(), bytes.end()};
    }
    const auto bytes = address.to_v6().to_bytes();
    return {bytes.begin(), bytes.end()};
}

std::optional<IpAddress> from_bytes(std::span<const std::uint8_t> bytes) {
    namespace ip = boost::asio::ip;
    if (bytes.size() == 4) {
        ip::address_v4::bytes_type v4;
        std::copy(bytes.begin(), bytes.end(), v4.begin());
        return IpAddress(ip::address_v4(v4));
    }
    if (bytes.size() == 16) {
        ip::address_v6::bytes_type v6;
        std::copy(bytes.begin(), bytes.end(), v6.begin());
        return IpAddress(ip::address_v6(v6));
    }
    return std::nullopt;
}

namespace {

// The first address of the network plus `number`.
IpAddress nth(const Network& network, std::uint8_t number) {
    const unsigned host_bits = bits_of(network.address) - network.prefix;
    const auto masked = [&](auto bytes) {
        for (std::size_t i = 0; i < bytes.size(); i++) {
            const std::size_t below = 8 * (bytes.size() - i);  // bits from this byte on
            if (host_bits >= below)
                bytes[i] = 0;
            else if (below - host_bits < 8)
                bytes[i] &= static_cast<std::uint8_t>(0xff << (8 - (below - host_bits)));
        }
        bytes.back() = static_cast<std::uint8_t>(bytes.back() + number);
        return bytes;
    };
    if (network.address.is_v4())
        return boost::asio::ip::address_v4(masked(network.address.to_v4().to_bytes()));
    return boost::asio::ip::address_v6(masked(network.address.to_v6().to_bytes()));
}

}  // namespace

Result<LinkAddresses> link_addresses(const std::string& local_network) {
    Result<Network> network = parse_network(local_network);
    if (!network) return Error{network.error()};
    const bool v4 = network->address.is_v4();
    if (network->prefix > bits_of(network->address) - 2) {
        return Error{"\"" + local_network + "\" cannot link to the host: it must be a network of " +
                     (v4 ? "/30" : "/126") + " or larger"};
    }
    const auto end = [&](std::uint8_t number) {
        return Network{nth(*network, number), network->prefix};
    };
    return LinkAddresses{end(1), end(2)};
}

}  // namespace weir
