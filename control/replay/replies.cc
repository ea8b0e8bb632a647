// SPDX-License-Identifier: Apache-2.0
#include "control/replay/replies.h"

#include <cstring>
#include <optional>

#include "bpf/shared/checksum.h"
#include "bpf/shared/parse.h"

namespace weir::replay {
namespace {

constexpr std::size_t most_waiting = 4096;  // a balancer sends within microseconds

// Only TCP and UDP are readdressed.
std::optional<weir_packet> look(const Bytes& bytes) {
    Bytes copy = bytes;  // parse takes what it could write
    weir_packet parsed{};
    if (weir_parse(&parsed, copy.data(), copy.data() + copy.size(),
                   static_cast<std::uint32_t>(copy.size()), 0) != WEIR_REASON_NONE ||
        parsed.kind != WEIR_KIND_PLAIN)
        return std::nullopt;
    return parsed;
}

std::size_t checksum_place(const weir_packet& packet) {
    return packet.l4 + (packet.tuple.protocol == WEIR_PROTO_TCP
                            ? __builtin_offsetof(weir_tcp, checksum)
                            : __builtin_offsetof(weir_udp, checksum));
}

// IPv4's identification, and everything behind the ports but the checksum, and the options of a
// SYN: the MSS in them may have been lowered.
std::string untranslated(const weir_packet& parsed, const Bytes& bytes) {
    std::string key{static_cast<char>(parsed.family), static_cast<char>(parsed.tuple.protocol)};
    if (parsed.family == 4) {
        const auto id = bytes.begin() + parsed.l3 + __builtin_offsetof(weir_ipv4, id);
        key.append(id, id + sizeof(weir_be16));
    }
    const std::size_t before = key.size();
    const bool syn = parsed.tcp_flags & WEIR_TCP_SYN;
    key.append(bytes.begin() + parsed.l4 + 4,
               syn ? bytes.begin() + parsed.l4 + sizeof(weir_tcp) : bytes.end());
    key.erase(before + checksum_place(parsed) - parsed.l4 - 4, sizeof(weir_be16));
    return key;
}

// A field of a packet.
template <class Field>
Field read(const Bytes& bytes, std::size_t place) {
    Field field;
    std::memcpy(&field, bytes.data() + place, sizeof(field));
    return field;
}

template <class Field>
void write(Bytes& bytes, std::size_t place, const Field& field) {
    std::memcpy(bytes.data() + place, &field, sizeof(field));
}

// Addresses, and IPv4's own checksum; `delta` is what they change.
void write_addresses(Bytes& packet, const weir_packet& parsed, const weir_tuple& to,
                     std::uint32_t delta) {
    if (parsed.family == 4) {
        auto ip = read<weir_ipv4>(packet, parsed.l3);
        ip.src = to.src.word[3];
        ip.dst = to.dst.word[3];
        ip.checksum = weir_checksum_update(ip.checksum, delta);
        write(packet, parsed.l3, ip);
    } else {
        auto ip = read<weir_ipv6>(packet, parsed.l3);
        ip.src = to.src;
        ip.dst = to.dst;
        write(packet, parsed.l3, ip);
    }
}

weir_tuple reply_to(const weir_tuple& tuple) {
    return {tuple.dst, tuple.src, tuple.dport, tuple.sport, tuple.protocol};
}

}  // namespace

bool Replies::Less::operator()(const weir_tuple& a, const weir_tuple& b) const {
    return std::memcmp(&a, &b, sizeof(a)) < 0;
}

void Replies::replayed(const Bytes& sent) {
    const auto known = look(sent);
    if (!known) return;
    std::string key = untranslated(*known, sent);
    waiting_[key].push_back(known->tuple);
    order_.push_back(std::move(key));
    if (order_.size() <= most_waiting) return;
    // Taken ones are still in the order; then this does nothing.
    if (const auto oldest = waiting_.find(order_.front()); oldest != waiting_.end()) {
        oldest->second.pop_front();
        if (oldest->second.empty()) waiting_.erase(oldest);
    }
    order_.pop_front();
}

void Replies::captured(const Bytes& sent) {
    const auto known = look(sent);
    if (!known) return;
    const auto found = waiting_.find(untranslated(*known, sent));
    if (found == waiting_.end()) return;
    if (!weir_tuple_equal(&known->tuple, &found->second.front()))
        known_[reply_to(known->tuple)] = reply_to(found->second.front());
    found->second.pop_front();
    if (found->second.empty()) waiting_.erase(found);
}

bool Replies::readdress(Bytes& packet) const {
    const auto known = look(packet);
    if (!known) return false;
    const weir_tuple& from = known->tuple;
    const auto found = known_.find(from);
    if (found == known_.end()) return false;
    const weir_tuple& to = found->second;

    if (weir_addr_is_v4(&from.src) != weir_addr_is_v4(&to.src)) return false;

    std::uint32_t delta = weir_delta_addr(0, &from.src, &to.src);
    delta = weir_delta_addr(delta, &from.dst, &to.dst);
    write_addresses(packet, *known, to, delta);
    delta = weir_delta16(delta, from.sport, to.sport);
    delta = weir_delta16(delta, from.dport, to.dport);
    write(packet, known->l4, to.sport);
    write(packet, known->l4 + std::size_t{2}, to.dport);
    auto checksum = read<weir_be16>(packet, checksum_place(*known));
    if (from.protocol == WEIR_PROTO_UDP && checksum.raw == 0) return true;  // RFC 768: none
    checksum = weir_checksum_update(checksum, delta);
    if (from.protocol == WEIR_PROTO_UDP && checksum.raw == 0) checksum.raw = 0xffff;
    write(packet, checksum_place(*known), checksum);
    return true;
}

}  // namespace weir::replay
