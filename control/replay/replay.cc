// SPDX-License-Identifier: Apache-2.0
#include "control/replay/replay.h"

#include <algorithm>
#include <cstring>

#include "control/api/trial_env.h"

// After the engine's glue.
#include "bpf/shared/program.h"

namespace weir::replay {
namespace {

constexpr std::uint64_t start_of_time = 1'000'000'000'000;  // any time above 0
constexpr unsigned first_network_port = 1;

weir_packet parse(Bytes& bytes) {
    weir_packet packet{};
    weir_parse(&packet, bytes.data(), bytes.data() + bytes.size(),
               static_cast<std::uint32_t>(bytes.size()), first_network_port);
    return packet;
}

bool mac_is(const Bytes& bytes, std::size_t offset, const weir_mac& mac) {
    return bytes.size() >= offset + sizeof(mac) &&
           std::memcmp(bytes.data() + offset, mac.byte, sizeof(mac)) == 0;
}

}  // namespace

weir_tuple tuple_of(const Bytes& bytes) {
    Bytes copy = bytes;
    return parse(copy).tuple;
}

Replay::Replay(Runner& runner, const tables::View& view, const publish::Directory& directory)
    : runner_(runner), view_(view), clock_(start_of_time) {
    for (const publish::ServiceInfo& service : directory.services) services_[service.id] = &service;
    for (const publish::BackendInfo& backend : directory.backends) backends_[backend.id] = &backend;
}

Result<std::optional<Replayed>> Replay::step(const Packet& packet) {
    const std::uint64_t now = clock_of(packet);
    if (sent_by_balancer(packet.bytes)) {
        own_++;
        replies_.captured(packet.bytes);
        return std::optional<Replayed>{};
    }
    if (!runner_.takes(packet.bytes.size())) {
        too_long_++;
        return std::optional<Replayed>{};
    }
    replayed_++;
    Replayed replayed;
    Frame frame{wire_for(packet.bytes), packet.bytes};
    replayed.in_port = port_on(frame.port, packet.bytes);
    replayed.readdressed = replies_.readdress(frame.bytes);
    auto fate = runner_.send(frame, now);
    if (!fate) return Error{fate.error()};
    if (fate->reasons.size() != 1)
        return Error{"packet " + std::to_string(packet.number) + " has ended with " +
                     std::to_string(fate->reasons.size()) +
                     " reasons instead of one: the engine contradicts itself"};
    replayed.reason = fate->reasons[0];
    replayed.out = std::move(fate->out);
    for (Frame& sent : replayed.out) sent.port = port_on(sent.port, sent.bytes);
    replayed.to_host = std::move(fate->to_host);
    replayed.tuple = tuple_of(packet.bytes);
    describe(replayed, std::move(frame.bytes), now);
    for (const Frame& sent : replayed.out) replies_.replayed(sent.bytes);
    return std::optional(std::move(replayed));
}

// Time in a capture may go back by a little, the program's must not.
std::uint64_t Replay::clock_of(const Packet& packet) {
    if (!first_) first_ = packet.time_ns;
    if (packet.time_ns > *first_)
        clock_ = std::max(clock_, start_of_time + (packet.time_ns - *first_));
    return clock_;
}

bool Replay::sent_by_balancer(const Bytes& bytes) const {
    return std::ranges::any_of(view_.control->ports, [&](const weir_port& port) {
        return port.kind != WEIR_PORT_NONE && mac_is(bytes, 6, port.mac);
    });
}

// The wire of the port whose MAC it is addressed to; what is for none arrives at the first one.
unsigned Replay::wire_for(const Bytes& bytes) const {
    for (unsigned i = 0; i < WEIR_PORT_CAPACITY; i++)
        if (view_.control->ports[i].kind != WEIR_PORT_NONE &&
            mac_is(bytes, 0, view_.control->ports[i].mac))
            return wire_of(*view_.control, i);
    return first_network_port;
}

// What a frame's tags make of the wire that it crosses.
unsigned Replay::port_on(unsigned wire, Bytes bytes) const {
    weir_env env{view_};
    weir_packet packet = parse(bytes);
    packet.in_port = static_cast<std::uint8_t>(wire);
    if (packet.tags > 0) weir_enter_vlan(&env, &packet, bytes.data(), bytes.data() + bytes.size());
    return packet.in_port;
}

// Whose packet it was: the tables are asked after the fact, as the program has left them, and what
// asking would write goes to copies.
void Replay::describe(Replayed& replayed, Bytes bytes, std::uint64_t clock) const {
    weir_env env{view_};
    env.half = static_cast<std::uint32_t>(view_.control->generation & 1);
    weir_packet packet = parse(bytes);
    if (packet.tuple.protocol == 0) return;
    if (weir_hash_packet(&env, &packet, weir_tick(clock)) != WEIR_REASON_NONE) return;
    const weir_service* service = weir_service_find(&env, &packet.tuple);
    if (service) replayed.service = services_.at(service->id);
    if (weir_verdict_of(replayed.reason) != WEIR_VERDICT_FORWARD) return;
    if (service && (service->flags & WEIR_SERVICE_STATELESS)) {
        replayed.backend = backend_of(weir_pick(&env, service, &packet.tuple));
        return;
    }
    const std::uint32_t now = weir_tick(clock);
    std::uint32_t number = weir_flow_find(&env, &packet.tuple, packet.hash, now);
    if (number == WEIR_NO_FLOW)
        number = weir_flow_find_reply(&env, &packet.tuple, packet.hash, now);
    if (number == WEIR_NO_FLOW) return;
    const weir_flow* flow = weir_env_flow(&env, number);
    if (const auto found = services_.find(flow->service_id); found != services_.end())
        replayed.service = found->second;
    replayed.backend = backend_of(flow->backend_id);
}

const publish::BackendInfo* Replay::backend_of(std::uint32_t id) const {
    const auto found = backends_.find(id);
    return found == backends_.end() ? nullptr : found->second;
}

}  // namespace weir::replay
