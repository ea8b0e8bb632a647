// SPDX-License-Identifier: Apache-2.0
// `listen`: what clients address. The same rules serve http{} and stream{}; only the texts of a few
// errors differ, as they do in nginx. Called through http_directives() and stream_directives().
#include <fmt/format.h>

#include <algorithm>

#include "control/config/parse.h"
#include "control/config/values.h"

namespace weir::config {
namespace {

struct Options {
    bool udp = false;
    bool ipv6only = true;
    bool backlog = false;
};

constexpr std::string_view tls_passes =
    "TLS passes through unchanged: write \"listen {}\" without ssl in a stream server, and "
    "terminate "
    "TLS on the backends, or keep nginx behind this balancer";

// Parameters that only tune a listening socket; weir has none.
bool is_harmless(std::string_view word) {
    for (std::string_view name :
         {"rcvbuf=", "sndbuf=", "setfib=", "fastopen=", "so_keepalive=", "accept_filter="})
        if (word.starts_with(name)) return word.size() > name.size();
    for (std::string_view name : {"bind", "reuseport", "deferred"})
        if (word == name) return true;
    return false;
}

bool is_harmless_in_http(std::string_view word) {
    return word == "default_server" || word == "default" || word == "http2";
}

Error invalid(const Parse& parse, const std::string& word) {
    if (parse.in_http_block()) return parse.error(fmt::format("invalid parameter \"{}\"", word));
    return parse.error(fmt::format("the invalid \"{}\" parameter", word));
}

Status read_option(Parse& parse, const std::string& listen, const std::string& word,
                   Options& options) {
    if (word == "udp" && !parse.in_http_block()) {
        options.udp = true;
        return success();
    }
    if (word.starts_with("backlog=")) {
        auto number = parse_number(word.substr(8));
        if (!number || *number == 0)
            return parse.error(fmt::format("invalid backlog \"{}\"", word));
        options.backlog = true;
        return success();
    }
    if (word.starts_with("ipv6only=")) {
        if (word != "ipv6only=on" && word != "ipv6only=off") {
            if (parse.in_http_block())
                return parse.error(fmt::format("invalid ipv6only flags \"{}\"", word.substr(9)));
            return invalid(parse, word);
        }
        options.ipv6only = word == "ipv6only=on";
        return success();
    }
    const auto parameter = [&] { return fmt::format("\"{}\" parameter of \"listen\"", word); };
    if (word == "ssl" || word == "quic")
        return parse.not_supported(parameter(), fmt::format(fmt::runtime(tls_passes), listen));
    if (word == "proxy_protocol")
        return parse.not_supported(parameter(),
                                   "the first bytes of a connection are not seen: the client's "
                                   "address is that of its packets");
    if (is_harmless(word) || (parse.in_http_block() && is_harmless_in_http(word))) return success();
    return invalid(parse, word);
}

Status add(Parse& parse, const Listen& listen) {
    if (parse.in_http_block()) {
        for (const Listen& other : parse.server().listens)
            if (const auto port = other.shared_port(listen))
                return parse.error(fmt::format("a duplicate listen {}", listen.text(*port)));
    }
    for (const Proxy* proxy : {&parse.http, &parse.stream}) {
        for (const ServerBlock& server : proxy->servers) {
            for (const Listen& other : server.listens) {
                const auto port = other.shared_port(listen);
                if (!port) continue;
                const std::string text =
                    fmt::format("duplicate \"{}\" address and port pair", listen.text(*port));
                if (proxy == &parse.stream && !parse.in_http_block()) return parse.error(text);
                return parse.error(
                    text, fmt::format("the server in {}:{} listens there already; an L4 balancer "
                                      "sees no host names, so give each server its own address or "
                                      "port",
                                      server.source.file, server.source.line));
            }
        }
    }
    parse.server().listens.push_back(listen);
    return success();
}

Result<std::vector<std::optional<IpAddress>>> listen_addresses(const Parse& parse, const Url& url) {
    std::vector<std::optional<IpAddress>> all;
    if (url.wildcard || url.address) {
        all.push_back(url.address);
        return all;
    }
    auto found = addresses_of(parse, url);
    if (!found) return Error{found.error()};
    all.assign(found->begin(), found->end());
    return all;
}

}  // namespace

std::string Listen::text(std::uint16_t at) const {
    if (address) return to_text(*address, at);
    return ipv6_wildcard ? fmt::format("[::]:{}", at) : fmt::format("0.0.0.0:{}", at);
}

std::string Listen::text() const {
    return last_port == port ? text(port) : fmt::format("{}-{}", text(port), last_port);
}

std::optional<std::uint16_t> Listen::shared_port(const Listen& other) const {
    const std::uint16_t first = std::max(port, other.port);
    if (address != other.address || ipv6_wildcard != other.ipv6_wildcard ||
        protocol != other.protocol || first > std::min(last_port, other.last_port))
        return std::nullopt;
    return first;
}

Status read_listen(Parse& parse, const Statement& statement) {
    const std::string& text = statement.words[1];
    if (text.starts_with("unix:"))
        return parse.not_supported(fmt::format("UNIX-domain socket \"{}\"", text),
                                   "clients of an L4 balancer come over the network");
    const auto refuse = [&](const std::string& word) {
        return parse.error(fmt::format("{} in \"{}\" of the \"listen\" directive", word, text));
    };
    auto url = parse_url(text, UrlUse::listen, parse.in_http_block() ? 80 : 0);
    if (!url) return refuse(url.error());
    auto addresses = listen_addresses(parse, *url);
    if (!addresses) return refuse(addresses.error());
    if (url->port == 0) return refuse("no port");

    Options options;
    for (std::size_t i = 2; i < statement.words.size(); ++i)
        if (auto done = read_option(parse, text, statement.words[i], options); !done) return done;
    if (options.udp && options.backlog)
        return parse.error(
            "\"listen\" directive \"backlog\" parameter is incompatible with \"udp\"");

    for (const auto& address : *addresses) {
        Listen listen;
        listen.port = url->port;
        listen.last_port = url->last_port == 0 ? url->port : url->last_port;
        listen.protocol = options.udp ? Protocol::udp : Protocol::tcp;
        listen.source = parse.source();
        listen.ipv6_wildcard = address && address->is_v6() && address->is_unspecified();
        if (address && !address->is_unspecified()) listen.address = address;
        if (auto done = add(parse, listen); !done) return done;
        if (listen.ipv6_wildcard && !options.ipv6only) {
            listen.ipv6_wildcard = false;
            if (auto done = add(parse, listen); !done) return done;
        }
    }
    return success();
}

}  // namespace weir::config
