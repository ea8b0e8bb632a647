// SPDX-License-Identifier: Apache-2.0
// Rewriting random packets, compared with a frame that is built anew and summed naively.
#include "bpf/shared/rewrite.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <vector>

#include "bpf/shared/host_env.h"

namespace {

using Bytes = std::vector<std::uint8_t>;

void put16(Bytes& frame, std::size_t at, unsigned value) {
    frame[at] = static_cast<std::uint8_t>(value >> 8);
    frame[at + 1] = static_cast<std::uint8_t>(value);
}

std::uint16_t sum(const Bytes& frame, std::size_t from, std::size_t to, std::uint32_t start) {
    std::uint64_t sum = start;
    for (std::size_t i = from; i < to; i += 2)
        sum += frame[i] * 256u + (i + 1 < to ? frame[i + 1] : 0u);
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(~sum);
}

struct Ends {
    weir_mac src_mac, dst_mac;
    std::uint32_t src, dst;
    std::uint16_t sport, dport;
};

// A whole frame with right checksums; everything that is not an address comes from `body`.
Bytes build(const Ends& ends, bool tcp, unsigned ip_header, const Bytes& body, std::uint8_t ttl) {
    const std::size_t l4 = 14 + ip_header;
    Bytes frame(l4 + body.size());
    std::copy(body.begin(), body.end(), frame.begin() + static_cast<std::ptrdiff_t>(l4));
    std::memcpy(frame.data(), ends.dst_mac.byte, 6);
    std::memcpy(frame.data() + 6, ends.src_mac.byte, 6);
    put16(frame, 12, WEIR_ETH_IPV4);
    frame[14] = static_cast<std::uint8_t>(0x40 | ip_header / 4);
    put16(frame, 16, static_cast<unsigned>(frame.size() - 14));
    frame[22] = ttl;
    frame[23] = tcp ? WEIR_PROTO_TCP : WEIR_PROTO_UDP;
    put16(frame, 26, ends.src >> 16);
    put16(frame, 28, ends.src);
    put16(frame, 30, ends.dst >> 16);
    put16(frame, 32, ends.dst);
    for (std::size_t i = 34; i < l4; i++) frame[i] = 1;  // NOP options
    put16(frame, 24, sum(frame, 14, l4, 0));
    put16(frame, l4, ends.sport);
    put16(frame, l4 + 2, ends.dport);
    if (tcp) frame[l4 + 12] = 0x50;
    if (!tcp) put16(frame, l4 + 4, static_cast<unsigned>(body.size()));
    const std::size_t checksum = l4 + (tcp ? 16 : 6);
    put16(frame, checksum, 0);
    const std::uint32_t pseudo = (ends.src >> 16) + (ends.src & 0xffff) + (ends.dst >> 16) +
                                 (ends.dst & 0xffff) + frame[23] +
                                 static_cast<std::uint32_t>(body.size());
    unsigned whole = sum(frame, l4, frame.size(), pseudo);
    if (!tcp && whole == 0) whole = 0xffff;
    put16(frame, checksum, whole);
    return frame;
}

class Rewrite : public testing::Test {
  protected:
    Rewrite() {
        control.flow_buckets = 1;
        env.control = &control;
        control.backend_capacity = control.source_capacity = 1;
        env.flows = flows;
        env.backends = env.backends_now = &backend;
        env.sources = &source;
    }

    template <class T>
    T any() {
        return static_cast<T>(random());
    }
    weir_mac any_mac() {
        weir_mac mac;
        for (auto& byte : mac.byte) byte = any<std::uint8_t>();
        return mac;
    }

    std::mt19937_64 random{11};
    weir_control control{};
    weir_flow flows[WEIR_FLOWS_PER_BUCKET]{};
    weir_backend backend{};
    weir_source source{};
    weir_env env{};
};

TEST_F(Rewrite, RandomPacketsAgreeWithFramesBuiltAnew) {
    for (int round = 0; round < 20000; round++) {
        const bool tcp = any<bool>(), from_client = any<bool>();
        const unsigned ip_header = 20 + any<unsigned>() % 11 * 4;
        const Ends client{any_mac(),
                          any_mac(),
                          any<std::uint32_t>(),
                          any<std::uint32_t>(),
                          any<std::uint16_t>(),
                          any<std::uint16_t>()};
        const Ends server{any_mac(),
                          any_mac(),
                          any<std::uint32_t>(),
                          any<std::uint32_t>(),
                          any<std::uint16_t>(),
                          any<std::uint16_t>()};
        Bytes body((tcp ? 20 : 8) + any<unsigned>() % 40);
        for (auto& byte : body) byte = any<std::uint8_t>();

        weir_flow& flow = flows[3];
        flow.client = weir_addr_v4(weir_be32_from(client.src));
        flow.service = weir_addr_v4(weir_be32_from(client.dst));
        flow.client_port = weir_be16_from(client.sport);
        flow.service_port = weir_be16_from(client.dport);
        flow.protocol = tcp ? WEIR_PROTO_TCP : WEIR_PROTO_UDP;
        flow.snat_port = weir_be16_from(server.sport);
        source.addr = weir_addr_v4(weir_be32_from(server.src));
        backend.addr = weir_addr_v4(weir_be32_from(server.dst));
        backend.port = weir_be16_from(server.dport);

        const auto back = [](const Ends& ends) {
            return Ends{ends.dst_mac, ends.src_mac, ends.dst, ends.src, ends.dport, ends.sport};
        };
        const Ends in = from_client ? client : back(server);
        const Ends out = from_client ? server : back(client);
        Bytes frame = build(in, tcp, ip_header, body, 64);
        const Bytes expected = build(out, tcp, ip_header, body, 63);

        weir_packet packet{};
        packet.tuple.protocol = tcp ? WEIR_PROTO_TCP : WEIR_PROTO_UDP;
        packet.l4 = static_cast<std::uint16_t>(14 + ip_header);
        packet.l3 = 14;
        packet.family = 4;
        packet.ttl = 64;
        packet.flow = 3;
        packet.from_client = from_client;
        packet.out_port = 2;
        packet.next_hop = out.dst_mac;
        control.ports[2].mac = out.src_mac;
        ASSERT_TRUE(weir_rewrite(&env, &packet, frame.data(), frame.data() + frame.size()));
        ASSERT_EQ(frame, expected) << "round " << round;
    }
}

TEST_F(Rewrite, AFrameThatIsTooShortIsNotTouched) {
    const Bytes whole(54, 0x5a);
    weir_packet packet{};
    packet.tuple.protocol = WEIR_PROTO_TCP;
    packet.l3 = 14;
    packet.l4 = 34;
    packet.family = 4;
    for (std::size_t length = 0; length < whole.size(); length++) {
        Bytes frame(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
        EXPECT_FALSE(weir_rewrite(&env, &packet, frame.data(), frame.data() + length));
        EXPECT_TRUE(std::equal(frame.begin(), frame.end(), whole.begin()));
    }
}

}  // namespace
