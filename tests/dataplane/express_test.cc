// SPDX-License-Identifier: Apache-2.0
// The express way (bpf/shared/express.h) and the whole program, each on its own copy of the same
// tables and the same random packets, in every state that a flow can have: what the one does not
// decline, the other does as well, byte for byte, in the frame and in the tables.
#include "bpf/shared/express.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <initializer_list>
#include <map>
#include <random>

#include "dataplane/tables/writer.h"
#include "tests/dataplane/frame.h"
#include "tests/dataplane/tables/heap_tables.h"

namespace weir {
namespace {

constexpr weir_mac port_mac{{2, 0, 0, 0, 0, 1}};
constexpr weir_mac backend_mac{{2, 0, 0, 0, 0, 4}};
constexpr unsigned backends = 8;

// What a backend, and its service with the same number, has of its own.
struct Kind {
    weir_mode mode = WEIR_MODE_NAT;
    std::uint8_t service_flags = 0;
    std::uint8_t backend_flags = 0;
    std::uint16_t mtu = 0;
    std::uint16_t mss = 0;
    std::uint8_t out_port = 1;
    bool v6 = false;
    std::uint8_t cid_count = 0;
};

constexpr std::array<Kind, backends> kinds{{
    {},
    {.mode = WEIR_MODE_TRANSPARENT, .service_flags = WEIR_SERVICE_BY_PORT},
    {.mode = WEIR_MODE_DSR, .mss = 1000},
    {.mode = WEIR_MODE_DSR, .service_flags = WEIR_SERVICE_STATELESS, .mss = 1000},
    {.mtu = 90},
    {.out_port = 2},
    {.v6 = true},
    {.mode = WEIR_MODE_IPIP},
}};

// Tables, and the part of them that changes as packets pass.
struct Side {
    tables::HeapTables heap{tables::Geometry::for_flows(256, 1, 1)};

    std::vector<std::uint8_t> state() {
        const tables::View view = heap.view();
        std::vector<std::uint8_t> bytes;
        const auto add = [&](const auto& records, std::size_t count) {
            const auto* data = reinterpret_cast<const std::uint8_t*>(records.data());
            bytes.insert(bytes.end(), data, data + count * sizeof(records[0]));
        };
        add(view.flows, view.flows.size());
        add(view.flow_refs, view.flow_refs.size());
        add(view.counters, backends);
        add(view.upstreams, 1);
        return bytes;
    }
    void restore(const std::vector<std::uint8_t>& bytes) {
        const tables::View view = heap.view();
        const std::uint8_t* from = bytes.data();
        const auto take = [&](const auto& records, std::size_t count) {
            std::memcpy(records.data(), from, count * sizeof(records[0]));
            from += count * sizeof(records[0]);
        };
        take(view.flows, view.flows.size());
        take(view.flow_refs, view.flow_refs.size());
        take(view.counters, backends);
        take(view.upstreams, 1);
    }
};

class Express : public ::testing::Test {
  protected:
    using Bytes = std::vector<std::uint8_t>;

    Express() {
        fill(program_);
        fill(express_);
    }

    static weir_addr service_address(unsigned i) { return address(192, 168, 0, 1 + i % 2); }
    static std::uint16_t service_port(unsigned i) { return static_cast<std::uint16_t>(80 + i); }
    static weir_addr backend_address(unsigned i) {
        weir_addr addr = address(172, 17, 0, static_cast<std::uint8_t>(1 + i));
        if (kinds.at(i).v6) addr.word[0] = weir_be32_from(0x20010db8);
        return addr;
    }

