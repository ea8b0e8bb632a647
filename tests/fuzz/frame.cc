// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/frame.h"

#include <algorithm>
#include <iterator>

namespace weir::fuzz {
namespace {

constexpr std::size_t macs = 12;
constexpr std::uint8_t icmp = 1, tcp = 6, udp = 17, routing = 43, fragment = 44,
                       authentication = 51, icmp6 = 58, destination = 60;

bool has(const Bytes& frame, std::size_t at, std::size_t bytes) {
    return at + bytes <= frame.size();
}

// Ones' complement sum of what is there, from `at` to `end`.
std::uint32_t sum(const Bytes& frame, std::size_t at, std::size_t end) {
    std::uint32_t total = 0;
    for (; at < end; at += 2)
        total += static_cast<std::uint32_t>(frame[at] << 8 | (at + 1 < end ? frame[at + 1] : 0));
    return total;
}

std::uint16_t folded(std::uint32_t total) {
    while (total >> 16) total = (total & 0xffff) + (total >> 16);
    return static_cast<std::uint16_t>(~total);
}

// Steps over IPv6's extension headers, at most 8 of them.
void step_over(const Bytes& frame, Layout& layout) {
    layout.protocol = frame[layout.l3 + 6];
    layout.l4 = layout.l3 + 40;
    for (int i = 0; i < 8 && has(frame, layout.l4, 8); i++) {
        const std::uint8_t next = frame[layout.l4];
        const std::size_t length = frame[layout.l4 + 1];
        switch (layout.protocol) {
            case 0:
            case routing:
            case destination:
                layout.l4 += 8 + 8 * length;
                break;
            case authentication:
                layout.l4 += 8 + 4 * length;
                break;
            case fragment:
                if ((word_at(frame, layout.l4 + 2) & 0xfff9) != 0) layout.fragment = true;
                if ((word_at(frame, layout.l4 + 2) & 0xfff8) != 0) layout.later_fragment = true;
                layout.l4 += 8;
                break;
            default:
                return;
        }
        layout.protocol = next;
    }
}

std::size_t address_bytes(const Layout& layout) {
    return layout.family == 4 ? 4 : 16;
}

std::size_t addresses_at(const Layout& layout) {
    return layout.l3 + (layout.family == 4 ? 12 : 8);
}

std::size_t checksum_at(const Layout& layout) {
    switch (layout.protocol) {
        case tcp:
            return layout.l4 + 16;
        case udp:
            return layout.l4 + 6;
        default:
            return layout.l4 + 2;
    }
}

}  // namespace

std::uint16_t word_at(const Bytes& frame, std::size_t at) {
    return has(frame, at, 2) ? static_cast<std::uint16_t>(frame[at] << 8 | frame[at + 1]) : 0;
}

void set_word(Bytes& frame, std::size_t at, std::uint16_t value) {
    if (!has(frame, at, 2)) return;
    frame[at] = static_cast<std::uint8_t>(value >> 8);
    frame[at + 1] = static_cast<std::uint8_t>(value);
}

Layout layout_of(const Bytes& frame) {
    Layout layout;
    std::size_t type = macs;
    while (word_at(frame, type) == 0x8100 || word_at(frame, type) == 0x88a8) type += 4;
    layout.l3 = type + 2;
    if (word_at(frame, type) == 0x0800 && has(frame, layout.l3, 20)) {
        layout.family = 4;
        layout.protocol = frame[layout.l3 + 9];
        layout.l4 = layout.l3 + std::size_t{4} * (frame[layout.l3] & 15);
        layout.fragment = (word_at(frame, layout.l3 + 6) & 0x3fff) != 0;
        layout.later_fragment = (word_at(frame, layout.l3 + 6) & 0x1fff) != 0;
    }
    if (word_at(frame, type) == 0x86dd && has(frame, layout.l3, 40)) {
        layout.family = 6;
        step_over(frame, layout);
    }
    if (layout.l4 >= frame.size()) layout.l4 = 0;
    return layout;
}

void fix_lengths(Bytes& frame) {
    const Layout layout = layout_of(frame);
    if (layout.family == 0) return;
    const std::size_t length = frame.size() - layout.l3;
    if (layout.family == 4)
        set_word(frame, layout.l3 + 2, static_cast<std::uint16_t>(length));
    else
        set_word(frame, layout.l3 + 4, static_cast<std::uint16_t>(length - 40));
    if (layout.protocol == udp && layout.l4 && !layout.later_fragment)
        set_word(frame, layout.l4 + 4, static_cast<std::uint16_t>(frame.size() - layout.l4));
}

void fix_checksums(Bytes& frame) {
    const Layout layout = layout_of(frame);
    if (layout.family == 4 && (frame[layout.l3] & 15) >= 5) {
        const std::size_t end = layout.l3 + std::size_t{4} * (frame[layout.l3] & 15);
        set_word(frame, layout.l3 + 10, 0);
        set_word(frame, layout.l3 + 10, folded(sum(frame, layout.l3, std::min(end, frame.size()))));
    }
    if (layout.family == 0 || !layout.l4 || layout.later_fragment) return;
    Bytes without = frame;
    set_word(without, checksum_at(layout), 0);
    const auto value = transport_checksum_of(without, layout, frame.size());
    if (!value) return;
    set_word(frame, checksum_at(layout),
             *value == 0 && layout.protocol == udp ? std::uint16_t{0xffff} : *value);
}

std::uint16_t checksum_of(const Bytes& frame, std::size_t at, std::size_t end) {
    return folded(sum(frame, at, end));
}

std::optional<std::uint16_t> transport_checksum_of(const Bytes& frame, const Layout& layout,
                                                   std::size_t end) {
    const std::uint32_t payload = sum(frame, layout.l4, end);
    if (layout.protocol == icmp) return folded(payload);
    if (layout.protocol != tcp && layout.protocol != udp && layout.protocol != icmp6)
        return std::nullopt;
    const std::size_t from = addresses_at(layout);
    return folded(payload + sum(frame, from, from + 2 * address_bytes(layout)) + layout.protocol +
                  static_cast<std::uint32_t>(end - layout.l4));
}

Bytes turned_around(const Bytes& frame) {
    Bytes turned = frame;
    if (!has(frame, 0, macs)) return turned;
    std::swap_ranges(turned.begin(), turned.begin() + 6, turned.begin() + 6);
    const Layout layout = layout_of(frame);
    if (layout.family == 0) return turned;
    const auto bytes = static_cast<std::ptrdiff_t>(address_bytes(layout));
    const auto source = turned.begin() + static_cast<std::ptrdiff_t>(addresses_at(layout));
    std::swap_ranges(source, source + bytes, source + bytes);
    if ((layout.protocol == tcp || layout.protocol == udp) && layout.l4 &&
        has(frame, layout.l4, 4)) {
        const auto port = turned.begin() + static_cast<std::ptrdiff_t>(layout.l4);
        std::swap_ranges(port, port + 2, port + 2);
    }
    return turned;
}

Bytes error_about(const Bytes& frame, std::uint8_t type, std::uint8_t code, std::size_t quoted) {
    const Layout layout = layout_of(frame);
    if (layout.family == 0) return {};
    const Bytes turned = turned_around(frame);
    const std::size_t header = layout.family == 4 ? 20 : 40;
    Bytes error(turned.begin(), turned.begin() + static_cast<std::ptrdiff_t>(layout.l3 + header));
    error[layout.l3 + (layout.family == 4 ? 9 : 6)] = layout.family == 4 ? icmp : icmp6;
    error[layout.l3 + (layout.family == 4 ? 8 : 7)] = 64;
    if (layout.family == 4) {
        error[layout.l3] = 0x45;
        set_word(error, layout.l3 + 6, 0);
    }
    const Bytes head{type, code, 0, 0, 0, 0, 0x05, 0x78};
    error.insert(error.end(), head.begin(), head.end());
    const std::size_t available = frame.size() - layout.l3;
    const auto from = frame.begin() + static_cast<std::ptrdiff_t>(layout.l3);
    error.insert(error.end(), from,
                 from + static_cast<std::ptrdiff_t>(std::min(quoted, available)));
    fix_lengths(error);
    fix_checksums(error);
    return error;
}

Bytes with_extension(const Bytes& frame, std::uint8_t type, std::size_t units) {
    const Layout layout = layout_of(frame);
    Bytes longer = frame;
    if (layout.family == 6) {
        Bytes header(8 * units, 0);
        header[0] = frame[layout.l3 + 6];
        header[1] = static_cast<std::uint8_t>(type == authentication ? 2 * units - 2 : units - 1);
        longer[layout.l3 + 6] = type;
        longer.insert(longer.begin() + static_cast<std::ptrdiff_t>(layout.l3 + 40), header.begin(),
                      header.end());
        set_word(longer, layout.l3 + 4,
                 static_cast<std::uint16_t>(word_at(frame, layout.l3 + 4) + 8 * units));
    }
    if (layout.family == 4 && (frame[layout.l3] & 15) + units <= 15) {
        longer[layout.l3] = static_cast<std::uint8_t>(frame[layout.l3] + units);
        longer.insert(longer.begin() + static_cast<std::ptrdiff_t>(layout.l3 + 20), 4 * units, 1);
        set_word(longer, layout.l3 + 2,
                 static_cast<std::uint16_t>(word_at(frame, layout.l3 + 2) + 4 * units));
    }
    return longer;
}

std::vector<Bytes> fragments_of(const Bytes& frame, std::size_t bytes, std::uint16_t id) {
    const Layout layout = layout_of(frame);
    const std::size_t header =
        layout.l3 +
        (layout.family == 6 ? 40 : std::size_t{4} * (frame[layout.l3 % frame.size()] & 15));
    if (layout.family == 0 || header + bytes >= frame.size()) return {frame};
    std::vector<Bytes> parts;
    for (const bool first : {true, false}) {
        const auto at = [&frame](std::size_t place) {
            return frame.begin() + static_cast<std::ptrdiff_t>(place);
        };
        Bytes part(frame.begin(), at(header));
        const auto offset = static_cast<std::uint16_t>(first ? 0 : bytes / 8);
        if (layout.family == 4) {
            set_word(part, layout.l3 + 4, id);
            set_word(part, layout.l3 + 6,
                     static_cast<std::uint16_t>(offset | (first ? 0x2000 : 0)));
        } else {
            Bytes extension{frame[layout.l3 + 6], 0, 0, 0, 0, 0, 0, 0};
            set_word(extension, 2, static_cast<std::uint16_t>(offset << 3 | (first ? 1 : 0)));
            set_word(extension, 6, id);
            part[layout.l3 + 6] = fragment;
            part.insert(part.end(), extension.begin(), extension.end());
        }
        const auto from = first ? at(header) : at(header + bytes);
        part.insert(part.end(), from, first ? at(header + bytes) : frame.end());
        const std::size_t length = part.size() - layout.l3 - (layout.family == 6 ? 40 : 0);
        set_word(part, layout.l3 + (layout.family == 4 ? 2 : 4),
                 static_cast<std::uint16_t>(length));
        if (layout.family == 4) {
            set_word(part, layout.l3 + 10, 0);
            set_word(part, layout.l3 + 10, folded(sum(part, layout.l3, header)));
        }
        parts.push_back(std::move(part));
    }
    return parts;
}

}  // namespace weir::fuzz
