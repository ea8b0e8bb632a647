// SPDX-License-Identifier: Apache-2.0
#include "control/publish/icmp_peers.h"

#include "bpf/shared/tables.h"

namespace weir::publish {

config::Model with_icmp_peers(config::Model model) {
    if (model.dataplane.icmp_peers.empty()) return model;
    config::Upstream upstream;
    upstream.name = "icmp_peers";
    upstream.key = "dataplane{}/icmp_peers";
    upstream.delivery.forward = config::Forward::gue;
    upstream.delivery.tunnel_port = WEIR_PEER_PORT;
    upstream.delivery.mss_clamp = false;
    upstream.delivery.to_peer = true;
    upstream.stateless = true;
    bool families[2] = {false, false};
    for (const config::IpAddress& address : model.dataplane.icmp_peers) {
        config::Server server;
        server.name = address.to_string();
        server.addresses = {address};
        server.port = WEIR_PEER_PORT;
        upstream.servers.push_back(server);
        families[address.is_v6()] = true;
    }
    for (const bool v6 : {false, true}) {
        if (!families[v6]) continue;
        config::Service service;
        service.ipv6_wildcard = v6;
        service.port = WEIR_PEER_PORT;
        service.protocol = config::Protocol::udp;
        service.upstream = model.upstreams.size();
        model.services.push_back(service);
    }
    model.upstreams.push_back(std::move(upstream));
    return model;
}

}  // namespace weir::publish
