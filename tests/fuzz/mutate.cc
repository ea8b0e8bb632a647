// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/mutate.h"

#include <algorithm>

namespace weir::fuzz {
namespace {

constexpr std::uint8_t protocols[] = {0, 1, 4, 6, 17, 41, 43, 44, 50, 51, 58, 59, 60, 132, 255};
constexpr std::uint8_t extensions[] = {0, 43, 44, 51, 60, 135};
constexpr std::uint16_t words[] = {0,      1,      7,      8,      19,     20,     21,
                                   28,     39,     40,     41,     60,     80,     443,
                                   0x2000, 0x1fff, 0x4000, 0x7fff, 0x8000, 0xfffe, 0xffff};
constexpr std::uint16_t tag_types[] = {0x8100, 0x88a8, 0x9100};
constexpr std::uint16_t vlans[] = {100, 200, 300, 0, 4095, 0xa064, 0xe0c8};

void set_byte(Bytes& frame, std::size_t at, std::uint8_t value) {
    if (at < frame.size()) frame[at] = value;
}

void cut(Bytes& frame, Choices& choices) {
    frame.resize(choices.below(frame.size() + 1));
}

void lengthen(Bytes& frame, Choices& choices) {
    frame.resize(frame.size() + 1 + choices.below(64), choices.byte());
}

void grow_large(Bytes& frame, Choices& choices) {
    frame.resize(std::min<std::size_t>(3400, frame.size() + choices.below(1700)), choices.byte());
    fix_lengths(frame);
    fix_checksums(frame);
}

void flip(Bytes& frame, Choices& choices) {
    if (!frame.empty())
        frame[choices.below(frame.size())] ^= static_cast<std::uint8_t>(1u << choices.below(8));
}

void set_any(Bytes& frame, Choices& choices) {
    set_byte(frame, choices.below(frame.size()), choices.byte());
}

void set_interesting(Bytes& frame, Choices& choices) {
    const std::size_t at = choices.below(std::min<std::size_t>(frame.size(), 120));
    set_word(frame, at, choices.of(words));
}

// A field of the IP header, at its place.
void set_ip(Bytes& frame, Choices& choices) {
    const Layout layout = layout_of(frame);
    if (layout.family == 4) {
        constexpr std::size_t fields[] = {0, 1, 2, 4, 6, 8, 9, 10};
        const std::size_t at = layout.l3 + choices.of(fields);
        if (choices.one_in(2))
            set_byte(frame, at, choices.byte());
        else
            set_word(frame, at, choices.of(words));
    }
    if (layout.family == 6) {
        constexpr std::size_t fields[] = {0, 1, 2, 4, 6, 7};
        const std::size_t at = layout.l3 + choices.of(fields);
        if (at == layout.l3 + 6)
            set_byte(frame, at, choices.of(protocols));
        else
            set_byte(frame, at, choices.byte());
    }
}

void set_protocol(Bytes& frame, Choices& choices) {
    const Layout layout = layout_of(frame);
    set_byte(frame, layout.l3 + (layout.family == 4 ? 9 : 6), choices.of(protocols));
}

void set_ttl(Bytes& frame, Choices& choices) {
    const Layout layout = layout_of(frame);
    set_byte(frame, layout.l3 + (layout.family == 4 ? 8 : 7),
             static_cast<std::uint8_t>(choices.below(3)));
}

void set_transport(Bytes& frame, Choices& choices) {
    const Layout layout = layout_of(frame);
    if (!layout.l4) return;
    const std::size_t at = layout.l4 + choices.below(24);
    if (choices.one_in(2))
        set_byte(frame, at, choices.byte());
    else
        set_word(frame, at, choices.of(words));
}

void set_tcp_flags(Bytes& frame, Choices& choices) {
    constexpr std::uint8_t flags[] = {0x02, 0x12, 0x10, 0x18, 0x11, 0x04, 0x14, 0x00, 0x29, 0x3f};
    const Layout layout = layout_of(frame);
    if (layout.l4 && layout.protocol == 6) set_byte(frame, layout.l4 + 13, choices.of(flags));
}

void set_tcp_options(Bytes& frame, Choices& choices) {
    const Layout layout = layout_of(frame);
    if (!layout.l4 || layout.protocol != 6 || layout.l4 + 20 > frame.size()) return;
    const std::size_t units = 1 + choices.below(10);
    Bytes options(4 * units, 1);
    const std::size_t at = choices.below(options.size());
    const Bytes mss{2, 4, choices.byte(), choices.byte()};
    for (std::size_t i = 0; i < mss.size() && at + i < options.size(); i++)
        options[at + i] = mss[i];
    if (choices.one_in(4)) options[choices.below(options.size())] = choices.byte();
    frame[layout.l4 + 12] = static_cast<std::uint8_t>((5 + units) << 4);
    frame.insert(frame.begin() + static_cast<std::ptrdiff_t>(layout.l4 + 20), options.begin(),
                 options.end());
    fix_lengths(frame);
}

void set_no_checksum(Bytes& frame, Choices&) {
    const Layout layout = layout_of(frame);
    if (layout.l4 && layout.protocol == 17) set_word(frame, layout.l4 + 6, 0);
}

void set_port(Bytes& frame, Choices& choices) {
    const Layout layout = layout_of(frame);
    if (layout.l4) set_word(frame, layout.l4 + 2 * choices.below(2), choices.word());
}

void insert_tag(Bytes& frame, Choices& choices) {
    if (frame.size() < 12) return;
    Bytes tag(4);
    set_word(tag, 0, choices.of(tag_types));
    set_word(tag, 2, choices.of(vlans));
    frame.insert(frame.begin() + 12, tag.begin(), tag.end());
}

void remove_tag(Bytes& frame, Choices&) {
    if (layout_of(frame).l3 > 14 && frame.size() > 16)
        frame.erase(frame.begin() + 12, frame.begin() + 16);
}

void insert_extension(Bytes& frame, Choices& choices) {
    frame = with_extension(frame, choices.of(extensions), 1 + choices.below(3));
}

// The other frame's MACs, or its addresses, or all behind its Ethernet header.
void splice(Bytes& frame, const Bytes& other, Choices& choices) {
    const Layout to = layout_of(frame), from = layout_of(other);
    const auto part = choices.below(3);
    if (part == 0 && frame.size() >= 12 && other.size() >= 12)
        std::copy_n(other.begin(), 12, frame.begin());
    if (part == 1 && to.family == from.family && to.family != 0) {
        const std::size_t at = to.family == 4 ? 12 : 8, bytes = to.family == 4 ? 8 : 32;
        std::copy_n(other.begin() + static_cast<std::ptrdiff_t>(from.l3 + at), bytes,
                    frame.begin() + static_cast<std::ptrdiff_t>(to.l3 + at));
    }
    if (part == 2 && to.l3 >= 2 && to.l3 <= frame.size() && from.l3 <= other.size()) {
        frame.resize(to.l3 - 2);
        frame.insert(frame.end(), other.begin() + static_cast<std::ptrdiff_t>(from.l3 - 2),
                     other.end());
    }
}

}  // namespace

void mutate(Bytes& frame, const Bytes& other, Choices& choices) {
    using Change = void (*)(Bytes&, Choices&);
    constexpr Change changes[] = {flip,       set_any,       set_interesting,  set_ip,
                                  set_ip,     set_protocol,  set_ttl,          set_transport,
                                  set_port,   set_tcp_flags, set_tcp_options,  set_no_checksum,
                                  insert_tag, remove_tag,    insert_extension, cut,
                                  lengthen,   grow_large,    set_transport};
    const std::size_t change = choices.below(std::size(changes) + 1);
    if (change == std::size(changes))
        splice(frame, other, choices);
    else
        changes[change](frame, choices);
}

}  // namespace weir::fuzz
