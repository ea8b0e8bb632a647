// SPDX-License-Identifier: Apache-2.0
// The part of http{} that an L4 balancer can do: server, listen, and `location /` with proxy_pass
// to an upstream or an address. Called by Parse through http_directives(). Whatever would need the
// bytes of a request must be refused here or in foreign.cc, never half done.
#include <fmt/format.h>

#include <array>

#include "control/config/parse.h"
#include "control/config/values.h"

namespace weir::config {
namespace {

constexpr std::string_view path_unseen =
    "the path of a request is not seen, so only \"location / { }\" is possible: route by path on "
    "the "
    "backends, or keep nginx behind this balancer";

Status read_server(Parse& parse, const Statement&) {
    ServerBlock server;
    server.source = parse.source();
    parse.http.servers.push_back(server);
    if (auto done = parse.block(in_http_server); !done) return done;
    if (!parse.server().listens.empty()) return success();
    const Source end = parse.source();
    return read_listen(parse, Statement{{"listen", "80"}, Statement::End::semicolon, end.line});
}

Status read_location(Parse& parse, const Statement& statement) {
    const bool root =
        statement.words.back() == "/" && (statement.arguments() == 1 || statement.words[1] == "^~");
    if (!root || parse.context() == in_http_location)
        return parse.not_supported("\"location\" directive", std::string(path_unseen));
    if (std::exchange(parse.server().has_location, true))
        return parse.error("duplicate location \"/\"");
    return parse.block(in_http_location);
}

Status read_proxy_pass(Parse& parse, const Statement& statement) {
    if (!parse.first(statement)) return parse.duplicate(statement);
    constexpr std::string_view plain = "http://";
    const std::string& text = statement.words[1];
    if (text.find('$') != std::string::npos)
        return parse.not_supported("variable in \"proxy_pass\"", "name the upstream");
    if (same_ignoring_case(text.substr(0, 8), "https://"))
        return parse.not_supported(
            "\"https://\" in \"proxy_pass\"",
            "TLS passes through unchanged: proxy the port in a stream server, "
            "so that the clients speak TLS with the backends");
    if (!same_ignoring_case(text.substr(0, plain.size()), plain))
        return parse.error("invalid URL prefix");
    const std::string rest = text.substr(plain.size());
    if (rest.starts_with("unix:"))
        return parse.not_supported(fmt::format("UNIX-domain socket \"{}\"", rest),
                                   "let the backend listen on an address, such as 127.0.0.1:8080");
    auto url = parse_url(rest, UrlUse::http, 80);
    if (!url) return parse.error(fmt::format("{} in upstream \"{}\"", url.error(), rest));
    if (!url->uri.empty() && url->uri != "/")
        return parse.not_supported(
            fmt::format("URI \"{}\" in \"proxy_pass\"", url->uri),
            "the path of a request cannot be changed: write \"proxy_pass http://" + url->text +
                ";\"");
    auto upstream = parse.http.upstreams.refer(parse, *url);
    if (!upstream) return Error{upstream.error()};
    parse.server().upstream = *upstream;
    return success();
}

// Headers that tell a backend about the client and the proxy. The backend sees the client's own
// request instead, so their absence changes no response.
Status read_proxy_set_header(Parse& parse, const Statement& statement) {
    constexpr std::array<std::string_view, 5> known{"Host", "X-Real-IP", "Upgrade", "Connection",
                                                    "Forwarded"};
    const std::string& header = statement.words[1];
    bool harmless = same_ignoring_case(header.substr(0, 12), "X-Forwarded-");
    for (std::string_view name : known) harmless = harmless || same_ignoring_case(header, name);
    if (!harmless)
        return parse.not_supported(
            fmt::format("\"proxy_set_header {}\" directive", header),
            "headers are not seen, so none can be set: set it on the client or on the backend");
    parse.notice_once(statement.name(),
                      "\"proxy_set_header\" directive is ignored: requests pass through with the "
                      "client's own headers");
    return success();
}

Status read_proxy_connect_timeout(Parse& parse, const Statement& statement) {
    return read_time(parse, statement,
                     parse.context() == in_http ? parse.http.proxy_connect_timeout
                                                : parse.server().proxy_connect_timeout);
}

constexpr Directive table[] = {
    {"server", in_http, 0, 0, true, read_server},
    {"listen", in_http_server, 1, any_number, false, read_listen},
    {"location", in_http_server | in_http_location, 1, 2, true, read_location},
    {"proxy_pass", in_http_location, 1, 1, false, read_proxy_pass},
    {"proxy_set_header", in_any_http, 2, 2, false, read_proxy_set_header},
    {"proxy_connect_timeout", in_any_http, 1, 1, false, read_proxy_connect_timeout},
    {"health_check", in_http_location, 0, any_number, false, read_health_check},
};

}  // namespace

std::span<const Directive> http_directives() {
    return table;
}

}  // namespace weir::config
