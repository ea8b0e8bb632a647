// SPDX-License-Identifier: Apache-2.0
#include "tests/harness/row.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <stdexcept>

#include "bpf/shared/tcp.h"

namespace weir::rows {
namespace {

using nlohmann::json;

weir_addr address(const std::string& text) {
    weir_be32 v4{};
    weir_addr v6{};
    if (inet_pton(AF_INET, text.c_str(), &v4.raw) == 1) return weir_addr_v4(v4);
    if (inet_pton(AF_INET6, text.c_str(), &v6) != 1)
        throw std::runtime_error("not an IP address: " + text);
    return v6;
}

weir_mac mac(const std::string& text) {
    weir_mac mac{};
    unsigned b[6];
    if (std::sscanf(text.c_str(), "%x:%x:%x:%x:%x:%x", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5]) !=
        6)
        throw std::runtime_error("not a MAC: " + text);
    std::copy(b, b + 6, mac.byte);
    return mac;
}

std::uint8_t mode(const std::string& name) {
    if (name == "nat") return WEIR_MODE_NAT;
    if (name == "transparent") return WEIR_MODE_TRANSPARENT;
    if (name == "dsr") return WEIR_MODE_DSR;
    if (name == "ipip") return WEIR_MODE_IPIP;
    if (name == "gue") return WEIR_MODE_GUE;
    throw std::runtime_error("no such mode: " + name);
}

weir_backend backend(const json& from) {
    weir_backend backend{};
    backend.addr = address(from.at("addr"));
    backend.port = weir_be16_from(from.at("port"));
    backend.snat = address(from.at("snat"));
    backend.snat_low = from.at("snat_low");
    backend.snat_high = from.at("snat_high");
    backend.next_hop = mac(from.at("mac"));
    backend.out_port = from.at("out");
    backend.flags = WEIR_BACKEND_USED;
    if (from.at("reachable")) backend.flags |= WEIR_BACKEND_REACHABLE;
    if (from.at("down")) backend.flags |= WEIR_BACKEND_DOWN;
    if (from.at("reset")) backend.flags |= WEIR_BACKEND_RESET;
    if (from.at("checksum")) backend.flags |= WEIR_BACKEND_CHECKSUM;
    backend.mode = mode(from.at("mode"));
    backend.mtu = from.at("mtu");
    backend.link_mtu = from.at("link_mtu");
    backend.mss = from.at("mss");
    backend.tunnel_port = weir_be16_from(from.at("tunnel_port"));
    return backend;
}

weir_interface interface(const json& from) {
    weir_interface interface {};
    if (from.contains("addr4")) interface.addr4 = address(from.at("addr4")).word[3];
    if (from.contains("addr6")) interface.addr6 = address(from.at("addr6"));
    interface.mtu = from.value("mtu", std::uint16_t{0});
    return interface;
}

std::uint8_t method(const std::string& name) {
    if (name == "round_robin") return WEIR_METHOD_ROUND_ROBIN;
    if (name == "ip_hash") return WEIR_METHOD_IP_HASH;
    if (name == "maglev") return WEIR_METHOD_MAGLEV;
    if (name == "maglev_address") return WEIR_METHOD_MAGLEV_ADDRESS;
    throw std::runtime_error("no such method: " + name);
}

std::vector<std::uint16_t> slot_list(const json& from) {
    std::vector<std::uint16_t> slots;
    for (const json& id : from)
        slots.push_back(id.is_null() ? std::uint16_t{WEIR_NO_BACKEND} : id.get<std::uint16_t>());
    return slots;
}

weir_service service(tables::Writer& writer, const json& from) {
    weir_service service{};
    service.addr = address(from.at("addr"));
    service.port = weir_be16_from(from.at("port"));
    service.protocol = from.at("protocol") == "udp" ? WEIR_PROTO_UDP : WEIR_PROTO_TCP;
    service.method = method(from.at("method"));
    service.id = from.at("id");
    service.upstream = from.at("upstream");
    service.idle = weir_span_of_ms(from.at("idle_ms"));
    service.connect = weir_span_of_ms(from.at("connect_ms"));
    service.flags = WEIR_SERVICE_USED;
    if (from.at("draining")) service.flags |= WEIR_SERVICE_DRAINING;
    if (from.at("reset_unknown")) service.flags |= WEIR_SERVICE_RESET_UNKNOWN;
    const auto cid = writer.write_slots(slot_list(from.at("cid")));
    service.cid_base = cid.base;
    service.cid_count = static_cast<std::uint16_t>(cid.count);
    service.cid_offset = from.at("cid_offset");
    service.cid_length = from.at("cid_length");
    if (from.at("stateless")) service.flags |= WEIR_SERVICE_STATELESS;
    if (from.at("peers")) service.flags |= WEIR_SERVICE_PEERS;
    if (from.at("by_port")) service.flags |= WEIR_SERVICE_BY_PORT;
    service.port_low = from.at("ports").at(0);
    service.port_high = from.at("ports").at(1);
    const auto turns = writer.write_slots(slot_list(from.at("turns")));
    const auto slots = writer.write_slots(slot_list(from.at("slots")));
    service.turn_base = turns.base;
    service.turn_count = turns.count;
    service.slot_base = slots.base;
    service.slot_count = slots.count;
    return service;
}

}  // namespace

