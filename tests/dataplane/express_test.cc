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
#include <tuple>

#include "dataplane/tables/writer.h"
#include "tests/dataplane/express_packets.h"
#include "tests/dataplane/tables/heap_tables.h"

namespace weir {
namespace {

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
        add(view.counters, 2 * kinds.size());
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
        take(view.counters, 2 * kinds.size());
        take(view.upstreams, 1);
    }
};

// What changes while flows are known: flags of all backends and services, how long replies may be,
// and whether there are services without flows.
struct Now {
    std::uint8_t backend_flags = 0;
    std::uint8_t service_flags = 0;
    std::uint16_t reply_mtu = 0;
    bool stateless = true;
};

class Express : public ::testing::Test {
  protected:
    using Bytes = ExpressPackets::Bytes;

    Express() {
        fill(program_);
        fill(express_);
    }

    void fill(Side& side, const Now& now = {}) const {
        const tables::View view = side.heap.view();
        view.control->ports[1].kind = view.control->ports[2].kind = WEIR_PORT_NETWORK;
        view.control->ports[0].kind = WEIR_PORT_HOST_LINK;
        for (auto& port : view.control->ports) port.mac = port_mac;
        view.control->ports[2].tags = 1;
        view.control->ports[2].parent = 1;
        view.control->answers = 1000;
        tables::Writer writer(view, [](std::uint64_t) {});
        std::array<weir_interface, WEIR_PORT_CAPACITY> interfaces{};
        interfaces[1].mtu = now.reply_mtu;
        writer.set_interfaces(interfaces);
        writer.begin();
        std::vector<weir_service> services;
        std::vector<weir_backend> records;
        for (unsigned i = 0; i < 2 * kinds.size(); i++) {
            const bool v6 = i >= kinds.size();
            const unsigned number = i % kinds.size();
            const Kind& kind = kinds.at(number);
            const std::array<std::uint16_t, 1> slots{static_cast<std::uint16_t>(i)};
            const tables::SlotRange range = writer.write_slots(slots);
            for (const std::uint8_t protocol : {WEIR_PROTO_TCP, WEIR_PROTO_UDP}) {
                weir_service service{};
                service.addr = service_address(number, v6);
                service.port = weir_be16_from(service_port(number));
                service.protocol = protocol;
                service.flags = kind.service_flags | now.service_flags;
                if (!now.stateless && (service.flags & WEIR_SERVICE_STATELESS)) continue;
                service.method = kind.service_flags & WEIR_SERVICE_STATELESS
                                     ? (protocol == WEIR_PROTO_TCP ? WEIR_METHOD_MAGLEV
                                                                   : WEIR_METHOD_MAGLEV_ADDRESS)
                                     : WEIR_METHOD_ROUND_ROBIN;
                service.slot_base = service.turn_base = service.cid_base = range.base;
                service.slot_count = service.turn_count = range.count;
                service.idle = service.connect = weir_span_of_ms(60'000);
                service.cid_count = kind.cid_count;
                service.cid_length = kind.cid_count != 0;
                services.push_back(service);
            }
            weir_backend backend{};
            backend.addr = backend_address(number, v6 != kind.crosses);
            backend.snat = source_address(v6 != kind.crosses);
            backend.port = weir_be16_from(backend_port(number));
            backend.flags = WEIR_BACKEND_USED | WEIR_BACKEND_REACHABLE | now.backend_flags;
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

    // The whole program, as the host's runner has it. `frame` may grow.
    weir_reason by_program(Bytes& frame, std::uint8_t in, std::uint32_t now, std::uint8_t& out) {
        weir_env env = program_.heap.env();
        weir_packet packet{};
        std::uint8_t* data = frame.data();
        weir_reason reason = weir_parse(&packet, data, data + frame.size(),
                                        static_cast<std::uint32_t>(frame.size()), in);
        if (reason == WEIR_REASON_NONE && weir_is_wrapped(&packet))
            reason = weir_unwrap(&env, &packet, data, data + frame.size());
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
        last_ = reason;
        return 1;
    }

    Side program_;
    Side express_;
    weir_reason last_ = WEIR_REASON_NONE;  // of what the express way has taken
};

// How many packets of a sort there were, and how many of them the express way has forwarded.
struct Share {
    unsigned all = 0;
    unsigned forwarded = 0;
    double part() const { return static_cast<double>(forwarded) / all; }
};

TEST_F(Express, DoesWhatTheProgramDoes) {
    ExpressPackets packets(5);
    std::map<std::tuple<bool, unsigned, bool, bool>, Share> shares;  // v6, kind, reply, udp
    std::map<std::tuple<bool, weir_reason>, unsigned> taken;
    std::uint32_t now = 1000;
    for (int round = 0; round < 400'000 && !HasFailure(); round++) {
        const std::uint8_t in = packets.random() % 16 ? 1 : 0;
        const ExpressPackets::Packet packet = packets.next();
        const bool by_express = compare(packet.bytes, in, now) != 0;
        if (by_express) taken[{packet.v6, last_}]++;
        if (!packet.damaged) {
            Share& share = shares[{packet.v6, packet.kind, packet.reply, packet.udp}];
            share.all++;
            share.forwarded += by_express && weir_verdict_of(last_) == WEIR_VERDICT_FORWARD;
        }
        if (packets.random() % 64 == 0) now += packets.random() % 64 ? 1 : WEIR_TICKS_OF_MS(61'000);
        if (packets.random() % 4096 == 0) {
            Now change;
            change.backend_flags =
                packets.one_of<std::uint8_t>({0, 0, 0, 0, WEIR_BACKEND_DOWN, WEIR_BACKEND_RESET});
            change.service_flags = packets.one_of<std::uint8_t>({0, 0, 0, WEIR_SERVICE_DRAINING});
            change.reply_mtu = packets.one_of<std::uint16_t>({0, 0, 70, 100});
            change.stateless = packets.random() % 4 != 0;
            fill(program_, change);
            fill(express_, change);
        }
    }
    for (const bool v6 : {false, true}) {
        for (const weir_reason reason :
             {WEIR_REASON_FLOW_HIT, WEIR_REASON_STATELESS, WEIR_REASON_NOT_SERVICE})
            EXPECT_GT((taken[{v6, reason}]), 1000u) << v6 << reason;
        EXPECT_GT((taken[{v6, WEIR_REASON_HOST_LINK_STRAY}]), 100u) << v6;
    }
    for (const auto& [sort, share] : shares) {
        const auto [v6, kind, reply, udp] = sort;
        const bool comes_by = reply ? kinds.at(kind).replies : kinds.at(kind).express;
        const auto& name = ::testing::PrintToString(sort);
        if (comes_by)
            EXPECT_GT(share.part(), 0.02) << name;
        else
            EXPECT_EQ(share.forwarded, 0u) << name;
    }
}

// Nothing rare is declined for a reason that this test does not know of: of a connection's plain
// packets, all but the first of each side are taken.
TEST_F(Express, TakesWhatItIsFor) {
    const weir_mac from{{2, 0, 0, 0, 0, 3}};
    for (const bool v6 : {false, true}) {
        const auto segment = [&](std::uint8_t flags) {
            return plain_packet(v6, from, client_address(1, v6), 5000, service_address(0, v6),
                                service_port(0), flags, Bytes(10));
        };
        Bytes forwarded = segment(WEIR_TCP_SYN);
        std::uint8_t out = 0;
        ASSERT_EQ(by_program(forwarded, 1, 1000, out), WEIR_REASON_FLOW_NEW);
        std::uint16_t port = 0;
        std::memcpy(&port, &forwarded[v6 ? 54 : 34], sizeof(port));
        const auto answer = [&](std::uint8_t flags) {
            return plain_packet(v6, backend_mac, backend_address(0, v6), backend_port(0),
                                source_address(v6), weir_be16_to({port}), flags, Bytes(10));
        };
        express_.restore(program_.state());
        EXPECT_EQ(compare(answer(WEIR_TCP_SYN | WEIR_TCP_ACK), 1, 1000), 0);
        for (std::uint32_t now = 1001; now < 1010; now++) {
            EXPECT_EQ(compare(segment(WEIR_TCP_ACK), 1, now), 1);
            EXPECT_EQ(compare(answer(WEIR_TCP_ACK), 1, now), 1);
        }
        EXPECT_EQ(compare(segment(WEIR_TCP_FIN | WEIR_TCP_ACK), 1, 1010), 1);
        EXPECT_EQ(compare(answer(WEIR_TCP_FIN | WEIR_TCP_ACK), 1, 1010), 1);
        EXPECT_EQ(compare(segment(WEIR_TCP_ACK), 1, 1010), 1);
        EXPECT_EQ(compare(answer(WEIR_TCP_RST), 1, 1010), 1);
    }
}

}  // namespace
}  // namespace weir
