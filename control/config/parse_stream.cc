// SPDX-License-Identifier: Apache-2.0
// stream{}: server, proxy_pass and the timeouts. Called by Parse through stream_directives().
#include <fmt/format.h>

#include "control/config/parse.h"

namespace weir::config {
namespace {

Status read_server(Parse& parse, const Statement&) {
    ServerBlock server;
    server.source = parse.source();
    parse.stream.servers.push_back(server);
    if (auto done = parse.block(in_stream_server); !done) return done;
    if (parse.server().listens.empty())
        return Parse::error_at(server.source, "no \"listen\" is defined for server");
    return success();
}

Status read_proxy_pass(Parse& parse, const Statement& statement) {
    if (!parse.first(statement)) return parse.duplicate(statement);
    const std::string& text = statement.words[1];
    if (text.find('$') != std::string::npos)
        return parse.error("variables in \"proxy_pass\" are not supported yet",
                           "name the upstream");
    if (text.starts_with("unix:"))
        return parse.not_supported(fmt::format("UNIX-domain socket \"{}\"", text),
                                   "let the backend listen on an address, such as 127.0.0.1:8080");
    auto url = parse_url(text, UrlUse::server);
    if (!url) return parse.error(fmt::format("{} in upstream \"{}\"", url.error(), text));
    auto upstream = parse.stream.upstreams.refer(parse, *url);
    if (!upstream) return Error{upstream.error()};
    parse.server().upstream = *upstream;
    return success();
}

std::optional<Milliseconds>& slot(Parse& parse, std::optional<Milliseconds> Proxy::*of_block,
                                  std::optional<Milliseconds> ServerBlock::*of_server) {
    return parse.context() == in_stream ? parse.stream.*of_block : parse.server().*of_server;
}

Status read_proxy_timeout(Parse& parse, const Statement& statement) {
    return read_time(parse, statement,
                     slot(parse, &Proxy::proxy_timeout, &ServerBlock::proxy_timeout));
}

Status read_proxy_connect_timeout(Parse& parse, const Statement& statement) {
    return read_time(
        parse, statement,
        slot(parse, &Proxy::proxy_connect_timeout, &ServerBlock::proxy_connect_timeout));
}

Status read_health_check_timeout(Parse& parse, const Statement& statement) {
    return read_time(parse, statement,
                     slot(parse, &Proxy::health_check_timeout, &ServerBlock::health_check_timeout));
}

constexpr Directive table[] = {
    {"server", in_stream, 0, 0, true, read_server},
    {"listen", in_stream_server, 1, any_number, false, read_listen},
    {"proxy_pass", in_stream_server, 1, 1, false, read_proxy_pass},
    {"proxy_timeout", in_any_stream, 1, 1, false, read_proxy_timeout},
    {"proxy_connect_timeout", in_any_stream, 1, 1, false, read_proxy_connect_timeout},
    {"health_check", in_stream_server, 0, any_number, false, read_health_check},
    {"health_check_timeout", in_any_stream, 1, 1, false, read_health_check_timeout},
};

}  // namespace

std::span<const Directive> stream_directives() {
    return table;
}

}  // namespace weir::config