const char* reason_name(unsigned reason) {
#define WEIR_CASE(name, verdict, text, meaning) \
    case WEIR_REASON_##name:                    \
        return text;
    switch (reason) {
        WEIR_REASONS(WEIR_CASE)
        default:
            return "?";
    }
#undef WEIR_CASE
}

Bytes from_hex(const std::string& hex) {
    Bytes bytes;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
        bytes.push_back(static_cast<std::uint8_t>(std::stoul(hex.substr(i, 2), nullptr, 16)));
    return bytes;
}

std::string to_hex(const Bytes& bytes) {
    constexpr const char* digits = "0123456789abcdef";
    std::string hex;
    for (const std::uint8_t byte : bytes) {
        hex += digits[byte >> 4];
        hex += digits[byte & 15];
    }
    return hex;
}

tables::Geometry geometry_of(const json& row, unsigned workers) {
    tables::Geometry geometry;
    geometry.workers = geometry.flow_sets = workers;
    geometry.services = 64;
    geometry.backends = 64;
    geometry.slot_lines = 256;
    geometry.upstreams = 8;
    geometry.flow_buckets = row.at("flow_buckets");
    geometry.ref_buckets = 2 * geometry.flow_buckets;
    return geometry;
}

void prepare(const tables::View& view, const json& row, const std::vector<std::uint32_t>& ifindexes,
             unsigned workers) {
    tables::initialize(*view.control, geometry_of(row, workers), row.at("seed"));
    view.control->answers = row.at("answers");
    for (const json& from : row.at("ports")) {
        weir_port& port = view.control->ports[from.at("index").get<std::size_t>()];
        const bool vlan = from.contains("parent");
        if (from.value("interface", true))
            port.ifindex = ifindexes.at(from.at(vlan ? "parent" : "index"));
        port.mac = mac(from.at("mac"));
        port.kind = from.at("kind") == "host_link" ? WEIR_PORT_HOST_LINK : WEIR_PORT_NETWORK;
        for (const json& tag : from.value("tags", json::array())) {
            port.tag[port.tags++] = {weir_be16_from(tag.at(0)), weir_be16_from(tag.at(1))};
            port.parent = from.at("parent");
        }
    }
}

void publish(tables::Writer& writer, const json& generation) {
    std::vector<weir_service> services;
    std::vector<weir_backend> backends;

    writer.begin();
    for (const json& from : generation.at("services")) services.push_back(service(writer, from));
    for (const json& from : generation.at("backends")) {
        const std::size_t id = from.at("id");
        if (backends.size() <= id) backends.resize(id + 1);
        backends[id] = backend(from);
    }
    std::vector<weir_interface> interfaces(WEIR_PORT_CAPACITY);
    for (const json& from : generation.value("interfaces", json::array()))
        interfaces.at(from.at("port").get<std::size_t>()) = interface(from);
    writer.set_interfaces(interfaces);
    if (const std::string why = writer.publish(services, backends); !why.empty())
        throw std::runtime_error(why);
}

}  // namespace weir::rows
