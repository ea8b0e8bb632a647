// SPDX-License-Identifier: Apache-2.0
// See url.h. The order of the checks is nginx's, since it decides which error a user sees.
#include "control/config/url.h"

#include <fmt/format.h>

#include "control/config/values.h"

namespace weir::config {
namespace {

std::optional<std::uint16_t> parse_port(std::string_view text) {
    auto number = parse_number(text);
    if (!number || *number < 1 || *number > 65535) return std::nullopt;
    return static_cast<std::uint16_t>(*number);
}

// Dotted decimal with four parts; a name such as "300.0.0.1" is a host name to nginx.
std::optional<IpAddress> parse_v4(std::string_view host) {
    boost::system::error_code failed;
    auto address = boost::asio::ip::make_address_v4(std::string(host), failed);
    if (failed || host.find('\0') != std::string_view::npos) return std::nullopt;
    return IpAddress(address);
}

std::optional<IpAddress> parse_v6(std::string_view host) {
    if (host.find_first_not_of("0123456789abcdefABCDEF:.") != std::string_view::npos)
        return std::nullopt;
    boost::system::error_code failed;
    auto address = boost::asio::ip::make_address_v6(std::string(host), failed);
    if (failed) return std::nullopt;
    return IpAddress(address);
}

// "80", and "8000-8010" where a range may stand.
Status read_ports(std::string_view text, UrlUse use, Url& url) {
    const auto dash = use == UrlUse::listen ? text.find('-') : std::string_view::npos;
    const auto first = parse_port(text.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : parse_port(text.substr(dash + 1));
    if (!first || !last) return Error{"invalid port"};
    if (*last < *first) return Error{"invalid port range"};
    url.port = *first;
    url.last_port = dash == std::string_view::npos ? std::uint16_t{0} : *last;
    url.port_given = true;
    return success();
}

// A listen that has no address: one number, or two with a dash.
bool is_ports_alone(std::string_view text) {
    const auto dash = text.find('-');
    if (dash == std::string_view::npos) return parse_number(text).has_value();
    return parse_number(text.substr(0, dash)) && parse_number(text.substr(dash + 1));
}

Result<Url> parse_bracketed(std::string_view text, UrlUse use, Url url,
                            std::uint16_t default_port) {
    const auto close = text.find(']');
    if (close == std::string_view::npos) return Error{"invalid host"};
    const auto rest = text.substr(close + 1);
    url.port = default_port;
    if (!rest.empty()) {
        if (rest.front() != ':') return Error{"invalid host"};
        if (auto done = read_ports(rest.substr(1), use, url); !done) return Error{done.error()};
    }
    url.host = text.substr(0, close + 1);
    if (close == 1) return Error{"no host"};
    url.address = parse_v6(text.substr(1, close - 1));
    if (!url.address) return Error{"invalid IPv6 address"};
    return url;
}

}  // namespace

Result<Url> parse_url(std::string_view text, UrlUse use, std::uint16_t default_port) {
    Url url;
    const auto uri = text.find_first_of("/?");
    if (uri != std::string_view::npos) {
        if (use != UrlUse::http) return Error{"invalid host"};
        url.uri = text.substr(uri);
        text = text.substr(0, uri);
    }
    url.text = text;
    if (text.starts_with('[')) return parse_bracketed(text, use, std::move(url), default_port);

    const auto colon = text.find(':');
    url.port = default_port;
    if (colon != std::string_view::npos) {
        if (auto done = read_ports(text.substr(colon + 1), use, url); !done)
            return Error{done.error()};
    } else if (use == UrlUse::listen && is_ports_alone(text)) {
        if (auto done = read_ports(text, use, url); !done) return Error{done.error()};
        url.wildcard = true;
        return url;
    }
    url.host = text.substr(0, colon);
    if (url.host.empty()) return Error{"no host"};
    if (use == UrlUse::listen && url.host == "*") {
        url.wildcard = true;
        return url;
    }
    url.address = parse_v4(url.host);
    return url;
}

IpAddress reachable(const IpAddress& address) {
    if (!address.is_unspecified()) return address;
    if (address.is_v6()) return boost::asio::ip::address_v6::loopback();
    return boost::asio::ip::address_v4::loopback();
}

std::string to_text(const IpAddress& address, std::uint16_t port) {
    return address.is_v6() ? fmt::format("[{}]:{}", address.to_string(), port)
                           : fmt::format("{}:{}", address.to_string(), port);
}

}  // namespace weir::config
