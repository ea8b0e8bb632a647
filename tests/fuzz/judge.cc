// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/judge.h"

#include <algorithm>

namespace weir::fuzz {
namespace {

constexpr std::uint8_t icmp = 1, ipip = 4, udp = 17, ipv6 = 41, icmp6 = 58;

enum class Sum {
    none,
    right,
    wrong
};  // none: there is no such checksum, or not all that it covers

Sum of(bool right) {
    return right ? Sum::right : Sum::wrong;
}

std::size_t ip_end(const Bytes& frame, const Layout& layout) {
    return layout.l3 + (layout.family == 4 ? word_at(frame, layout.l3 + 2)
                                           : 40 + std::size_t{word_at(frame, layout.l3 + 4)});
}

Sum header_sum(const Bytes& frame) {
    const Layout layout = layout_of(frame);
    if (layout.family != 4) return Sum::none;
    const std::size_t end = layout.l3 + std::size_t{4} * (frame[layout.l3] & 15);
    return end <= frame.size() ? of(checksum_of(frame, layout.l3, end) == 0) : Sum::none;
}

Sum transport_sum(const Bytes& frame) {
    const Layout layout = layout_of(frame);
    std::size_t end = layout.family ? ip_end(frame, layout) : 0;
    if (!layout.l4 || layout.fragment || end > frame.size() || end < layout.l4 + 8)
        return Sum::none;
    if (layout.protocol == udp) {
        const std::size_t length = word_at(frame, layout.l4 + 4);
        if (word_at(frame, layout.l4 + 6) == 0 || length < 8 || layout.l4 + length > end)
            return Sum::none;
        end = layout.l4 + length;
    }
    const auto sum = transport_checksum_of(frame, layout, end);
    return sum ? of(*sum == 0) : Sum::none;
}

// The IP packet that begins at `at` within this one, with an Ethernet header put before it.
Bytes packet_at(const Bytes& frame, std::size_t at) {
    Bytes inner(14);
    if (at >= frame.size()) return inner;
    set_word(inner, 12, frame[at] >> 4 == 6 ? 0x86dd : 0x0800);
    const std::size_t end = std::min(frame.size(), ip_end(frame, layout_of(frame)));
    if (end <= at) return inner;  // bytes behind the packet are none of it
    inner.insert(inner.end(), frame.begin() + static_cast<std::ptrdiff_t>(at),
                 frame.begin() + static_cast<std::ptrdiff_t>(end));
    return inner;
}

// What a tunnel's packet carries; nothing to speak of: it is none.
Bytes inner_of(const Bytes& frame) {
    const Layout layout = layout_of(frame);
    if (layout.l4 && (layout.protocol == ipip || layout.protocol == ipv6))
        return packet_at(frame, layout.l4);
    if (layout.l4 && layout.protocol == udp) return packet_at(frame, layout.l4 + 8);
    return {};
}

// What the packet program took for the packet: the error that a peer had wrapped.
Bytes unwrapped(const Bytes& came, weir_reason reason) {
    const Layout layout = layout_of(came);
    const bool of_error = reason == WEIR_REASON_ICMP_ERROR || reason == WEIR_REASON_ICMP_TO_PEER;
    return of_error && layout.l4 && layout.protocol == udp ? packet_at(came, layout.l4 + 8) : came;
}

// What an ICMP error is about; nothing to speak of: it is none.
Bytes quoted_of(const Bytes& frame) {
    const Layout layout = layout_of(frame);
    if (!layout.l4 || layout.fragment) return {};
    const std::uint8_t type = frame[layout.l4];
    const bool error = layout.protocol == icmp ? type == 3 || type == 11 || type == 12
                                               : layout.protocol == icmp6 && type < 128;
    return error ? packet_at(frame, layout.l4 + 8) : Bytes{};
}

// The same IP packet, whatever bytes are behind it.
bool same_packet(const Bytes& a, const Bytes& b) {
    const Layout at_a = layout_of(a), at_b = layout_of(b);
    if (at_a.family == 0 || at_a.family != at_b.family) return false;
    const auto packet = [](const Bytes& frame, const Layout& layout) {
        const std::size_t end = std::min(frame.size(), ip_end(frame, layout));
        return Bytes(frame.begin() + static_cast<std::ptrdiff_t>(layout.l3),
                     frame.begin() + static_cast<std::ptrdiff_t>(std::max(end, layout.l3)));
    };
    return packet(a, at_a) == packet(b, at_b);
}

std::optional<std::string> judge_rewritten(const Bytes& came, const Bytes& left) {
    const Sum before = transport_sum(came), after = transport_sum(left);
    if (before == Sum::right && after == Sum::wrong) return "a transport checksum was right";
    if (before == Sum::wrong && after == Sum::right) return "a transport checksum hides damage";
    const Bytes about = quoted_of(came), then = quoted_of(left);
    if (header_sum(about) == Sum::right && header_sum(then) == Sum::wrong)
        return "a quoted IP header's checksum was right";
    if (transport_sum(about) == Sum::right && transport_sum(then) == Sum::wrong)
        return "a quoted transport checksum was right";
    return std::nullopt;
}

}  // namespace

std::optional<std::string> judge(const Bytes& came, const replay::Fate& fate) {
    for (const replay::Frame& host : fate.to_host)
        if (host.bytes != came) return "the host gets something else than what came";
    if (fate.out.empty() || fate.reasons.empty()) return std::nullopt;
    const Bytes& left = fate.out.back().bytes;
    const Layout layout = layout_of(left);
    if (layout.family == 0) return "what leaves is not IP";
    if (ip_end(left, layout) > left.size()) return "what leaves is shorter than it says";
    if (header_sum(left) == Sum::wrong) return "the IP header's checksum is wrong";

    const bool answered = fate.reasons[0] == WEIR_REASON_RESET_SENT ||
                          fate.reasons[0] == WEIR_REASON_TOO_BIG_SENT ||
                          fate.reasons[0] == WEIR_REASON_TIME_EXCEEDED_SENT;
    if (answered)
        return transport_sum(left) == Sum::wrong ? std::optional("an answer's checksum is wrong")
                                                 : std::nullopt;
    const Bytes subject = unwrapped(came, fate.reasons[0]);
    const Bytes inner = inner_of(left);
    if (same_packet(inner, subject)) {
        if (transport_sum(left) == Sum::wrong && transport_sum(subject) == Sum::right)
            return "a tunnel's checksum is wrong";
        return std::nullopt;
    }
    return judge_rewritten(subject, left);
}

}  // namespace weir::fuzz
