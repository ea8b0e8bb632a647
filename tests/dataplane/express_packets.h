// SPDX-License-Identifier: Apache-2.0
// Packets for express_test.cc, of both families: mostly what a network sends, sometimes not. What
// the services and backends are that they are for stands in `kinds`.
#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <initializer_list>
#include <random>
#include <vector>

#include "bpf/shared/tables.h"
#include "tests/dataplane/frame.h"

namespace weir {

inline constexpr weir_mac port_mac{{2, 0, 0, 0, 0, 1}};
inline constexpr weir_mac backend_mac{{2, 0, 0, 0, 0, 4}};

// What a backend, and its service with the same number, has of its own. Each is there twice: for
// clients of IPv4, and of IPv6.
struct Kind {
    weir_mode mode = WEIR_MODE_NAT;
    std::uint8_t service_flags = 0;
    std::uint16_t mtu = 0;
    std::uint16_t mss = 0;
    std::uint8_t out_port = 1;
    bool crosses = false;  // the backend is of the other family
    std::uint8_t cid_count = 0;
    std::uint16_t port = 0;  // of the service, if not as all
    bool express = true;     // its clients' packets go the express way
    bool replies = true;     // and its replies
};

inline constexpr std::array<Kind, 10> kinds{{
    {},
    {.mode = WEIR_MODE_TRANSPARENT, .service_flags = WEIR_SERVICE_BY_PORT},
    {.mode = WEIR_MODE_DSR, .mss = 1000, .replies = false},
    {.mode = WEIR_MODE_DSR, .service_flags = WEIR_SERVICE_STATELESS, .mss = 1000, .replies = false},
    {.mtu = 90},
    {.out_port = 2, .express = false},
    {.crosses = true, .express = false, .replies = false},
    {.mode = WEIR_MODE_IPIP, .express = false, .replies = false},
    {.cid_count = 1, .express = false},
    {.mode = WEIR_MODE_GUE,
     .service_flags = WEIR_SERVICE_STATELESS | WEIR_SERVICE_PEERS,
     .port = WEIR_PEER_PORT,
     .express = false,
     .replies = false},
}};

// The same low bits in both families.
inline weir_addr address_of(bool v6, std::uint8_t a, std::uint8_t b, std::uint8_t d) {
    weir_addr addr = address(a, b, 0, d);
    if (v6) addr.word[0] = weir_be32_from(0x20010db8);
    return addr;
}
inline weir_addr service_address(unsigned i, bool v6) {
    return address_of(v6, 192, 168, static_cast<std::uint8_t>(1 + i % 2));
}
inline weir_addr source_address(bool v6) {
    return address_of(v6, 192, 168, 1);
}
inline weir_addr client_address(std::uint8_t i, bool v6) {
    return address_of(v6, 10, 0, i);
}
inline weir_addr backend_address(unsigned i, bool v6) {
    return address_of(v6, 172, 17, static_cast<std::uint8_t>(1 + i));
}
inline std::uint16_t service_port(unsigned i) {
    return kinds.at(i).port ? kinds.at(i).port : static_cast<std::uint16_t>(80 + i);
}
inline std::uint16_t backend_port(unsigned i) {
    return kinds.at(i).mode == WEIR_MODE_NAT ? 1000 : service_port(i);
}

// A TCP segment. In IPv6 its checksum is as IPv4's would be, wrong: it is updated all the same.
inline std::vector<std::uint8_t> plain_packet(bool v6, const weir_mac& from, const weir_addr& src,
                                              std::uint16_t sport, const weir_addr& dst,
                                              std::uint16_t dport, std::uint8_t flags,
                                              const std::vector<std::uint8_t>& data) {
    std::vector<std::uint8_t> bytes =
        Frame::tcp(from, port_mac, src, sport, dst, dport, flags, data).bytes();
    if (!v6) return bytes;
    weir_ipv6 ip{};
    ip.version_class = 0x60;
    ip.length = weir_be16_from(static_cast<std::uint16_t>(bytes.size() - 34));
    ip.next = WEIR_PROTO_TCP;
    ip.hops = 64;
    ip.src = src;
    ip.dst = dst;
    bytes.insert(bytes.begin() + 14, 20, 0);
    std::memcpy(&bytes[14], &ip, sizeof(ip));
    bytes[12] = 0x86;
    bytes[13] = 0xdd;
    return bytes;
}

class ExpressPackets {
  public:
    using Bytes = std::vector<std::uint8_t>;

    explicit ExpressPackets(std::uint32_t seed) : random_(seed) {}

    std::uint32_t random() { return static_cast<std::uint32_t>(random_()); }

    template <class T = int>
    T one_of(std::initializer_list<int> values) {
        return static_cast<T>(values.begin()[random_() % values.size()]);
    }

    struct Packet {
        Bytes bytes;
        bool v6;  // with the next three: what it is of, unless it is damaged
        unsigned kind;
        bool reply;
        bool udp;
        bool damaged;
    };

