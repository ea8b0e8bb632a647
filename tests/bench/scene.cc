// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/scene.h"

#include <algorithm>
#include <array>
#include <stdexcept>

#include "bpf/shared/verdict.h"
#include "dataplane/tables/writer.h"
#include "tests/bench/lane.h"

namespace weir::bench {
namespace {

constexpr weir_mac port_mac{{2, 0, 0, 0, 0, 1}};
constexpr weir_mac link_mac{{2, 0, 0, 0, 0, 2}};
constexpr weir_mac router_mac{{2, 0, 0, 0, 0, 3}};   // clients are behind it
constexpr weir_mac backend_mac{{2, 0, 0, 0, 0, 4}};  // and backends behind this one

constexpr std::uint32_t service_v4 = 0xc0000201;  // 192.0.2.1
constexpr std::uint32_t first_client = 0x0b000000;
constexpr std::uint32_t first_backend = 0x0a800000;
constexpr std::uint16_t service_port = 80;
constexpr std::uint64_t ports_of_client = 32768;
constexpr std::uint64_t flows_of_backend = 20000;  // a third of its source ports
constexpr std::uint32_t timeout_ms = 3'600'000;

// The same low bits in both families, so that a scene does not care.
weir_addr address(const std::string& family, std::uint32_t low) {
    if (family == "ipv4") return weir_addr_v4(weir_be32_from(low));
    weir_addr addr{};
    addr.word[0] = weir_be32_from(0x20010db8);
    addr.word[3] = weir_be32_from(low);
    return addr;
}

}  // namespace

Scene::Scene(const Plan& plan, const tables::View& view)
    : plan_(plan),
      view_(view),
      backends_(static_cast<std::uint32_t>(
          std::max<std::uint64_t>(16, plan.flows / flows_of_backend + 1))),
      peers_(plan.flows) {
    if (backends_ > view.control->backend_capacity)
        throw std::runtime_error("more backends than the tables hold");
    publish();
}

void Scene::publish() const {
    view_.control->ports[0] = {0, link_mac, WEIR_PORT_HOST_LINK, 0};
    view_.control->ports[network_port] = {plan_.port_ifindex, port_mac, WEIR_PORT_NETWORK, 0};
    tables::Writer writer(view_, [](std::uint64_t) {});
    writer.begin();
    std::vector<std::uint16_t> slots(backends_);
    std::vector<weir_backend> backends(backends_);
    for (std::uint32_t i = 0; i < backends_; i++) {
        slots[i] = static_cast<std::uint16_t>(i);
        weir_backend& backend = backends[i];
        backend.addr = address(plan_.family, first_backend + i);
        backend.snat = address(plan_.family, service_v4);
        backend.port = weir_be16_from(service_port);
        backend.mode = plan_.mode == "nat" ? WEIR_MODE_NAT : WEIR_MODE_DSR;
        backend.flags = WEIR_BACKEND_USED | WEIR_BACKEND_REACHABLE;
        backend.out_port = network_port;
        backend.next_hop = backend_mac;
        backend.snat_low = 1024;
        backend.snat_high = 65535;
    }
    const tables::SlotRange range = writer.write_slots(slots);
    weir_service service{};
    service.addr = address(plan_.family, service_v4);
    service.port = weir_be16_from(service_port);
    service.protocol = plan_.protocol;
    service.turn_base = range.base;
    service.turn_count = range.count;
    service.idle = service.connect = weir_span_of_ms(timeout_ms);
    if (plan_.mode == "dsr-stateless") {
        service.flags = WEIR_SERVICE_STATELESS;
        service.method = WEIR_METHOD_MAGLEV;
        service.slot_base = range.base;
        service.slot_count = range.count;
    }
    const std::string error = writer.publish({&service, 1}, backends);
    if (!error.empty()) throw std::runtime_error(error);
}

weir_tuple Scene::client_tuple(std::uint64_t flow) const {
    weir_tuple tuple{};
    tuple.src =
        address(plan_.family, first_client + static_cast<std::uint32_t>(flow / ports_of_client));
    tuple.dst = address(plan_.family, service_v4);
    tuple.sport =
        weir_be16_from(static_cast<std::uint16_t>(ports_of_client + flow % ports_of_client));
    tuple.dport = weir_be16_from(service_port);
    tuple.protocol = plan_.protocol;
    return tuple;
}

weir_tuple Scene::reply_tuple(std::uint64_t flow) const {
    const Peer peer = peers_[flow % peers_.size()];
    weir_tuple tuple{};
    tuple.src = address(plan_.family, first_backend + peer.backend);
    tuple.dst = address(plan_.family, service_v4);
    tuple.sport = weir_be16_from(service_port);
    tuple.dport = weir_be16_from(peer.port);
    tuple.protocol = plan_.protocol;
    return tuple;
}

unsigned Scene::write_client(void* at, std::uint64_t flow, std::uint8_t flags) const {
    return write_frame(at, {router_mac, port_mac}, client_tuple(flow), flags);
}

unsigned Scene::write_reply(void* at, std::uint64_t flow, std::uint8_t flags) const {
    return write_frame(at, {backend_mac, port_mac}, reply_tuple(flow), flags);
}

unsigned Scene::write_stranger(void* at, std::uint64_t number) const {
    weir_tuple tuple = client_tuple(number);
    tuple.dport = weir_be16_from(22);
    return write_frame(at, {router_mac, port_mac}, tuple, WEIR_TCP_ACK);
}

void Scene::learn(std::uint64_t flow, const void* sent) {
    const bool v4 = plan_.family == "ipv4";
    const auto* frame = static_cast<const std::uint8_t*>(sent);
    weir_be32 destination;
    weir_be16 source_port;
    std::memcpy(&destination, frame + sizeof(weir_eth) + (v4 ? 16 : 36), sizeof(destination));
    std::memcpy(&source_port, frame + sizeof(weir_eth) + (v4 ? 20 : 40), sizeof(source_port));
    peers_[flow % peers_.size()] = {
        static_cast<std::uint16_t>(weir_be32_to(destination) - first_backend),
        weir_be16_to(source_port)};
}

std::uint64_t Scene::establish(std::uint64_t from, std::uint64_t to, std::uint64_t now) {
    Lane lane(view_);
    std::array<bool, batch_capacity> opened{};
    std::uint64_t established = 0;

    for (std::uint64_t base = from; base < to; base += lane.capacity()) {
        const auto count =
            static_cast<unsigned>(std::min<std::uint64_t>(lane.capacity(), to - base));
        const auto step = [&](auto write) {
            for (unsigned i = 0; i < count; i++) lane.set_length(i, write(lane.frame(i), base + i));
            lane.run(count, now);
        };
        step([&](void* at, std::uint64_t flow) { return write_client(at, flow, WEIR_TCP_SYN); });
        for (unsigned i = 0; i < count; i++) {
            opened[i] = weir_verdict_of(lane.reason(i)) == WEIR_VERDICT_FORWARD;
            learn(base + i, lane.frame(i));
        }
        if (replies_pass())
            step([&](void* at, std::uint64_t flow) {
                return write_reply(at, flow, WEIR_TCP_SYN | WEIR_TCP_ACK);
            });
        step([&](void* at, std::uint64_t flow) { return write_client(at, flow, WEIR_TCP_ACK); });
        for (unsigned i = 0; i < count; i++)
            if (opened[i] && weir_verdict_of(lane.reason(i)) == WEIR_VERDICT_FORWARD)
                established++;
            else
                peers_[(base + i) % peers_.size()] = {};
        if (replies_pass())  // the first one with data
            step([&](void* at, std::uint64_t flow) { return write_reply(at, flow, WEIR_TCP_ACK); });
    }
    return established;
}

}  // namespace weir::bench