    void fill(Side& side, std::uint8_t down = 0) const {
        const tables::View view = side.heap.view();
        view.control->ports[1].kind = view.control->ports[2].kind = WEIR_PORT_NETWORK;
        view.control->ports[0].kind = WEIR_PORT_HOST_LINK;
        for (auto& port : view.control->ports) port.mac = port_mac;
        view.control->ports[2].tags = 1;
        view.control->ports[2].parent = 1;
        view.control->answers = 1000;
        tables::Writer writer(view, [](std::uint64_t) {});
        writer.begin();
        std::vector<weir_service> services;
        std::vector<weir_backend> records;
        for (unsigned i = 0; i < backends; i++) {
            const Kind& kind = kinds.at(i);
            const std::array<std::uint16_t, 1> slots{static_cast<std::uint16_t>(i)};
            const tables::SlotRange range = writer.write_slots(slots);
            for (const std::uint8_t protocol : {WEIR_PROTO_TCP, WEIR_PROTO_UDP}) {
                weir_service service{};
                service.addr = service_address(i);
                service.port = weir_be16_from(service_port(i));
                service.protocol = protocol;
                service.flags = kind.service_flags;
                service.method = kind.service_flags & WEIR_SERVICE_STATELESS
                                     ? (protocol == WEIR_PROTO_TCP ? WEIR_METHOD_MAGLEV
                                                                   : WEIR_METHOD_MAGLEV_ADDRESS)
                                     : WEIR_METHOD_ROUND_ROBIN;
                service.slot_base = service.turn_base = range.base;
                service.slot_count = service.turn_count = range.count;
                service.idle = service.connect = weir_span_of_ms(60'000);
                service.cid_count = kind.cid_count;
                services.push_back(service);
            }
            weir_backend backend{};
            backend.addr = backend_address(i);
            backend.snat = kind.v6 ? backend.addr : address(192, 168, 0, 1);
            backend.port = weir_be16_from(static_cast<std::uint16_t>(kind.mode ? 80 + i : 1000));
            backend.flags = WEIR_BACKEND_USED | WEIR_BACKEND_REACHABLE | kind.backend_flags | down;
            backend.mode = kind.mode;
            backend.mtu = kind.mtu;
            backend.mss = kind.mss;
            backend.out_port = kind.out_port;
            backend.next_hop = backend_mac;
            backend.snat_low = 61000;
            backend.snat_high = 61003;
            records.push_back(backend);
        }
        ASSERT_EQ(writer.publish(services, records), "");
    }

    template <class T = int>
    T one_of(std::initializer_list<int> values) {
        return static_cast<T>(values.begin()[random_() % values.size()]);
    }
    template <class T>
    void put(Bytes& frame, std::size_t at, T value) {
        std::memcpy(&frame[at], &value, sizeof(value));
    }

    // Mostly what a network sends, sometimes not.
    Bytes packet() {
        const bool udp = random_() % 3 == 0;
        const unsigned service = random_() % backends;
        const bool reply = random_() % 3 == 0;
        const weir_addr client = address(10, 0, 0, one_of<std::uint8_t>({1, 2}));
        const auto client_port = one_of<std::uint16_t>({61000, 61001, 5000});
        const auto flags =
            one_of<std::uint8_t>({WEIR_TCP_SYN, WEIR_TCP_SYN, WEIR_TCP_SYN | WEIR_TCP_ACK,
                                  random_() % 16 ? WEIR_TCP_ACK : WEIR_TCP_FIN | WEIR_TCP_ACK,
                                  random_() % 16 ? WEIR_TCP_ACK : WEIR_TCP_RST, WEIR_TCP_ACK,
                                  WEIR_TCP_ACK, WEIR_TCP_ACK, 0});
        const weir_mac from{{2, 0, 0, 0, 0, one_of<std::uint8_t>({3, 3, 3, 3, 5})}};
        const weir_addr to = random_() % 3 ? address(192, 168, 0, 1) : client;
        const std::uint16_t backend_port = kinds.at(service).mode ? service_port(service) : 1000;
        Bytes data(one_of<std::size_t>({0, 10, 100}));
        for (auto& byte : data) byte = static_cast<std::uint8_t>(random_());
        Bytes frame =
            (reply ? Frame::tcp(from, port_mac, backend_address(service), backend_port, to,
                                one_of<std::uint16_t>({61000, 61001, 61002, 61003, 5000}), flags,
                                data)
                   : Frame::tcp(from, port_mac, client, client_port, service_address(service),
                                service_port(service), flags, data))
                .bytes();
        if (udp) make_udp(frame);
        if (random_() % 4 == 0) damage(frame);
        fix_checksum(frame, random_() % 32 != 0);
        return frame;
    }
    void make_udp(Bytes& frame) {
        frame[23] = WEIR_PROTO_UDP;
        put(frame, 38, weir_be16_from(static_cast<std::uint16_t>(frame.size() - 34)));
        if (random_() % 2) put(frame, 40, weir_be16{0});
    }
    void damage(Bytes& frame) {
        switch (random_() % 8) {
            case 0:
                frame[22] = one_of<std::uint8_t>({0, 1, 2});
                break;  // TTL
            case 1:
                frame[20] = one_of<std::uint8_t>({0x20, 0x40, 0x01});
                break;  // fragment bits
            case 2:
                frame[14] = one_of<std::uint8_t>({0x44, 0x46, 0x55, 0x4f});
                break;  // header length
            case 3:
                frame[46] = static_cast<std::uint8_t>(random_());
                break;  // TCP's offset
            case 4:
                frame[1 + random_() % 60 % (frame.size() - 1)] ^= 1;
                break;
            case 5:
                frame.resize(random_() % frame.size());
                break;
            case 6:
                frame.resize(frame.size() + random_() % 30);
                break;  // padding
            case 7:
                put(frame, 16, weir_be16_from(one_of<std::uint16_t>({20, 28, 40, 41, 65535})));
        }
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

    // The whole program, as the host's runner has it. `frame` may grow.
    weir_reason by_program(Bytes& frame, std::uint8_t in, std::uint32_t now, std::uint8_t& out) {
        weir_env env = program_.heap.env();
        weir_packet packet{};
        std::uint8_t* data = frame.data();
        weir_reason reason = weir_parse(&packet, data, data + frame.size(),
                                        static_cast<std::uint32_t>(frame.size()), in);
        if (reason == WEIR_REASON_NONE) reason = weir_hash_packet(&env, &packet, now);
        if (reason == WEIR_REASON_NONE)
            reason = weir_decide(&env, &packet, data, data + frame.size(), now);
        if (weir_verdict_of(reason) != WEIR_VERDICT_FORWARD) return reason;
        out = packet.out_port;
        if (packet.room > 0) frame.insert(frame.begin(), static_cast<std::size_t>(packet.room), 0);
        if (packet.room < 0) frame.erase(frame.begin(), frame.begin() - packet.room);
        data = frame.data();
        EXPECT_TRUE(weir_rewrite(&env, &packet, data, data + frame.size()));
        frame.resize(frame.size() - packet.trim);
        return reason;
    }

    // 1 when the express way took the packet.
    int compare(const Bytes& packet, std::uint8_t in, std::uint32_t now) {
        const auto before = express_.state();
        Bytes expected = packet, frame = packet;
        std::uint8_t expected_out = 0, out = 0;
        const weir_reason wanted = by_program(expected, in, now, expected_out);
        weir_env env = express_.heap.env();
        const weir_reason reason =
            weir_express_run(&env, frame.data(), frame.data() + frame.size(), in, now, &out);
        if (reason == WEIR_REASON_NONE) {
            EXPECT_TRUE(frame == packet && express_.state() == before) << "declined, but changed";
            express_.restore(program_.state());
            return 0;
        }
        EXPECT_EQ(reason, wanted);
        EXPECT_EQ(out, expected_out);
        EXPECT_EQ(frame, expected);
        EXPECT_TRUE(express_.state() == program_.state());
        taken_[reason]++;
        return 1;
    }

    std::mt19937 random_{5};
    Side program_;
    Side express_;
    std::map<weir_reason, unsigned> taken_;
};

TEST_F(Express, DoesWhatTheProgramDoes) {
    std::uint32_t now = 1000;
    for (int round = 0; round < 200'000 && !HasFailure(); round++) {
        const std::uint8_t in = random_() % 16 ? 1 : 0;
        compare(packet(), in, now);
        if (random_() % 64 == 0) now += random_() % 64 ? 1 : WEIR_TICKS_OF_MS(61'000);
        if (random_() % 4096 == 0) {
            const auto down = one_of<std::uint8_t>({0, 0, WEIR_BACKEND_DOWN, WEIR_BACKEND_RESET});
            fill(program_, down);
            fill(express_, down);
        }
    }
    EXPECT_GT(taken_[WEIR_REASON_FLOW_HIT], 1000u);
    EXPECT_GT(taken_[WEIR_REASON_STATELESS], 1000u);
    EXPECT_GT(taken_[WEIR_REASON_NOT_SERVICE], 1000u);
    EXPECT_GT(taken_[WEIR_REASON_HOST_LINK_STRAY], 100u);
}

// Nothing rare is declined for a reason that this test does not know of: of plain data packets of
// established flows, all are taken.
TEST_F(Express, TakesWhatItIsFor) {
    const weir_mac from{{2, 0, 0, 0, 0, 3}};
    const auto segment = [&](std::uint8_t flags) {
        return Frame::tcp(from, port_mac, address(10, 0, 0, 1), 5000, service_address(0),
                          service_port(0), flags, Bytes(10))
            .bytes();
    };
    Bytes forwarded = segment(WEIR_TCP_SYN);
    std::uint8_t out = 0;
    ASSERT_EQ(by_program(forwarded, 1, 1000, out), WEIR_REASON_FLOW_NEW);
    const auto answer = [&](std::uint8_t flags) {
        return Frame::tcp(backend_mac, port_mac, backend_address(0), 1000, address(192, 168, 0, 1),
                          Frame(forwarded).source_port(), flags, Bytes(10))
            .bytes();
    };
    express_.restore(program_.state());
    EXPECT_EQ(compare(answer(WEIR_TCP_SYN | WEIR_TCP_ACK), 1, 1000), 0);
    EXPECT_EQ(compare(segment(WEIR_TCP_ACK), 1, 1000), 0);
    EXPECT_EQ(compare(answer(WEIR_TCP_ACK), 1, 1000), 0);
    for (std::uint32_t now = 1001; now < 1010; now++) {
        EXPECT_EQ(compare(segment(WEIR_TCP_ACK), 1, now), 1);
        EXPECT_EQ(compare(answer(WEIR_TCP_ACK), 1, now), 1);
    }
    EXPECT_EQ(compare(segment(WEIR_TCP_FIN | WEIR_TCP_ACK), 1, 1010), 0);
    EXPECT_EQ(compare(answer(WEIR_TCP_ACK), 1, 1010), 0);
}

}  // namespace
}  // namespace weir
