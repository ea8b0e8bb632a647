// SPDX-License-Identifier: Apache-2.0
// upstream{} of http{} and stream{}: its servers and its balancing method. Called by Parse through
// upstream_directives(). It must resolve a name only after every parameter of its line was valid.
#include <fmt/format.h>

#include <limits>

#include "control/config/parse.h"
#include "control/config/values.h"

namespace weir::config {
namespace {

// nginx has no bound of its own, but sums the weights of an upstream in a 32-bit integer.
constexpr std::uint64_t heaviest = 1'000'000;

UpstreamEntry& open_upstream(Parse& parse) {
    return parse.proxy().upstreams.entries[parse.proxy().open];
}

bool takes_backup(Method method) {
    return method == Method::round_robin;
}

Status read_upstream(Parse& parse, const Statement& statement) {
    const Source opened = parse.source();
    auto index = parse.proxy().upstreams.declare(parse, statement.words[1]);
    if (!index) return Error{index.error()};
    parse.proxy().open = *index;
    const bool http = parse.in_http_block();
    if (auto done = parse.block(http ? in_http_upstream : in_stream_upstream); !done) return done;

    const Upstream& upstream = open_upstream(parse).upstream;
    if (upstream.servers.empty()) return parse.error("no servers are inside upstream");
    for (const Server& server : upstream.servers)
        if (server.backup && !takes_backup(upstream.method))
            return Parse::error_at(server.source,
                                   "balancing method does not support parameter \"backup\"");
    return success();
}

// The text after "name=", when `word` is that parameter.
std::optional<std::string_view> value_of(std::string_view word, std::string_view name) {
    if (!word.starts_with(name)) return std::nullopt;
    return word.substr(name.size());
}

// Parameters whose value weir checks as nginx does, but does not act on.
Status read_passive(Parse& parse, const std::string& word) {
    bool valid = false;
    if (auto text = value_of(word, "max_fails=")) valid = parse_number(*text).has_value();
    if (auto text = value_of(word, "fail_timeout="))
        valid = parse_time(*text, TimeUnit::seconds).has_value();
    if (!valid) return parse.error(fmt::format("invalid parameter \"{}\"", word));
    UpstreamEntry& entry = open_upstream(parse);
    if (!std::exchange(entry.warned_passive, true))
        parse.warn(
            fmt::format("\"max_fails\" and \"fail_timeout\" have no effect in upstream \"{}\": "
                        "passive checks are not made; use health_check",
                        entry.upstream.name));
    return success();
}

Status read_parameter(Parse& parse, const std::string& word, Server& server) {
    const auto invalid = [&] { return parse.error(fmt::format("invalid parameter \"{}\"", word)); };
    if (auto text = value_of(word, "weight=")) {
        auto weight = parse_number(*text);
        if (!weight || *weight == 0) return invalid();
        if (*weight > heaviest)
            return parse.error(fmt::format("invalid parameter \"{}\"", word),
                               fmt::format("a weight is at most {}", heaviest));
        server.weight = static_cast<unsigned>(*weight);
        return success();
    }
    if (auto text = value_of(word, "max_conns=")) {
        auto limit = parse_number(*text);
        if (!limit) return invalid();
        if (*limit != 0)
            return parse.error("\"max_conns\" parameter is not supported yet",
                               "remove it, or limit connections on the backend");
        return success();
    }
    if (word.starts_with("max_fails=") || word.starts_with("fail_timeout="))
        return read_passive(parse, word);
    if (word == "backup") {
        if (!takes_backup(open_upstream(parse).upstream.method))
            return parse.error(
                fmt::format("balancing method does not support parameter \"{}\"", word));
        server.backup = true;
        return success();
    }
    if (word == "down") {
        server.down = true;
        return success();
    }
    if (auto text = value_of(word, "server_id=")) {
        auto id = parse_number(*text);
        if (!id || *id > 65534) return invalid();
        server.server_id = static_cast<std::uint16_t>(*id);
        return success();
    }
    for (std::string_view name : {"slow_start=", "route=", "service=", "id="})
        if (word.starts_with(name))
            return parse.error(fmt::format("\"{}\" parameter is not supported yet",
                                           name.substr(0, name.size() - 1)),
                               "remove it");
    if (word == "resolve" || word == "drain")
        return parse.error(fmt::format("\"{}\" parameter is not supported yet", word), "remove it");
    return invalid();
}

// One number is one server.
Status check_server_id(Parse& parse, const Server& server,
                       const std::vector<IpAddress>& addresses) {
    if (!server.server_id) return success();
    const std::string text = fmt::format("invalid parameter \"server_id={}\"", *server.server_id);
    if (addresses.size() > 1)
        return parse.error(text, fmt::format("\"{}\" has {} addresses; give each a line and a "
                                             "number of its own",
                                             server.name, addresses.size()));
    for (const Server& other : open_upstream(parse).upstream.servers)
        if (other.server_id == server.server_id)
            return parse.error(text, fmt::format("server \"{}\" has it already", other.name));
    return success();
}

Status read_server(Parse& parse, const Statement& statement) {
    const bool http = parse.in_http_block();
    const std::string& text = statement.words[1];
    Server server;
    server.name = text;
    server.source = parse.source();
    for (std::size_t i = 2; i < statement.words.size(); ++i)
        if (auto done = read_parameter(parse, statement.words[i], server); !done) return done;

    if (text.starts_with("unix:"))
        return parse.not_supported(fmt::format("UNIX-domain socket \"{}\"", text),
                                   "let the backend listen on an address, such as 127.0.0.1:8080");
    auto url = parse_url(text, UrlUse::server, http ? 80 : 0);
    if (!url) return parse.error(fmt::format("{} in upstream \"{}\"", url.error(), text));
    auto addresses = addresses_of(parse, *url);
    if (!addresses)
        return parse.error(fmt::format("{} in upstream \"{}\"", addresses.error(), text));
    const auto& forward = open_upstream(parse).forward;
    if (url->port == 0 && !(forward && keeps_destination(forward->forward)))
        return parse.error(fmt::format("no port in upstream \"{}\"", text));
    if (auto done = check_server_id(parse, server, *addresses); !done) return done;
    server.addresses = *std::move(addresses);
    server.port = url->port;
    open_upstream(parse).upstream.servers.push_back(std::move(server));
    return success();
}

void choose(Parse& parse, Method method) {
    UpstreamEntry& entry = open_upstream(parse);
    if (std::exchange(entry.method_given, true)) parse.warn("load balancing method redefined");
    entry.upstream.method = method;
}

Status read_ip_hash(Parse& parse, const Statement&) {
    choose(parse, Method::ip_hash);
    return success();
}

Status read_maglev(Parse& parse, const Statement& statement) {
    HashKey key = HashKey::flow;
    if (statement.arguments() == 1) {
        const std::string& word = statement.words[1];
        if (word != "$remote_addr" && word != "${remote_addr}" && word != "$binary_remote_addr")
            return parse.error(
                fmt::format("invalid parameter \"{}\"", word),
                "maglev hashes the whole flow, or only the client's address: maglev $remote_addr");
        key = HashKey::client_address;
    }
    choose(parse, Method::maglev);
    open_upstream(parse).upstream.hash_key = key;
    return success();
}

// weir's state is always shared by its workers, so a zone is only checked.
Status read_zone(Parse& parse, const Statement& statement) {
    constexpr std::uint64_t smallest = 8 * 4096;
    const std::string& name = statement.words[1];
    if (name.empty()) return parse.error(fmt::format("invalid zone name \"{}\"", name));
    if (statement.arguments() == 1) return success();
    auto size = parse_size(statement.words[2]);
    if (!size) return parse.error(fmt::format("invalid zone size \"{}\"", statement.words[2]));
    if (*size < smallest) return parse.error(fmt::format("zone \"{}\" is too small", name));
    return success();
}

constexpr Directive table[] = {
    {"upstream", in_http | in_stream, 1, 1, true, read_upstream},
    {"server", in_any_upstream, 1, any_number, false, read_server},
    {"ip_hash", in_any_upstream, 0, 0, false, read_ip_hash},
    {"maglev", in_any_upstream, 0, 1, false, read_maglev},
    {"zone", in_any_upstream, 1, 2, false, read_zone},
};

}  // namespace

std::span<const Directive> upstream_directives() {
    return table;
}

}  // namespace weir::config
