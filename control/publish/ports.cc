// SPDX-License-Identifier: Apache-2.0
#include "control/publish/ports.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "control/net/dpdk_driver.h"
#include "control/net/ethtool.h"
#include "control/publish/convert.h"
#include "control/publish/vlan_ports.h"

namespace weir::publish {
namespace {

std::string where(const config::Source& source) {
    return source.file.empty() ? "" : fmt::format(" in {}:{}", source.file, source.line);
}

// AF_PACKET gets tags beside the frame, and DPDK puts them back; XDP would take the frame for an
// untagged one, and answer without a tag.
Status tags_are_seen(const std::vector<Port>& ports) {
    for (const Port& port : ports) {
        if (!port.is_vlan()) continue;
        const config::Port& parent = ports[port.parent].configured;
        if (parent.driver == config::Port::Driver::af_packet) continue;
        const auto hidden = takes_tags_off(parent.device);
        if (hidden && *hidden)
            return Error{fmt::format(
                "port \"{}\" is a VLAN of {}, which takes tags off before XDP sees them; "
                "turn that off: ethtool -K {} rxvlan off",
                port.configured.device, parent.device, parent.device)};
    }
    return success();
}

Result<std::vector<Port>> complete(std::vector<Port> ports, const NetworkView& network) {
    auto all = with_vlans(std::move(ports), network.links());
    if (!all) return all;
    if (const auto status = tags_are_seen(*all); !status) return Error{status.error()};
    return all;
}

}  // namespace

Result<std::vector<Port>> choose_ports(const config::Dataplane& dataplane,
                                       const NetworkView& network) {
    std::vector<Port> ports;
    for (const config::Port& configured : dataplane.ports) {
        Port port;
        port.configured = configured;
        if (configured.kind == config::Port::Kind::interface) {
            const Link* link = network.link(configured.device);
            if (!link)
                return Error{fmt::format("no interface \"{}\" for \"port\"{}", configured.device,
                                         where(configured.source))};
            if (!link->up)
                return Error{fmt::format("interface \"{}\" is down; bring it up first{}",
                                         configured.device, where(configured.source))};
            if (!link->ethernet)
                return Error{fmt::format("interface \"{}\" is no Ethernet interface{}",
                                         configured.device, where(configured.source))};
            port.ifindex = link->index;
            port.mac = link->mac;
        }
        ports.push_back(std::move(port));
    }
    if (!ports.empty() || !dataplane.ports.empty()) return complete(std::move(ports), network);

    for (const Link& link : default_ports(network.links(), network.addresses())) {
        Port port;
        port.configured.device = port.configured.name = link.name;
        port.ifindex = link.index;
        port.mac = link.mac;
        ports.push_back(std::move(port));
    }
    if (ports.empty())
        return Error{
            "no Ethernet interface is up and has an address; name one with `port` in "
            "dataplane {}"};
    if (ports.size() >= WEIR_PORT_CAPACITY)
        return Error{
            fmt::format("{} interfaces could be balancer ports, {} is the limit; name those "
                        "to use with `port` in dataplane {{}}",
                        ports.size(), WEIR_PORT_CAPACITY - 1)};
    return complete(std::move(ports), network);
}

Result<EngineChoice> choose_engine(const config::Dataplane& dataplane,
                                   const std::vector<Port>& ports) {
    const auto kernel_only = std::ranges::find_if(ports, [](const Port& port) {
        return port.configured.kind == config::Port::Kind::interface;
    });
    if (dataplane.engine == config::Engine::dpdk)
        return EngineChoice{config::Engine::dpdk, "the configuration says so"};
    if (dataplane.engine == config::Engine::xdp) {
        for (const Port& port : ports)
            if (port.configured.kind != config::Port::Kind::interface)
                return Error{
                    fmt::format("engine xdp cannot use port \"{}\": it is no kernel interface{}",
                                port.configured.device, where(port.configured.source))};
        return EngineChoice{config::Engine::xdp, "the configuration says so"};
    }
    if (kernel_only == ports.end())
        return EngineChoice{config::Engine::dpdk, "every port is a DPDK device"};
    for (const Port& port : ports) {
        if (port.is_vlan()) continue;
        if (port.configured.kind != config::Port::Kind::interface) {
            return EngineChoice{config::Engine::dpdk,
                                fmt::format("port {} is a DPDK device", port.configured.device)};
        }
        const DpdkDriver driver = dpdk_driver(port.configured.device);
        if (!driver.driver)
            return EngineChoice{config::Engine::xdp,
                                fmt::format("{}: {}", port.configured.device, driver.reason)};
    }
    return EngineChoice{config::Engine::dpdk, "every port has a DPDK driver"};
}

namespace {

bool is_v4_or_global(const InterfaceAddress& address) {
    return address.network.address.is_v4() || (address.global && address.usable);
}

}  // namespace

weir_interface interface_of(std::vector<Network> networks, unsigned mtu) {
    // An address without a network was put there for a service, not for the interface.
    std::ranges::stable_partition(networks, [](const Network& one) {
        return one.prefix < (one.address.is_v4() ? 32u : 128u);
    });
    weir_interface interface {};
    const auto first = [&](bool v4) {
        return std::ranges::find(networks, v4,
                                 [](const Network& one) { return one.address.is_v4(); });
    };
    if (const auto v4 = first(true); v4 != networks.end())
        interface.addr4 = to_addr(v4->address).word[3];
    if (const auto v6 = first(false); v6 != networks.end()) interface.addr6 = to_addr(v6->address);
    interface.mtu = static_cast<std::uint16_t>(std::min(mtu, 65535u));
    return interface;
}

weir_interface interface_of(const HostLink& link) {
    std::vector<Network> networks{link.addresses.dataplane};
    if (link.addresses6) networks.push_back(link.addresses6->dataplane);
    return interface_of(std::move(networks), link.host.mtu);
}

std::vector<IpAddress> port_addresses(const std::vector<Port>& ports, const NetworkView& network) {
    std::vector<IpAddress> addresses;
    for (const Port& port : ports)
        for (const InterfaceAddress& address : network.addresses_of(port.ifindex))
            if (is_v4_or_global(address)) addresses.push_back(address.network.address);
    return addresses;
}

std::vector<IpAddress> addresses_to_be(const std::vector<Port>& ports, const NetworkView& network) {
    std::vector<IpAddress> addresses = port_addresses(ports, network);
    for (const Port& port : ports)
        for (const std::string& text : port.configured.addresses)
            if (const auto parsed = parse_network(text)) addresses.push_back(parsed->address);
    return addresses;
}

std::vector<weir_interface> port_interfaces(const HostLink& link, const std::vector<Port>& ports,
                                            const NetworkView& network) {
    std::vector<weir_interface> interfaces{interface_of(link)};
    for (const Port& port : ports) {
        std::vector<Network> networks;
        for (const InterfaceAddress& address : network.addresses_of(port.ifindex))
            if (is_v4_or_global(address)) networks.push_back(address.network);
        const Link* own = port.ifindex != 0 ? network.link(port.ifindex) : nullptr;
        interfaces.push_back(interface_of(std::move(networks), own ? own->mtu : 0));
    }
    return interfaces;
}

namespace {

weir_port record_of(const Port& port, const std::vector<Port>& ports) {
    weir_port record{};
    record.ifindex = static_cast<std::uint32_t>(port.ifindex);
    record.mac = to_mac(port.mac);
    record.kind = WEIR_PORT_NETWORK;
    record.flags = port.flags;
    if (!port.is_vlan()) return record;
    const Port& parent = ports[port.parent];
    record.ifindex = static_cast<std::uint32_t>(parent.ifindex);
    record.flags = parent.flags;
    record.parent = static_cast<std::uint8_t>(port.parent + 1);
    record.tags = static_cast<std::uint8_t>(port.tags.size());
    std::ranges::copy(port.tags, record.tag);
    return record;
}

}  // namespace

void write_ports(weir_control& control, const HostLink& link, int link_ifindex,
                 const std::vector<Port>& ports) {
    weir_port host{};
    host.ifindex = static_cast<std::uint32_t>(link_ifindex);
    host.mac = to_mac(link.dataplane.mac);
    host.kind = WEIR_PORT_HOST_LINK;
    control.ports[0] = host;
    for (std::size_t i = 1; i < WEIR_PORT_CAPACITY; i++) {
        weir_port record{};
        if (i <= ports.size()) record = record_of(ports[i - 1], ports);
        // Packets pass meanwhile: what stays is not touched.
        if (std::memcmp(&record, &control.ports[i], sizeof(record)) != 0) control.ports[i] = record;
    }
}

std::vector<PortInfo> describe_ports(const HostLink& link, const std::vector<Port>& ports) {
    std::vector<PortInfo> infos{{0, link.host.name, "host link",
                                 weir::to_string(link.dataplane.mac), link.host.kind, "exclusive"}};
    for (const Port& port : ports)
        infos.push_back({static_cast<unsigned>(infos.size()), port.configured.name, "network",
                         weir::to_string(port.mac), port.driver, port.mode});
    return infos;
}

}  // namespace weir::publish
