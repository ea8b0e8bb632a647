// SPDX-License-Identifier: Apache-2.0
// Addresses as nginx writes them (host:port, *:port, port, [v6]:port), with nginx's own error
// words. Called by the handlers of listen, server and proxy_pass; it never resolves a name.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "control/config/model.h"
#include "dataplane/tables/result.h"

namespace weir::config {

struct Url {
    std::string text;                  // without the URI part
    std::string host;                  // as written, with the brackets of an IPv6 address
    std::optional<IpAddress> address;  // none: a host name, or a wildcard
    bool wildcard = false;             // `*:80` and `80` of a listen
    bool port_given = false;
    std::uint16_t port = 0;
    std::uint16_t last_port = 0;  // of a range `8000-8010` of a listen; else 0
    std::string uri;              // from the first / or ?, only for UrlUse::http
};

enum class UrlUse {
    server,  // of an upstream, or proxy_pass of stream{}
    http,    // proxy_pass of http{}, after http://
    listen,
};

// The error is nginx's word alone: "invalid port", "invalid port range", "no host", "invalid host",
// "invalid IPv6 address".
Result<Url> parse_url(std::string_view text, UrlUse use, std::uint16_t default_port = 0);

// 0.0.0.0 and :: as a destination mean this host.
IpAddress reachable(const IpAddress& address);

// "10.0.0.1:80", "[::1]:80".
std::string to_text(const IpAddress& address, std::uint16_t port);

}  // namespace weir::config
