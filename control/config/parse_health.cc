// SPDX-License-Identifier: Apache-2.0
// `health_check`, in nginx Plus' grammar. Called through http_directives() and stream_directives().
#include <fmt/format.h>

#include <limits>

#include "control/config/parse.h"
#include "control/config/values.h"

namespace weir::config {
namespace {

bool read_duration(std::string_view text, Milliseconds& slot, Milliseconds least) {
    auto time = parse_time(text, TimeUnit::milliseconds);
    if (!time || *time < least) return false;
    slot = *time;
    return true;
}

bool read_count(std::string_view text, unsigned& slot) {
    auto number = parse_number(text);
    if (!number || *number < 1 || *number > 1'000'000) return false;
    slot = static_cast<unsigned>(*number);
    return true;
}

bool read_port(std::string_view text, std::optional<std::uint16_t>& slot) {
    auto number = parse_number(text);
    if (!number || *number < 1 || *number > 65535) return false;
    slot = static_cast<std::uint16_t>(*number);
    return true;
}

bool read_uri(std::string_view text, std::string& slot) {
    if (!text.starts_with('/')) return false;
    for (char c : text)
        if (static_cast<unsigned char>(c) <= ' ' || c == 0x7f) return false;
    slot = text;
    return true;
}

constexpr std::string_view later[] = {"mandatory", "persistent", "keepalive_time=", "type=",
                                      "match=",    "udp",        "grpc_service=",   "grpc_status="};

Status read_parameter(Parse& parse, const std::string& word, HealthCheck& check) {
    for (std::string_view name : later) {
        const bool has_value = name.ends_with('=');
        if (has_value ? word.starts_with(name) : word == name)
            return parse.error(
                fmt::format("\"{}\" parameter of \"health_check\" is not supported yet",
                            has_value ? name.substr(0, name.size() - 1) : name),
                parse.in_http_block()
                    ? "remove it: a GET must be answered with a status from 200 to 399"
                    : "remove it: a TCP connection must be accepted");
    }
    const auto equals = word.find('=');
    const std::string_view name = std::string_view(word).substr(0, equals);
    const std::string_view value = equals == std::string::npos
                                       ? std::string_view{}
                                       : std::string_view(word).substr(equals + 1);
    if (name == "uri" && !parse.in_http_block())
        return parse.error(fmt::format("invalid parameter \"{}\"", word),
                           "uri= needs http{}; in stream{} a probe is a TCP connection");
    const bool valid =
        (name == "interval" && read_duration(value, check.interval, Milliseconds{1})) ||
        (name == "jitter" && read_duration(value, check.jitter, Milliseconds{0})) ||
        (name == "fails" && read_count(value, check.fails)) ||
        (name == "passes" && read_count(value, check.passes)) ||
        (name == "port" && read_port(value, check.port)) ||
        (name == "uri" && read_uri(value, check.uri));
    if (!valid) return parse.error(fmt::format("invalid parameter \"{}\"", word));
    return success();
}

}  // namespace

Status read_health_check(Parse& parse, const Statement& statement) {
    if (!parse.first(statement)) return parse.duplicate(statement);
    HealthCheck check;
    check.type = parse.in_http_block() ? HealthCheck::Type::http : HealthCheck::Type::tcp;
    check.source = parse.source();
    for (std::size_t i = 1; i < statement.words.size(); ++i)
        if (auto done = read_parameter(parse, statement.words[i], check); !done) return done;
    parse.server().health_check = std::move(check);
    return success();
}

}  // namespace weir::config
