// SPDX-License-Identifier: Apache-2.0
#include "control/replay/ports.h"

#include <fmt/format.h>

#include <algorithm>

#include "bpf/shared/wire.h"
#include "control/config/values.h"
#include "control/publish/vlan_ports.h"

namespace weir::replay {
namespace {

// A port of the configuration, by the name that people know it by.
struct Known {
    std::string name;
    VlanTags tags;       // empty: no VLAN
    std::string parent;  // the name of its parent
};

// IEEE 802.1ad: the outer one of two is a service tag.
VlanTags tags_of(const std::vector<std::uint16_t>& ids) {
    VlanTags tags;
    for (const std::uint16_t id : ids) tags.push_back({WEIR_ETH_VLAN, id});
    if (tags.size() == 2) tags[0].protocol = WEIR_ETH_QINQ;
    return tags;
}

std::string text_of(const VlanTags& tags) {
    std::string text;
    for (const VlanTag& tag : tags) text += (text.empty() ? "" : ".") + std::to_string(tag.id);
    return text;
}

// eth0.10 is VLAN 10 of eth0, if eth0 is a port too, as it mostly is where the kernel has made it.
void read_name(Known& port, const std::vector<std::string>& names) {
    for (const std::string& name : names) {
        if (!port.name.starts_with(name + ".")) continue;
        port.tags = tags_of(config::parse_vlans(port.name.substr(name.size() + 1)));
        port.parent = port.tags.empty() ? "" : name;
        if (!port.tags.empty()) return;
    }
}

std::vector<Known> known_ports(const std::vector<config::Port>& configured) {
    std::vector<Known> known;
    std::vector<std::string> names;
    for (const config::Port& port : configured) names.push_back(port.name);
    for (const config::Port& port : configured) {
        known.push_back({port.name, tags_of(port.vlans), port.parent});
        if (port.vlans.empty()) read_name(known.back(), names);
        const auto parent = std::ranges::find(configured, port.parent, &config::Port::device);
        if (parent != configured.end()) known.back().parent = parent->name;
    }
    return known;
}

bool has_port(const std::vector<PortOption>& options, const std::string& name) {
    return std::ranges::find(options, name, &PortOption::name) != options.end();
}

// The wire whose frames have this MAC: what its VLANs are VLANs of, else the next one configured.
std::string name_of_wire(const MacAddress& mac, const Seen& seen, const std::vector<Known>& known,
                         const std::vector<PortOption>& options) {
    for (const Seen::Side& side : seen.sides)
        for (const Known& port : known)
            if (side.door == Door{mac, port.tags} && !port.tags.empty() &&
                !has_port(options, port.parent))
                return port.parent;
    for (const Known& port : known)
        if (port.tags.empty() && !has_port(options, port.name)) return port.name;
    return fmt::format("port{}",
                       1 + std::ranges::count(options, std::string{}, &PortOption::parent));
}

std::vector<Network> hosts(const std::vector<IpAddress>& addresses) {
    std::vector<Network> networks;
    for (const IpAddress& address : addresses) networks.push_back({address, bits_of(address)});
    return networks;
}

std::vector<PortOption> shown(const Seen& seen, const std::vector<Known>& known,
                              std::vector<std::string>& notes) {
    std::vector<PortOption> options;
    for (const Seen::Side& side : seen.sides) {
        const MacAddress& mac = side.door.mac;
        const auto same = std::ranges::find_if(options, [&](const PortOption& option) {
            return option.mac == mac && option.tags.empty();
        });
        const std::string wire =
            same == options.end() ? name_of_wire(mac, seen, known, options) : same->name;
        if (same == options.end()) options.push_back({wire, {}, mac, {}, ""});
        const VlanTags& tags = side.door.tags;
        const std::string what = listed(side.addresses) + ", " + weir::to_string(mac);
        if (tags.empty()) {
            std::ranges::find(options, wire, &PortOption::name)->addresses = hosts(side.addresses);
            notes.push_back(fmt::format("port {} is taken from the capture: {}", wire, what));
            continue;
        }
        const auto vlan = std::ranges::find_if(
            known, [&](const Known& port) { return port.tags == tags && port.parent == wire; });
        if (vlan == known.end() && !known.empty()) {
            notes.push_back(
                fmt::format("packets for {} are tagged for VLAN {}, which is no port of the "
                            "configuration; --port NAME={}/LENGTH,vlan={},parent={} makes it one",
                            listed(side.addresses), text_of(tags), side.addresses[0].to_string(),
                            text_of(tags), wire));
            continue;
        }
        const std::string name = known.empty() ? wire + "." + text_of(tags) : vlan->name;
        notes.push_back(fmt::format("port {} is taken from the capture: {}, VLAN {} of {}", name,
                                    what, text_of(tags), wire));
        options.push_back({name, hosts(side.addresses), mac, tags, wire});
    }
    return options;
}

// The VLANs among ports that are given, and the parents that are not.
void add_vlans(std::vector<PortOption>& options, const std::vector<Known>& known) {
    std::vector<std::string> names;
    for (const Known& port : known) names.push_back(port.name);
    for (const PortOption& option : options) names.push_back(option.name);
    for (PortOption& option : options) {
        if (!option.tags.empty()) continue;
        Known port{option.name, {}, ""};
        const auto found = std::ranges::find(known, option.name, &Known::name);
        if (found != known.end())
            port = *found;
        else
            read_name(port, names);
        option.tags = port.tags;
        option.parent = port.parent;
    }
    std::vector<PortOption> parents;
    for (const PortOption& option : options)
        if (!option.tags.empty() && !has_port(options, option.parent) &&
            !has_port(parents, option.parent))
            parents.push_back({option.parent, {}, std::nullopt, {}, ""});
    options.insert(options.begin(), parents.begin(), parents.end());
}

// From the capture, by an address; or as VLANs and their parent have the same one.
void find_macs(std::vector<PortOption>& options, const Seen& seen) {
    for (PortOption& option : options)
        for (const Seen::Side& side : seen.sides)
            for (const IpAddress& address : side.addresses)
                if (!option.mac && std::ranges::find(option.addresses, address,
                                                     &Network::address) != option.addresses.end())
                    option.mac = side.door.mac;
    for (const bool vlans : {false, true})
        for (PortOption& option : options)
            for (const PortOption& other : options)
                if (!option.mac && option.tags.empty() != vlans &&
                    (vlans ? other.name == option.parent : other.parent == option.name))
                    option.mac = other.mac;
    if (!options[0].mac && options.size() == 1 && seen.sides.size() == 1)
        options[0].mac = seen.sides[0].door.mac;
}

// VLANs as the kernel would show them: a device for each tag above the one that it is of.
std::vector<Link> links_of(const std::vector<PortOption>& options) {
    std::vector<Link> links;
    for (std::size_t i = 0; i < options.size(); i++) {
        Link link;
        link.index = static_cast<int>(i) + 1;
        link.name = options[i].name;
        links.push_back(link);
    }
    const auto tag = [](Link& link, const VlanTag& with, int below) {
        link.vlan_id = with.id;
        link.vlan_protocol = with.protocol;
        link.peer = below;
    };
    for (std::size_t i = 0; i < options.size(); i++) {
        const VlanTags& tags = options[i].tags;
        if (tags.empty()) continue;
        int below = std::ranges::find(links, options[i].parent, &Link::name)->index;
        if (tags.size() > 1) {
            Link between;
            between.index = static_cast<int>(links.size()) + 1;
            tag(between, tags.front(), below);
            below = between.index;
            links.push_back(between);
        }
        tag(links[i], tags.back(), below);
    }
    return links;
}

}  // namespace

Result<PortOption> parse_port(const std::string& text) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0)
        return Error{"\"" + text +
                     "\" is no port such as eth0=10.0.0.10/24,02:00:00:00:00:01 "
                     "(NAME=ADDRESS/LENGTH[,ADDRESS/LENGTH...][,MAC][,vlan=ID,parent=NAME])"};
    PortOption port;
    port.name = text.substr(0, equals);
    for (std::size_t begin = equals + 1; begin <= text.size();) {
        const std::size_t comma = std::min(text.find(',', begin), text.size());
        const std::string part = text.substr(begin, comma - begin);
        begin = comma + 1;
        if (part.starts_with("vlan=")) {
            port.tags = tags_of(config::parse_vlans(part.substr(5)));
            if (port.tags.empty())
                return Error{"port " + port.name + ": \"" + part +
                             "\" is not vlan=ID or vlan=OUTER.INNER, each 1 to 4094"};
        } else if (part.starts_with("parent=")) {
            port.parent = part.substr(7);
        } else if (part.find('/') == std::string::npos) {
            const auto mac = parse_mac(part);
            if (!mac) return Error{"port " + port.name + ": " + mac.error()};
            port.mac = *mac;
        } else {
            const auto network = parse_network(part);
            if (!network) return Error{"port " + port.name + ": " + network.error()};
            port.addresses.push_back(*network);
        }
    }
    if (port.addresses.empty())
        return Error{"port " + port.name + " has no address: NAME=ADDRESS/LENGTH[,MAC]"};
    if (port.tags.empty() != port.parent.empty())
        return Error{"port " + port.name + " needs both vlan= and parent="};
    return port;
}

