// SPDX-License-Identifier: Apache-2.0
// Makes and configures the link to the host's own stack. See host_link.h.
#include "control/net/host_link.h"

#include "control/log/system_error.h"
#include "control/net/ethtool.h"

namespace weir {
namespace {

Error stranger(const std::string& name, const std::string& other) {
    return Error{"interface \"" + name + "\" exists and is not paired with \"" + other +
                 "\": remove it (ip link delete " + name +
                 ") or choose another name by \"instance\" in the dataplane block"};
}

// An existing pair is taken over as it is: its MACs stay, so that established flows do too.
Status ensure_pair(Netlink& netlink, const std::string& host_name,
                   const std::string& dataplane_name) {
    Result<Link> host = find_link(netlink, host_name);
    Result<Link> dataplane = find_link(netlink, dataplane_name);
    if (!host && !dataplane) return create_veth(netlink, host_name, dataplane_name);
    if (!host) return stranger(dataplane_name, host_name);
    const bool paired = dataplane && host->kind == "veth" && dataplane->kind == "veth" &&
                        host->peer == dataplane->index && dataplane->peer == host->index;
    return paired ? success() : stranger(host_name, dataplane_name);
}

Status disable_ipv6(const Link& link) {
    return set_sysctl("ipv6", link.name, "disable_ipv6", "1");
}

// Packets come from the dataplane's address, or from a client's when it is kept: neither strict
// reverse-path filtering nor the ban on 127/8 may drop them. The kernel takes the greater of `all`
// and the interface's value, so 0 works only where `all` is 0; 2 (loose) is the least strict that
// is left.
Status open_filters(const Link& link) {
    Result<std::string> all = read_sysctl("ipv4", "all", "rp_filter");
    if (!all) return Error{all.error()};
    const std::string value = *all == "0" ? "0" : "2";
    if (Status status = set_sysctl("ipv4", link.name, "rp_filter", value); !status) return status;
    return set_sysctl("ipv4", link.name, "route_localnet", "1");
}

// Frames enter the packet path as they would leave a NIC: with checksums in place and no longer
// than the MTU.
Status plain_frames(const Link& link) {
    for (const Offload offload : {Offload::tx_checksum, Offload::tso, Offload::gso}) {
        if (Status status = set_offload(link.name, offload, false); !status) return status;
    }
    return success();
}

// IPv6 with weir's own addresses only: no link-local one, none by autoconfiguration, and no
// duplicate detection, which nobody would answer. False: the kernel has no IPv6, or it is off.
Result<bool> prepare_ipv6(const Link& link) {
    const Result<std::string> off = read_sysctl("ipv6", "all", "disable_ipv6");
    if (!off || *off != "0") return false;
    for (const auto& [key, value] :
         {std::pair{"addr_gen_mode", "1"}, std::pair{"accept_ra", "0"}, std::pair{"autoconf", "0"},
          std::pair{"accept_dad", "0"}, std::pair{"disable_ipv6", "0"}})
        if (Status status = set_sysctl("ipv6", link.name, key, value); !status)
            return Error{status.error()};
    return true;
}

Status join(Netlink& netlink, const Link& host, const LinkAddresses& addresses,
            const MacAddress& dataplane_mac) {
    if (Status status = add_undoubted_address(netlink, host, addresses.host); !status)
        return status;
    return set_permanent_neighbour(netlink, host, addresses.dataplane.address, dataplane_mac);
}

// The host's end; true: with IPv6.
Result<bool> configure(Netlink& netlink, const Link& host, const LinkNetworks& networks,
                       const MacAddress& dataplane_mac) {
    const Result<bool> with_ipv6 = prepare_ipv6(host);
    if (!with_ipv6) return with_ipv6;
    Status status = open_filters(host);
    if (status) status = plain_frames(host);
    if (status) status = set_up(netlink, host, true);
    if (status) status = join(netlink, host, networks.v4, dataplane_mac);
    if (status && *with_ipv6) status = join(netlink, host, networks.v6, dataplane_mac);
    if (!status) return Error{status.error()};
    return with_ipv6;
}

HostLink made(const Link& host, const Link& dataplane, const LinkNetworks& networks,
              bool with_ipv6) {
    HostLink link{host, dataplane, networks.v4, std::nullopt};
    if (with_ipv6) link.addresses6 = networks.v6;
    return link;
}

Result<HostLink> configure_pair(Netlink& netlink, const std::string& host_name,
                                const std::string& dataplane_name, const LinkNetworks& networks) {
    Result<Link> host = find_link(netlink, host_name);
    if (!host) return Error{host.error()};
    Result<Link> dataplane = find_link(netlink, dataplane_name);
    if (!dataplane) return Error{dataplane.error()};
    if (Status status = disable_ipv6(*dataplane); !status) return Error{status.error()};
    // GRO makes veth run NAPI on this end, without which redirected frames are dropped (5.15
    // to 6.x).
    if (Status status = set_offload(host_name, Offload::gro, true); !status) {
        return Error{status.error()};
    }
    const Result<bool> with_ipv6 = configure(netlink, *host, networks, dataplane->mac);
    if (!with_ipv6) return Error{with_ipv6.error()};
    if (Status status = set_up(netlink, *dataplane, true); !status) return Error{status.error()};
    host = find_link(netlink, host_name);
    if (!host) return Error{host.error()};
    dataplane = find_link(netlink, dataplane_name);
    if (!dataplane) return Error{dataplane.error()};
    return made(*host, *dataplane, networks, *with_ipv6);
}

}  // namespace

Result<LinkNetworks> link_networks(const std::string& network, const std::string& network6) {
    auto v4 = link_addresses(network);
    if (!v4) return Error{v4.error()};
    auto v6 = link_addresses(network6);
    if (!v6) return Error{v6.error()};
    return LinkNetworks{*v4, *v6};
}

Result<HostLink> create_host_link(Netlink& netlink, const std::string& host_name,
                                  const std::string& dataplane_name, const LinkNetworks& networks) {
    const bool existed = link_exists(netlink, host_name) || link_exists(netlink, dataplane_name);
    if (Status status = ensure_pair(netlink, host_name, dataplane_name); !status) {
        return Error{status.error()};
    }
    Result<HostLink> link = configure_pair(netlink, host_name, dataplane_name, networks);
    // A pair that could not be configured is of no use: the machine is left as it was.
    if (!link && !existed) {
        if (Status removed = remove_link(netlink, host_name); !removed) {
            return Error{link.error() + "; and " + removed.error()};
        }
    }
    return link;
}

Result<HostLink> configure_host_link(Netlink& netlink, const std::string& name,
                                     const LinkNetworks& networks,
                                     const MacAddress& dataplane_mac) {
    Result<Link> host = find_link(netlink, name);
    if (!host) return Error{host.error()};
    const Result<bool> with_ipv6 = configure(netlink, *host, networks, dataplane_mac);
    if (!with_ipv6) return Error{with_ipv6.error()};
    host = find_link(netlink, name);
    if (!host) return Error{host.error()};
    Link dataplane;
    dataplane.mac = dataplane_mac;
    return made(*host, dataplane, networks, *with_ipv6);
}

Status remove_host_link(Netlink& netlink, const std::string& host_name) {
    return remove_link(netlink, host_name);
}

}  // namespace weir
