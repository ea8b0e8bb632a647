// SPDX-License-Identifier: Apache-2.0
// One RTM_GETROUTE request and the reading of its answer. See route.h.
#include "control/net/route.h"

#include <linux/rtnetlink.h>

#include "control/log/system_error.h"

namespace weir {
namespace {

// RTA_VIA carries a gateway of the other family: IPv4 routes over IPv6 next hops (RFC 5549).
std::optional<IpAddress> gateway(const NetlinkAttributes& attributes) {
    if (auto same_family = attributes.address(RTA_GATEWAY)) return same_family;
    const auto via = attributes.data(RTA_VIA);
    if (via.size() <= sizeof(rtvia)) return std::nullopt;
    return from_bytes(via.subspan(sizeof(rtvia)));
}

std::string refusal(unsigned char type) {
    switch (type) {
        case RTN_BLACKHOLE:
            return "its route is a blackhole";
        case RTN_UNREACHABLE:
            return "its route is of type unreachable";
        case RTN_PROHIBIT:
            return "its route is of type prohibit";
        case RTN_BROADCAST:
            return "it is a broadcast address";
        case RTN_MULTICAST:
            return "it is a multicast address";
        default:
            return "its route is of a type that cannot forward (" + std::to_string(type) + ")";
    }
}

Route read_answer(const nlmsghdr* message, const IpAddress& destination) {
    const auto* info = static_cast<const rtmsg*>(nlmsg_data(message));
    const NetlinkAttributes attributes(message, sizeof *info);
    Route route;
    route.ifindex = static_cast<int>(attributes.number(RTA_OIF));
    route.source = attributes.address(RTA_PREFSRC).value_or(IpAddress{});
    route.via = gateway(attributes).value_or(destination);
    route.mtu = NetlinkAttributes(attributes.find(RTA_METRICS)).number(RTAX_MTU);
    if (info->rtm_type == RTN_LOCAL) {
        route.kind = Route::Kind::local;
    } else if (info->rtm_type == RTN_UNICAST || info->rtm_type == RTN_ANYCAST) {
        route.kind = Route::Kind::direct;
    } else {
        route.reason = refusal(info->rtm_type);
    }
    return route;
}

}  // namespace

Route find_route(Netlink& netlink, const IpAddress& destination) {
    NetlinkRequest request(RTM_GETROUTE, NLM_F_REQUEST);
    rtmsg header{};
    header.rtm_family = static_cast<unsigned char>(family_of(destination));
    header.rtm_dst_len = static_cast<unsigned char>(bits_of(destination));
    request.header(header).attribute(RTA_DST, destination);

    Route route;
    route.reason = "the kernel gave no route";
    const int error = netlink.run(request, [&](const nlmsghdr* message) {
        if (message->nlmsg_type == RTM_NEWROUTE && nlmsg_valid_hdr(message, sizeof(rtmsg))) {
            route = read_answer(message, destination);
        }
    });
    if (error) {
        route.kind = Route::Kind::unreachable;
        route.reason = "no route (" + system_error(error) + ")";
    }
    return route;
}

}  // namespace weir
