// SPDX-License-Identifier: Apache-2.0
#include "control/replay/surroundings.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "control/publish/link_names.h"
#include "control/publish/ports.h"
#include "control/publish/routes.h"
#include "control/publish/sizing.h"

namespace weir::replay {
namespace {

// The kernel's default for net.ipv4.ip_local_port_range is 32768 to 60999.
constexpr publish::PortRange source_ports{WEIR_LEAST_SOURCE_PORT, 32767};

constexpr MacAddress host_mac{0x02, 0x77, 0x65, 0x69, 0x72, 0x00};       // "weir"
constexpr MacAddress dataplane_mac{0x02, 0x77, 0x65, 0x69, 0x72, 0x01};  // as under DPDK

MacAddress invented_mac(std::size_t number) {
    return {0x02,
            0x1e,
            0x0e,
            0x1e,
            static_cast<std::uint8_t>(number >> 8),
            static_cast<std::uint8_t>(number)};
}

bool contains(const Network& network, const IpAddress& address) {
    if (network.address.is_v4() != address.is_v4()) return false;
    const std::string base = to_bytes(network.address);
    const std::string other = to_bytes(address);
    for (unsigned bit = 0; bit < network.prefix; bit++) {
        const auto difference = static_cast<unsigned char>(base[bit / 8] ^ other[bit / 8]);
        if (difference & (0x80u >> bit % 8)) return false;
    }
    return true;
}

}  // namespace

Status add_neighbor(Given& given, const std::string& text) {
    const std::size_t equals = text.find('=');
    boost::system::error_code code;
    const auto address = boost::asio::ip::make_address(text.substr(0, equals), code);
    if (code || equals == std::string::npos)
        return Error{"\"" + text +
                     "\" is no neighbor such as 10.0.0.21=02:00:00:00:00:15, or "
                     "127.0.0.1=local"};
    const std::string value = text.substr(equals + 1);
    if (value == "local") {
        given.neighbors[address] = std::nullopt;
        return success();
    }
    const auto mac = parse_mac(value);
    if (!mac) return Error{"neighbor " + address.to_string() + ": " + mac.error()};
    given.neighbors[address] = *mac;
    return success();
}

Result<Surroundings> Surroundings::make(const config::Model& model, const Given& given,
                                        const Seen& seen) {
    Surroundings made;
    made.snat_ = model.dataplane.snat;
    const auto networks =
        link_networks(model.dataplane.local_network, model.dataplane.local_network6);
    if (!networks) return Error{networks.error()};
    made.link_.addresses = networks->v4;
    made.link_.addresses6 = networks->v6;
    made.link_.host.name = publish::link_names(model.dataplane.instance).host;
    made.link_.host.mac = host_mac;
    made.link_.dataplane.mac = dataplane_mac;
    auto placed = place_ports(model.dataplane.ports, given.ports, seen, made.notes_);
    if (!placed) return Error{placed.error()};
    made.ports_ = std::move(placed->ports);
    made.networks_ = std::move(placed->addresses);
    for (const config::Upstream& upstream : model.upstreams)
        for (const config::Server& server : upstream.servers)
            for (const IpAddress& address : server.addresses)
                if (!made.hops_.contains(address)) made.add_hop(address, given, seen);
    if (!made.invented_.empty())
        made.notes_.push_back(fmt::format(
            "MACs are invented for {}; --neighbor ADDRESS=MAC gives one", listed(made.invented_)));
    return made;
}

std::vector<IpAddress> Surroundings::addresses() const {
    std::vector<IpAddress> all;
    for (const auto& networks : networks_)
        for (const Network& network : networks) all.push_back(network.address);
    return all;
}

std::vector<weir_interface> Surroundings::interfaces() const {
    std::vector<weir_interface> all{publish::interface_of(link_)};
    for (const auto& networks : networks_) all.push_back(publish::interface_of(networks, 0));
    return all;
}

// The port that a backend is behind: by its network, else where the capture shows it, else the
// first one that has an address.
std::size_t Surroundings::place_of(const IpAddress& backend, const Seen& seen) const {
    std::size_t place = 0;
    unsigned longest = 0;
    while (place + 1 < networks_.size() && networks_[place].empty()) place++;
    if (const auto behind = seen.behind.find(backend); behind != seen.behind.end()) {
        const auto port = std::ranges::find(ports_, behind->second, door_of);
        if (port != ports_.end()) place = static_cast<std::size_t>(port - ports_.begin());
    }
    for (std::size_t i = 0; i < networks_.size(); i++)
        for (const Network& network : networks_[i])
            if (network.prefix > longest && network.prefix < bits_of(backend) &&
                contains(network, backend)) {
                longest = network.prefix;
                place = i;
            }
    return place;
}

void Surroundings::add_hop(const IpAddress& backend, const Given& given, const Seen& seen) {
    NextHop& hop = hops_[backend];
    const auto own = addresses();
    const auto named = given.neighbors.find(backend);
    if (named != given.neighbors.end()
            ? !named->second
            : backend.is_loopback() || std::ranges::find(own, backend) != own.end()) {
        hop.kind = NextHop::Kind::local;
        return;
    }
    const std::size_t place = place_of(backend, seen);
    hop.kind = NextHop::Kind::direct;
    hop.ifindex = ports_[place].ifindex;
    hop.via = backend;
    for (const Network& network : networks_[place])
        if (hop.source.is_unspecified() || contains(network, backend))
            if (network.address.is_v4() == backend.is_v4()) hop.source = network.address;
    if (named != given.neighbors.end()) {
        hop.mac = *named->second;
    } else if (const auto shown = seen.neighbors.find(backend); shown != seen.neighbors.end()) {
        hop.mac = shown->second;
    } else if (given.strict) {
        hop.kind = NextHop::Kind::unresolved;
        hop.reason = fmt::format("the MAC of {} is not known; --neighbor {}=MAC gives it",
                                 backend.to_string(), backend.to_string());
    } else {
        hop.mac = invented_mac(hops_.size());
        invented_.push_back(backend);
    }
}

publish::Route Surroundings::to(const IpAddress& backend, std::uint16_t id) const {
    return publish::route_over(hops_.at(backend), backend, ports_, link_, snat_, source_ports, id);
}

tables::Geometry geometry_of(const config::Model& model) {
    auto geometry = tables::Geometry::for_flows(model.dataplane.flows, 1, 1);
    publish::make_room(geometry, publish::needs_of(model, {}));
    return geometry;
}

Result<std::unique_ptr<publish::Balancer>> fill_tables(
    const tables::View& view, const tables::Geometry& geometry, const config::Model& model,
    const Surroundings& surroundings, const std::vector<std::uint32_t>& ifindexes) {
    constexpr std::uint64_t seed = 0;  // the same choices each time; nobody attacks a replay
    tables::initialize(*view.control, geometry, seed);
    publish::write_ports(*view.control, surroundings.host_link(), 0, surroundings.ports());
    for (unsigned i = 0; i < WEIR_PORT_CAPACITY; i++)
        if (view.control->ports[i].kind != WEIR_PORT_NONE)
            view.control->ports[i].ifindex = ifindexes.at(wire_of(*view.control, i));

    // No packet is being processed while this publishes.
    auto balancer = std::make_unique<publish::Balancer>(view, [](std::uint64_t) {});
    balancer->directory().ports =
        publish::describe_ports(surroundings.host_link(), surroundings.ports());
    balancer->note_interfaces(surroundings.interfaces());
    if (const auto status = balancer->configure(model, surroundings.addresses()); !status)
        return Error{status.error()};
    const auto published =
        balancer->publish([&surroundings](const IpAddress& backend, std::uint16_t id) {
            return surroundings.to(backend, id);
        });
    if (!published) return Error{published.error()};
    return balancer;
}

}  // namespace weir::replay