    Packet next() {
        const auto kind = static_cast<unsigned>(random() % kinds.size());
        Packet packet{
            {}, random() % 2 != 0, kind, random() % 3 == 0, random() % 3 == 0, random() % 4 == 0};
        const auto flags =
            one_of<std::uint8_t>({WEIR_TCP_SYN, WEIR_TCP_SYN, WEIR_TCP_SYN | WEIR_TCP_ACK,
                                  random() % 16 ? WEIR_TCP_ACK : WEIR_TCP_FIN | WEIR_TCP_ACK,
                                  random() % 16 ? WEIR_TCP_ACK : WEIR_TCP_RST, WEIR_TCP_ACK,
                                  WEIR_TCP_ACK, WEIR_TCP_ACK, 0});
        const weir_mac from{{2, 0, 0, 0, 0, one_of<std::uint8_t>({3, 3, 3, 3, 5})}};
        const weir_addr client = client_address(one_of<std::uint8_t>({1, 2}), packet.v6);
        Bytes data(one_of<std::size_t>({0, 1, 10, 12, 100}));
        for (auto& byte : data) byte = static_cast<std::uint8_t>(random());
        if (packet.reply) {
            const bool seen = (kinds.at(kind).mode == WEIR_MODE_TRANSPARENT) == (random() % 8 != 0);
            const weir_addr to = seen ? client : source_address(packet.v6);
            packet.bytes = plain_packet(
                packet.v6, from, backend_address(kind, packet.v6), backend_port(kind), to,
                one_of<std::uint16_t>({61000, 61001, 61002, 61003, 5000}), flags, data);
        } else {
            packet.bytes =
                plain_packet(packet.v6, from, client, one_of<std::uint16_t>({61000, 61001, 5000}),
                             service_address(kind, packet.v6), service_port(kind), flags, data);
        }
        at_ = packet.v6 ? 54 : 34;
        if (packet.udp) make_udp(packet.bytes, data.size());
        if (packet.damaged) damage(packet.bytes, packet.v6);
        if (!packet.v6) fix_checksum(packet.bytes, random() % 32 != 0);
        return packet;
    }

  private:
    template <class T>
    void put(Bytes& frame, std::size_t at, T value) {
        if (at + sizeof(value) <= frame.size()) std::memcpy(&frame[at], &value, sizeof(value));
    }
    void put_length(Bytes& frame, std::uint16_t length) {
        put(frame, at_ == 54 ? 18 : 16, weir_be16_from(length));
    }

    // Its header is 12 bytes shorter: sometimes the frame is, too.
    void make_udp(Bytes& frame, std::size_t data) {
        frame[at_ == 54 ? 20 : 23] = WEIR_PROTO_UDP;
        if (at_ == 54 && random() % 2) frame.resize(at_ + 8 + data);
        const auto length = static_cast<std::uint16_t>(frame.size() - at_);
        put_length(frame, at_ == 54 ? length : static_cast<std::uint16_t>(length + 20));
        put(frame, at_ + 4, weir_be16_from(length));
        const auto checksum = static_cast<std::uint16_t>(random());
        put(frame, at_ + 6,
            std::array<std::uint16_t, 4>{0, 0xffff, checksum, checksum}[random() % 4]);
    }

    void damage(Bytes& frame, bool v6) {
        switch (random() % 10) {
            case 0:
                frame[v6 ? 21 : 22] = one_of<std::uint8_t>({0, 1, 2});
                break;  // TTL
            case 1:
                if (v6)
                    frame[20] = one_of<std::uint8_t>({0, 43, 44, 58, 59, 60, 4});
                else
                    frame[20] = one_of<std::uint8_t>({0x20, 0x40, 0x01});
                break;  // extension headers and other protocols, fragment bits
            case 2:
                frame[14] = v6 ? one_of<std::uint8_t>({0x45, 0x50, 0x6f, 0x70})
                               : one_of<std::uint8_t>({0x44, 0x46, 0x55, 0x4f, 0x60});
                break;  // version and header length
            case 3:
                put(frame, at_ + 12, static_cast<std::uint8_t>(random()));
                break;  // TCP's offset
            case 4:
                frame[1 + random() % 80 % (frame.size() - 1)] ^= 1;
                break;
            case 5:
                frame.resize(random() % frame.size());
                break;
            case 6:
                frame.resize(frame.size() + random() % 30);
                break;  // padding
            case 7:
                put_length(frame,
                           one_of<std::uint16_t>({0, 7, 8, 20, 21, 28, 40, 41, 65500, 65535}));
                break;
            case 8:
                put(frame, at_ + 4, weir_be16_from(one_of<std::uint16_t>({0, 7, 8, 9, 400})));
                break;  // UDP's length
            case 9:
                if (v6) put(frame, one_of<std::size_t>({22, 38}), strange_address());
                frame[13] ^= one_of<std::uint8_t>({0, 0xdd ^ 0x00, 1});
                break;
        }
    }
    // Nobody's, an IPv4 one, of many, of a neighbourhood.
    weir_addr strange_address() {
        weir_addr addr = address(10, 0, 0, 1);
        switch (random() % 4) {
            case 0:
                addr.word[2].raw = 0;
                break;
            case 1:
                break;
            case 2:
                addr.word[0] = weir_be32_from(0xff020000);
                break;
            case 3:
                addr.word[0] = weir_be32_from(0xfe800000);
        }
        return addr;
    }

    static void fix_checksum(Bytes& frame, bool fix) {
        if (frame.size() < 34 || !fix) return;
        frame[24] = frame[25] = 0;
        std::uint32_t sum = 0;
        for (unsigned i = 14; i < 34; i += 2) sum += frame[i] << 8 | frame[i + 1];
        sum = (sum & 0xffff) + (sum >> 16);
        sum = ~((sum & 0xffff) + (sum >> 16));
        frame[24] = static_cast<std::uint8_t>(sum >> 8);
        frame[25] = static_cast<std::uint8_t>(sum);
    }

    std::mt19937 random_;
    std::size_t at_ = 34;  // where TCP or UDP starts
};

}  // namespace weir
