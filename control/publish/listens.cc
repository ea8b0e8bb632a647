// SPDX-License-Identifier: Apache-2.0
#include "control/publish/listens.h"

#include "control/publish/icmp_peers.h"

namespace weir::publish {

using config::IpAddress;

std::vector<ListenTuple> listens_of(const config::Model& configured) {
    const config::Model model = publish::with_icmp_peers(configured);
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

}  // namespace weir::publish