Result<PlacedPorts> place_ports(const std::vector<config::Port>& configured,
                                std::vector<PortOption> options, const Seen& seen,
                                std::vector<std::string>& notes) {
    const std::vector<Known> known = known_ports(configured);
    if (options.empty())
        options = shown(seen, known, notes);
    else
        add_vlans(options, known);
    if (options.empty())
        return Error{
            "no packet of the capture is for a service of the configuration, so the balancer's "
            "port is not known; name it with --port NAME=ADDRESS/LENGTH,MAC"};
    if (options.size() >= WEIR_PORT_CAPACITY)
        return Error{
            fmt::format("{} ports, {} is the limit", options.size(), WEIR_PORT_CAPACITY - 1)};
    find_macs(options, seen);
    std::vector<publish::Port> ports;
    for (const PortOption& option : options) {
        if (!option.mac)
            return Error{fmt::format(
                "the MAC of port {} is not known: the capture has no packet for a service at its "
                "address; add it to --port {}=...,MAC",
                option.name, option.name)};
        publish::Port port;
        port.configured.name = port.configured.device = option.name;
        port.ifindex = static_cast<int>(ports.size()) + 1;
        port.mac = *option.mac;
        ports.push_back(std::move(port));
    }
    auto placed = publish::with_vlans(std::move(ports), links_of(options));
    if (!placed) return Error{placed.error()};
    PlacedPorts result{*std::move(placed), {}};
    for (const publish::Port& port : result.ports)
        result.addresses.push_back(options[static_cast<std::size_t>(port.ifindex) - 1].addresses);
    return result;
}

Door door_of(const publish::Port& port) {
    Door door{port.mac, {}};
    for (const weir_tag& tag : port.tags)
        door.tags.push_back({weir_be16_to(tag.tpid), weir_be16_to(tag.tci)});
    return door;
}

std::string listed(const std::vector<IpAddress>& addresses) {
    std::string text;
    for (const IpAddress& address : addresses)
        text += (text.empty() ? "" : ", ") + address.to_string();
    return text;
}

}  // namespace weir::replay
