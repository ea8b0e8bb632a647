// SPDX-License-Identifier: Apache-2.0
// Surgery on frames for the packet fuzzer: where the headers are, lengths and checksums made right
// again, and frames made of other frames (replies, ICMP errors, fragments). Independent of the
// packet program, which it helps to test. Takes any bytes; what it cannot read it leaves alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "control/replay/runner.h"

namespace weir::fuzz {

using replay::Bytes;

struct Layout {
    std::size_t l3 = 0;           // behind Ethernet and its tags
    std::size_t l4 = 0;           // 0: there is none
    unsigned family = 0;          // 4, 6, or 0: not IP
    std::uint8_t protocol = 0;    // of what is at l4
    bool fragment = false;        // first, or later
    bool later_fragment = false;  // what is at l4 is no header
};
Layout layout_of(const Bytes& frame);

std::uint16_t word_at(const Bytes& frame, std::size_t at);
void set_word(Bytes& frame, std::size_t at, std::uint16_t value);

// As much as the layout tells: IP and UDP lengths, then IP and transport checksums.
void fix_lengths(Bytes& frame);
void fix_checksums(Bytes& frame);

// Of what stands there: 0 where the checksum among it is right. Nothing: this protocol has none.
std::uint16_t checksum_of(const Bytes& frame, std::size_t at, std::size_t end);
std::optional<std::uint16_t> transport_checksum_of(const Bytes& frame, const Layout& layout,
                                                   std::size_t end);

// The same headers with both ends exchanged, MACs too.
Bytes turned_around(const Bytes& frame);

// An ICMP or ICMPv6 error to the sender of `frame`, which it quotes to `quoted` bytes. Empty: not
// IP.
Bytes error_about(const Bytes& frame, std::uint8_t type, std::uint8_t code, std::size_t quoted);

// The datagram in two parts, `bytes` (a multiple of 8) of its payload in the first one.
std::vector<Bytes> fragments_of(const Bytes& frame, std::size_t bytes, std::uint16_t id);

// The same frame with an extension header (IPv6) behind the IP header, or with options (IPv4).
Bytes with_extension(const Bytes& frame, std::uint8_t type, std::size_t units);

}  // namespace weir::fuzz
