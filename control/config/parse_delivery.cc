// SPDX-License-Identifier: Apache-2.0
// How packets reach the servers: forward, proxy_bind, mss_clamp, proxy_session_drop, stateless,
// quic_cid. Called by Parse through delivery_directives(). Each handler notes what its line says;
// whether it can work with the rest is decided in delivery.cc, when the rest is known.
#include <fmt/format.h>

#include <array>

#include "control/config/parse.h"
#include "control/config/values.h"

namespace weir::config {
namespace {

constexpr std::uint16_t smallest_mss = 216;  // an IPv4 host takes packets of 576 bytes; nobody less

// The value of a directive, or its complaint.
Error expected(const Parse& parse, const Statement& statement, const std::string& what) {
    return parse.error(fmt::format("invalid value \"{}\" in \"{}\" directive", statement.words[1],
                                   statement.name()),
                       "expected " + what);
}

DeliveryWords& words_of(Parse& parse) {
    const bool of_server = parse.context() & (in_http_server | in_stream_server);
    return of_server ? parse.server().delivery : parse.proxy().delivery;
}

UpstreamEntry& open_upstream(Parse& parse) {
    return parse.proxy().upstreams.entries[parse.proxy().open];
}

bool in_upstream(const Parse& parse) {
    return parse.context() & in_any_upstream;
}

std::optional<Forward> forward_of(const std::string& word) {
    for (const Forward forward : {Forward::nat, Forward::dsr, Forward::ipip, Forward::gue})
        if (word == to_text(forward)) return forward;
    return std::nullopt;
}

Status read_gue_parameter(const Parse& parse, const std::string& word, ForwardWords& words) {
    const auto invalid = [&](const std::string& why) {
        return parse.error(fmt::format("invalid parameter \"{}\"", word), why);
    };
    if (words.forward != Forward::gue)
        return invalid("only gue has parameters: forward gue [port=6080] [checksum=on|off]");
    if (word.starts_with("port=")) {
        const auto port = parse_number(word.substr(5));
        if (!port || *port < 1 || *port > 65535)
            return invalid("expected port=1 to port=65535: where the backends take GUE");
        words.tunnel_port = static_cast<std::uint16_t>(*port);
        return success();
    }
    if (word.starts_with("checksum=")) {
        words.checksum = parse_flag(word.substr(9));
        if (!words.checksum) return invalid("expected checksum=on or checksum=off");
        return success();
    }
    return invalid("expected port= or checksum=");
}

Status read_forward(Parse& parse, const Statement& statement) {
    if (!parse.first(statement)) return parse.duplicate(statement);
    const auto forward = forward_of(statement.words[1]);
    if (!forward)
        return expected(parse, statement,
                        statement.words[1] == "transparent"
                            ? "nat, dsr, ipip or gue; the client's address is kept in nat by "
                              "\"proxy_bind $remote_addr transparent\""
                            : "nat, dsr, ipip or gue");
    ForwardWords words;
    words.forward = *forward;
    words.source = parse.source();
    for (std::size_t i = 2; i < statement.words.size(); ++i)
        if (auto done = read_gue_parameter(parse, statement.words[i], words); !done) return done;
    (in_upstream(parse) ? open_upstream(parse).forward : words_of(parse).forward) = words;
    return success();
}

bool is_client_address(const std::string& word) {
    return word == "$remote_addr" || word == "${remote_addr}" || word == "$binary_remote_addr" ||
           word == "${binary_remote_addr}";
}

// An address as nginx reads it here: no host name; a port only behind brackets or an IPv4 address.
Result<IpAddress> bind_address(const Parse& parse, const std::string& word) {
    const auto refuse = [&] { return parse.error(fmt::format("invalid address \"{}\"", word)); };
    boost::system::error_code failed;
    auto address = boost::asio::ip::make_address(word, failed);
    if (failed) {
        const auto url = parse_url(word, UrlUse::server);
        if (!url || !url->address || !url->port_given) return refuse();
        return parse.error(
            fmt::format("port in \"{}\" of the \"proxy_bind\" directive is not "
                        "supported by an L4 balancer",
                        word),
            "each connection needs a source port of its own: give the address alone");
    }
    if (address.is_unspecified() || address.is_multicast() || address.is_loopback())
        return parse.error(
            fmt::format("address \"{}\" of the \"proxy_bind\" directive cannot work", word),
            "replies must come back to it over the network: give an address of this balancer");
    return address;
}

Status read_proxy_bind(Parse& parse, const Statement& statement) {
    if (!parse.first(statement)) return parse.duplicate(statement);
    const std::string& word = statement.words[1];
    BindWords words;
    words.source = parse.source();
    const bool last = statement.arguments() == 2;
    if (last && statement.words[2] != "transparent")
        return parse.error(fmt::format("invalid parameter \"{}\"", statement.words[2]));
    if (word.find('$') != std::string::npos) {
        if (!is_client_address(word))
            return parse.not_supported(fmt::format("variable \"{}\" in \"proxy_bind\"", word),
                                       "only the client's own address is known for each packet: "
                                       "proxy_bind $remote_addr transparent");
        if (!last)
            return parse.error("\"proxy_bind $remote_addr\" needs \"transparent\"",
                               "the client's address is none of this host's: write \"proxy_bind "
                               "$remote_addr transparent\", and route the backends' replies "
                               "through this balancer");
        words.transparent = true;
    } else if (word != "off" || last) {
        auto address = bind_address(parse, word);
        if (!address) return Error{address.error()};
        words.address = *address;
    }
    if (parse.context() == in_http_location)
        parse.server().location_bind = words;
    else
        words_of(parse).bind = words;
    return success();
}

Status read_mss_clamp(Parse& parse, const Statement& statement) {
    if (!parse.first(statement)) return parse.duplicate(statement);
    MssWords words;
    if (const auto flag = parse_flag(statement.words[1])) {
        words.clamp = *flag;
    } else {
        const auto number = parse_number(statement.words[1]);
        if (!number || *number < smallest_mss || *number > 65495)
            return expected(parse, statement,
                            fmt::format("on, off or a number from {} to 65495", smallest_mss));
        words.mss = static_cast<std::uint16_t>(*number);
    }
    words_of(parse).mss = words;
    return success();
}

Status read_session_drop(Parse& parse, const Statement& statement) {
    if (!parse.first(statement)) return parse.duplicate(statement);
    const auto flag = read_flag(parse, statement);
    if (!flag) return Error{flag.error()};
    words_of(parse).session_drop = *flag;
    return success();
}

Status read_stateless(Parse& parse, const Statement& statement) {
    if (!parse.first(statement)) return parse.duplicate(statement);
    const auto flag = read_flag(parse, statement);
    if (!flag) return Error{flag.error()};
    if (*flag) open_upstream(parse).stateless = parse.source();
    return success();
}

Status read_quic_cid(Parse& parse, const Statement& statement) {
    if (!parse.first(statement)) return parse.duplicate(statement);
    QuicWords words;
    words.source = parse.source();
    for (std::size_t i = 1; i < statement.words.size(); ++i) {
        const std::string& word = statement.words[i];
        const auto equals = std::min(word.find('='), word.size());
        const std::string name = word.substr(0, equals);
        const auto number = parse_number(word.substr(std::min(equals + 1, word.size())));
        const bool offset = name == "offset" && number && *number <= 18;
        const bool length = name == "length" && number && (*number == 1 || *number == 2);
        if (!offset && !length)
            return parse.error(fmt::format("invalid parameter \"{}\"", word),
                               "expected offset=0 to offset=18, length=1 or length=2: where the "
                               "server's number stands in a connection id, and its bytes");
        (offset ? words.cid.offset : words.cid.length) = static_cast<std::uint8_t>(*number);
    }
    parse.server().quic = words;
    return success();
}

constexpr unsigned http_or_stream = in_http | in_http_server | in_any_stream;

constexpr Directive table[] = {
    {"forward", in_any_upstream | in_http_server | in_stream_server, 1, 3, false, read_forward},
    {"proxy_bind", http_or_stream | in_http_location, 1, 2, false, read_proxy_bind},
    {"mss_clamp", http_or_stream, 1, 1, false, read_mss_clamp},
    {"proxy_session_drop", in_any_stream, 1, 1, false, read_session_drop},
    {"stateless", in_any_upstream, 1, 1, false, read_stateless},
    {"quic_cid", in_stream_server, 0, 2, false, read_quic_cid},
};

}  // namespace

std::span<const Directive> delivery_directives() {
    return table;
}

}  // namespace weir::config
