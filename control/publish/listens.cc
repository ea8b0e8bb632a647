// SPDX-License-Identifier: Apache-2.0
#include "control/publish/listens.h"

#include <algorithm>

#include "control/publish/convert.h"
#include "control/publish/icmp_peers.h"

namespace weir::publish {

using config::IpAddress;

std::vector<ListenTuple> listens_of(const config::Model& configured) {
    const config::Model model = with_icmp_peers(configured);
    std::vector<ListenTuple> wildcards;
    std::vector<ListenTuple> own;
    for (const config::Service& service : model.services) {
        const IpAddress any = service.ipv6_wildcard ? IpAddress(boost::asio::ip::address_v6::any())
                                                    : IpAddress(boost::asio::ip::address_v4::any());
        (service.address ? own : wildcards)
            .push_back({service.protocol, service.address.value_or(any), service.port,
                        service.is_range() ? service.last_port : service.port});
    }
    std::vector<ListenTuple> tuples = wildcards;
    for (const ListenTuple& tuple : own)
        for (const ListenTuple& rest : without(tuple, wildcards)) tuples.push_back(rest);
    return tuples;
}

std::vector<IpAddress> addresses_of(const config::Model& model, const config::Service& service,
                                    const std::vector<IpAddress>& wildcard) {
    std::vector<IpAddress> addresses;
    if (service.address)
        addresses = {*service.address};
    else
        std::ranges::copy_if(
            wildcard, std::back_inserter(addresses),
            [&](const IpAddress& address) { return address.is_v6() == service.ipv6_wildcard; });
    // Where the packet program looks for them (peers.h).
    if (model.upstreams[service.upstream].delivery.to_peer)
        addresses.emplace_back(boost::asio::ip::address_v6::any());
    return addresses;
}

weir_service service_at(const config::Service& service, const IpAddress& address) {
    weir_service record{};
    record.addr = to_addr(address);
    record.protocol = static_cast<std::uint8_t>(service.protocol);
    if (service.is_range()) {
        record.port_low = service.port;
        record.port_high = service.last_port;
    } else {
        record.port = weir_be16_from(service.port);
    }
    return record;
}

}  // namespace weir::publish
