// SPDX-License-Identifier: Apache-2.0
// Conversions between table records and text. Called by the reports and by weirctl; keeps no state.
#include "control/api/text.h"

#include <arpa/inet.h>

#include <charconv>
#include <cstring>

namespace weir::api {
namespace {

std::optional<weir_addr> parse_address(const std::string& text) {
    weir_addr address{};
    weir_be32 v4{};
    if (inet_pton(AF_INET, text.c_str(), &v4) == 1) return weir_addr_v4(v4);
    if (inet_pton(AF_INET6, text.c_str(), &address) == 1) return address;
    return std::nullopt;
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
    std::uint16_t port = 0;
    const auto result = std::from_chars(text.data(), text.data() + text.size(), port);
    if (result.ec != std::errc() || result.ptr != text.data() + text.size()) return std::nullopt;
    return port;
}

constexpr std::string_view verdict_forward = "forward";
constexpr std::string_view verdict_to_host = "to_host";
constexpr std::string_view verdict_drop = "drop";

}  // namespace

std::string address_text(const weir_addr& address) {
    char text[INET6_ADDRSTRLEN] = "";
    if (weir_addr_is_v4(&address))
        inet_ntop(AF_INET, &address.word[3], text, sizeof(text));
    else
        inet_ntop(AF_INET6, &address, text, sizeof(text));
    return text;
}

std::string endpoint_text(const std::string& address, std::uint16_t port) {
    const bool v6 = address.find(':') != std::string::npos;
    return (v6 ? "[" + address + "]:" : address + ":") + std::to_string(port);
}

std::string endpoint_text(const std::string& address, std::uint16_t first, std::uint16_t last) {
    const std::string text = endpoint_text(address, first);
    return first == last ? text : text + "-" + std::to_string(last);
}

std::string_view mode_text(std::uint8_t mode) {
    switch (mode) {
        case WEIR_MODE_NAT:
            return "nat";
        case WEIR_MODE_TRANSPARENT:
            return "transparent";
        case WEIR_MODE_DSR:
            return "dsr";
        case WEIR_MODE_IPIP:
            return "ipip";
        case WEIR_MODE_GUE:
            return "gue";
        default:
            return "unknown";
    }
}

std::string_view protocol_text(std::uint32_t protocol) {
    switch (protocol) {
        case WEIR_PROTO_TCP:
            return "tcp";
        case WEIR_PROTO_UDP:
            return "udp";
        default:
            return "other";
    }
}

std::string_view flow_state_text(std::uint8_t state) {
    switch (state) {
        case WEIR_FLOW_OPENING:
            return "opening";
        case WEIR_FLOW_ESTABLISHED:
            return "established";
        case WEIR_FLOW_RESTING:
            return "resting";
        default:
            return "closed";
    }
}

const std::array<ReasonText, WEIR_REASON_COUNT - 1>& reasons() {
#define WEIR_VERDICT_NAME_FORWARD verdict_forward
#define WEIR_VERDICT_NAME_TO_HOST verdict_to_host
#define WEIR_VERDICT_NAME_DROP verdict_drop
#define WEIR_REASON_TEXT(name, verdict, text, meaning)                                        \
    ReasonText{WEIR_REASON_##name, WEIR_VERDICT_##verdict, WEIR_VERDICT_NAME_##verdict, text, \
               meaning},
    static constexpr std::array<ReasonText, WEIR_REASON_COUNT - 1> all = {
        {WEIR_REASONS(WEIR_REASON_TEXT)}};
#undef WEIR_REASON_TEXT
    return all;
}

std::optional<Endpoint> parse_endpoint(const std::string& text) {
    const std::size_t colon = text.rfind(':');
    if (colon == std::string::npos) return std::nullopt;
    const auto port = parse_port(std::string_view(text).substr(colon + 1));
    std::string host = text.substr(0, colon);
    const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
    if (bracketed) host = host.substr(1, host.size() - 2);
    const auto address = parse_address(host);
    if (!port || !address || bracketed == weir_addr_is_v4(&*address)) return std::nullopt;
    return Endpoint{*address, *port};
}

std::optional<EndpointFilter> EndpointFilter::parse(const std::string& text) {
    EndpointFilter filter;
    if ((filter.address_ = parse_address(text))) return filter;
    const std::size_t colon = text.rfind(':');
    if (colon == std::string::npos) return std::nullopt;
    filter.port_ = parse_port(std::string_view(text).substr(colon + 1));
    if (!filter.port_) return std::nullopt;
    std::string host = text.substr(0, colon);
    if (host.empty()) return filter;
    if (host.size() > 2 && host.front() == '[' && host.back() == ']')
        host = host.substr(1, host.size() - 2);
    filter.address_ = parse_address(host);
    if (!filter.address_) return std::nullopt;
    return filter;
}

bool EndpointFilter::matches(const weir_addr& address, std::uint16_t port) const {
    if (port_ && *port_ != port) return false;
    return !address_ || weir_addr_equal(&*address_, &address);
}

bool EndpointFilter::matches(const std::string& address, std::uint16_t port) const {
    return matches(address, port, port);
}

bool EndpointFilter::matches(const std::string& address, std::uint16_t first,
                             std::uint16_t last) const {
    const std::optional<weir_addr> parsed = parse_address(address);
    if (port_ && (*port_ < first || *port_ > last)) return false;
    return parsed && (!address_ || weir_addr_equal(&*address_, &*parsed));
}

}  // namespace weir::api
