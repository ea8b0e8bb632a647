// SPDX-License-Identifier: Apache-2.0
#include "control/config/describe.h"

namespace weir::config {
namespace {

using nlohmann::json;

const char* word(Engine engine) {
    return engine == Engine::dpdk ? "dpdk" : engine == Engine::xdp ? "xdp" : "auto";
}

const char* word(BusyPoll mode) {
    return mode == BusyPoll::on ? "on" : mode == BusyPoll::off ? "off" : "auto";
}

const char* word(Port::Kind kind) {
    return kind == Port::Kind::pci ? "pci" : kind == Port::Kind::vdev ? "vdev" : "interface";
}

const char* word(Method method) {
    switch (method) {
        case Method::ip_hash:
            return "ip_hash";
        case Method::maglev:
            return "maglev";
        default:
            return "round_robin";
    }
}

json dataplane(const Dataplane& settings, const Core& core) {
    json ports = json::array();
    for (const Port& port : settings.ports)
        ports.push_back({{"device", port.device},
                         {"kind", word(port.kind)},
                         {"name", port.name},
                         {"addresses", port.addresses}});
    json snat = json::array();
    for (const IpAddress& address : settings.snat) snat.push_back(address.to_string());
    return {{"engine", word(settings.engine)},
            {"ports", std::move(ports)},
            {"workers", settings.workers != 0 ? settings.workers : core.worker_processes},
            {"busy_poll", word(settings.busy_poll)},
            {"flows", settings.flows},
            {"snat", std::move(snat)},
            {"instance", settings.instance},
            {"local_network", settings.local_network}};
}

json upstream(const Upstream& upstream) {
    json backends = json::array();
    for (const Server& server : upstream.servers)
        for (const IpAddress& address : server.addresses)
            backends.push_back({{"address", address.to_string()},
                                {"port", server.port},
                                {"weight", server.weight},
                                {"down", server.down},
                                {"backup", server.backup}});
    return {{"name", upstream.name},
            {"method", word(upstream.method)},
            {"forward", to_text(upstream.delivery.forward)},
            {"backends", std::move(backends)}};
}

json service(const Service& service, const std::vector<Upstream>& upstreams) {
    return {
        {"address", service.address ? json(service.address->to_string()) : json(nullptr)},
        {"family",
         service.ipv6_wildcard || (service.address && service.address->is_v6()) ? "ipv6" : "ipv4"},
        {"port", service.port},
        {"protocol", service.protocol == Protocol::udp ? "udp" : "tcp"},
        {"upstream", upstreams[service.upstream].name},
        {"proxy_timeout_ms", service.proxy_timeout.count()},
        {"proxy_connect_timeout_ms", service.proxy_connect_timeout.count()}};
}

}  // namespace

json describe(const Model& model) {
    json services = json::array();
    for (const Service& one : model.services) services.push_back(service(one, model.upstreams));
    json upstreams = json::array();
    for (const Upstream& one : model.upstreams) upstreams.push_back(upstream(one));
    return {{"dataplane", dataplane(model.dataplane, model.core)},
            {"services", std::move(services)},
            {"upstreams", std::move(upstreams)}};
}

}  // namespace weir::config
