// SPDX-License-Identifier: Apache-2.0
// Clients for balancer tests: frames that the real packet program decides on, over tables on the
// heap. Time stands still unless a test moves it.
#pragma once

#include <arpa/inet.h>

#include <boost/asio/ip/address.hpp>
#include <cstdint>
#include <cstring>
#include <string>

#include "control/publish/convert.h"
#include "tests/dataplane/tables/heap_tables.h"

namespace weir::publish::test {

struct Outcome {
    weir_reason reason = WEIR_REASON_NONE;
    std::string backend;  // "10.0.0.1:8080" for a packet that is forwarded, else empty
    int backend_id = -1;
    std::uint8_t out_port = 0;
    weir_mac next_hop{};
    weir_flow* flow = nullptr;
    weir_addr source{};  // toward the backend
};

class Traffic {
  public:
    explicit Traffic(tables::HeapTables& tables) : tables_(tables) {
        weir_port& port = tables.view().control->ports[1];
        port.kind = WEIR_PORT_NETWORK;
        port.mac = mac_;
    }

    std::uint64_t now = 1'000'000'000'000;  // ns

    Outcome send(const std::string& client, std::uint16_t sport, const std::string& to,
                 std::uint16_t dport, std::uint8_t flags) {
        struct {
            weir_eth eth;
            weir_ipv4 ip;
            weir_tcp tcp;
        } WEIR_PACKED frame{};
        frame.eth.dst = mac_;
        frame.eth.src = {{2, 0, 0, 0, 0, 9}};
        frame.eth.type = weir_be16_from(WEIR_ETH_IPV4);
        frame.ip.version_ihl = 0x45;
        frame.ip.length = weir_be16_from(sizeof(frame.ip) + sizeof(frame.tcp));
        frame.ip.ttl = 64;
        frame.ip.protocol = WEIR_PROTO_TCP;
        frame.ip.src = to_addr(boost::asio::ip::make_address(client)).word[3];
        frame.ip.dst = to_addr(boost::asio::ip::make_address(to)).word[3];
        std::uint16_t halves[sizeof(frame.ip) / 2];
        std::memcpy(halves, &frame.ip, sizeof(halves));
        std::uint32_t sum = 0;
        for (const std::uint16_t half : halves) sum += half;
        frame.ip.checksum = weir_checksum_update({0xffff}, sum);
        frame.tcp.sport = weir_be16_from(sport);
        frame.tcp.dport = weir_be16_from(dport);
        frame.tcp.offset = 5 << 4;
        frame.tcp.flags = flags;

        weir_env env = tables_.env();
        weir_packet packet{};
        char* const data = reinterpret_cast<char*>(&frame);
        char* const end = data + sizeof(frame);
        Outcome outcome;
        outcome.reason = weir_parse(&packet, data, end, sizeof(frame), 1);
        if (outcome.reason != WEIR_REASON_NONE) return outcome;
        outcome.reason = weir_hash_packet(&env, &packet, weir_tick(now));
        if (outcome.reason != WEIR_REASON_NONE) return outcome;
        outcome.reason = weir_decide(&env, &packet, data, end, weir_tick(now));
        if (weir_verdict_of(outcome.reason) != WEIR_VERDICT_FORWARD) return outcome;
        outcome.flow = weir_env_flow(&env, packet.flow);
        if (!outcome.flow) return outcome;  // weir's own answer
        outcome.backend_id = outcome.flow->backend_id;
        const weir_tuple reply = weir_reply_of(&env, outcome.flow);
        outcome.backend =
            from_addr(reply.src).to_string() + ":" + std::to_string(weir_be16_to(reply.sport));
        outcome.source = reply.dst;
        outcome.out_port = packet.out_port;
        outcome.next_hop = packet.next_hop;
        return outcome;
    }

    // A new connection, each from another port of one client.
    Outcome open(const std::string& to, std::uint16_t dport,
                 const std::string& client = "192.0.2.1") {
        return send(client, next_port_++, to, dport, WEIR_TCP_SYN);
    }

    // What the client of a flow sends next.
    Outcome next(const Outcome& opened, std::uint8_t flags = WEIR_TCP_ACK) {
        const weir_flow flow = *opened.flow;
        return send(from_addr(flow.client).to_string(), weir_be16_to(flow.client_port),
                    from_addr(flow.service).to_string(), weir_be16_to(flow.service_port), flags);
    }

    // The backend's packet of a flow.
    Outcome reply(const Outcome& opened, std::uint8_t flags) {
        weir_env env = tables_.env();
        const weir_tuple reply = weir_reply_of(&env, opened.flow);
        return send(from_addr(reply.src).to_string(), weir_be16_to(reply.sport),
                    from_addr(reply.dst).to_string(), weir_be16_to(reply.dport), flags);
    }

    // SYN-ACK and ACK: the flow is established.
    void establish(const Outcome& opened) {
        reply(opened, WEIR_TCP_SYN | WEIR_TCP_ACK);
        next(opened);
    }

  private:
    tables::HeapTables& tables_;
    weir_mac mac_ = {{2, 0, 0, 0, 0, 1}};
    std::uint16_t next_port_ = 20000;
};

}  // namespace weir::publish::test
