// SPDX-License-Identifier: Apache-2.0
// dataplane{}: what nginx has no word for. It may stand in the file and in -g; a setting given in
// -g replaces the file's setting of the same name. Called by Parse through dataplane_directives().
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "bpf/shared/tables.h"
#include "control/config/parse.h"
#include "control/config/url.h"
#include "control/config/values.h"
#include "dataplane/tables/area.h"

namespace weir::config {
namespace {

constexpr std::uint64_t fewest_flows = 1024;
constexpr std::uint64_t most_flows = 134217728;
constexpr std::uint64_t most_workers = tables::worker_capacity;
constexpr std::size_t longest_interface = 15;  // IFNAMSIZ without its terminator

// The setting is -g's, and this one of the file must not replace it.
bool overruled(const Parse& parse, const Statement& statement) {
    return !parse.in_command_line() && parse.fixed_by_command_line.contains(statement.name());
}

template <class T>
void assign(Parse& parse, const Statement& statement, T& slot, T value) {
    if (overruled(parse, statement)) return;
    slot = std::move(value);
    if (parse.in_command_line()) parse.fixed_by_command_line.insert(statement.name());
}

Error expected(const Parse& parse, const Statement& statement, const std::string& what) {
    return parse.error(fmt::format("invalid value \"{}\" in \"{}\" directive", statement.words[1],
                                   statement.name()),
                       "expected " + what);
}

Status read_dataplane(Parse& parse, const Statement& statement) {
    const std::string mark = parse.in_command_line() ? "dataplane of -g" : "dataplane";
    if (!parse.first(Statement{{mark}, Statement::End::block, 0}))
        return parse.duplicate(statement);
    parse.model.dataplane.source = parse.source();
    return parse.block(in_dataplane);
}

Status read_engine(Parse& parse, const Statement& statement) {
    if (!parse.first(statement)) return parse.duplicate(statement);
    const std::string& word = statement.words[1];
    if (word != "auto" && word != "dpdk" && word != "xdp")
        return expected(parse, statement, "auto, dpdk or xdp");
    assign(parse, statement, parse.model.dataplane.engine,
           word == "dpdk"  ? Engine::dpdk
           : word == "xdp" ? Engine::xdp
                           : Engine::automatic);
    return success();
}

Status read_workers(Parse& parse, const Statement& statement) {
    if (!parse.first(statement)) return parse.duplicate(statement);
    auto number = parse_number(statement.words[1]);
    if (!number || *number < 1 || *number > most_workers)
        return expected(parse, statement, fmt::format("a number from 1 to {}", most_workers));
    assign(parse, statement, parse.model.dataplane.workers, static_cast<unsigned>(*number));
    return success();
}

Status read_busy_poll(Parse& parse, const Statement& statement) {
    if (!parse.first(statement)) return parse.duplicate(statement);
    const std::string& word = statement.words[1];
    if (word != "on" && word != "off" && word != "auto")
        return expected(parse, statement, "on, off or auto");
    assign(parse, statement, parse.model.dataplane.busy_poll,
           word == "on"    ? BusyPoll::on
           : word == "off" ? BusyPoll::off
                           : BusyPoll::automatic);
    return success();
}

Status read_flows(Parse& parse, const Statement& statement) {
    if (!parse.first(statement)) return parse.duplicate(statement);
    auto number = parse_size(statement.words[1]);
    if (!number || *number < fewest_flows || *number > most_flows)
        return expected(
            parse, statement,
            fmt::format("a number from {} to {}, such as 64k or 1m", fewest_flows, most_flows));
    assign(parse, statement, parse.model.dataplane.flows, static_cast<std::uint32_t>(*number));
    return success();
}

// Addresses that packets come from or go to over the network; each once.
Result<std::vector<IpAddress>> read_addresses(const Parse& parse, const Statement& statement,
                                              const std::string& what) {
    std::vector<IpAddress> addresses;
    for (std::size_t i = 1; i < statement.words.size(); ++i) {
        const std::string& word = statement.words[i];
        boost::system::error_code failed;
        auto address = boost::asio::ip::make_address(word, failed);
        if (failed || address.is_unspecified() || address.is_multicast() || address.is_loopback())
            return parse.error(
                fmt::format("invalid address \"{}\" in \"{}\" directive", word, statement.name()),
                "expected an IPv4 or IPv6 address of " + what);
        if (std::find(addresses.begin(), addresses.end(), address) != addresses.end())
            return parse.error(fmt::format("duplicate address \"{}\" in \"{}\" directive", word,
                                           statement.name()));
        addresses.push_back(address);
    }
    return addresses;
}

Status read_snat(Parse& parse, const Statement& statement) {
    if (!parse.first(statement)) return parse.duplicate(statement);
    auto addresses = read_addresses(parse, statement, "this balancer, such as 10.0.0.2");
    if (!addresses) return Error{addresses.error()};
    assign(parse, statement, parse.model.dataplane.snat, *std::move(addresses));
    return success();
}

Status read_icmp_peers(Parse& parse, const Statement& statement) {
    constexpr std::size_t most = WEIR_PEER_LIST;
    if (!parse.first(statement)) return parse.duplicate(statement);
    auto addresses = read_addresses(parse, statement, "another balancer, such as 10.0.0.3");
    if (!addresses) return Error{addresses.error()};
    if (addresses->size() > most)
        return parse.error(fmt::format("too many addresses in \"{}\" directive", statement.name()),
                           fmt::format("an error is copied to at most {} other balancers", most));
    assign(parse, statement, parse.model.dataplane.icmp_peers, *std::move(addresses));
    return success();
}

Status read_reset_unknown(Parse& parse, const Statement& statement) {
    if (!parse.first(statement)) return parse.duplicate(statement);
    const auto flag = read_flag(parse, statement);
    if (!flag) return Error{flag.error()};
    assign(parse, statement, parse.model.dataplane.reset_unknown, *flag);
    return success();
}

Status read_instance(Parse& parse, const Statement& statement) {
    if (!parse.first(statement)) return parse.duplicate(statement);
    const std::string& name = statement.words[1];
    if (name.empty() || name.size() > 12 ||
        name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") != std::string::npos)
        return expected(parse, statement, "1 to 12 of the characters a-z, 0-9 and -");
    assign(parse, statement, parse.model.dataplane.instance, name);
    return success();
}

// "10.0.0.1/24" as its address and prefix length.
std::optional<std::pair<IpAddress, unsigned>> parse_cidr(std::string_view text) {
    const auto slash = text.find('/');
    if (slash == std::string_view::npos) return std::nullopt;
    boost::system::error_code failed;
    auto address = boost::asio::ip::make_address(std::string(text.substr(0, slash)), failed);
    auto length = parse_number(text.substr(slash + 1));
    if (failed || !length || *length > (address.is_v4() ? 32U : 128U)) return std::nullopt;
    return std::pair{address, static_cast<unsigned>(*length)};
}

// The network's first address is the host's end, the next one the dataplane's.
bool fits_host_link(const IpAddress& address, unsigned prefix) {
    if (address.is_v4()) {
        const std::uint32_t host_bits = (std::uint32_t{1} << (32 - prefix)) - 1;
        return (address.to_v4().to_uint() & host_bits) == 0;
    }
    const auto bytes = address.to_v6().to_bytes();
    for (unsigned bit = prefix; bit < 128; bit++)
        if (bytes[bit / 8] >> (7 - bit % 8) & 1) return false;
    return !address.is_multicast() && !address.to_v6().is_link_local();
}

Status read_local_network(Parse& parse, const Statement& statement) {
    if (!parse.first(statement)) return parse.duplicate(statement);
    Dataplane networks;
    bool given[2] = {false, false};
    for (std::size_t i = 1; i < statement.words.size(); ++i) {
        const std::string& word = statement.words[i];
        const auto refuse = [&](const std::string& what) {
            return parse.error(
                fmt::format("invalid value \"{}\" in \"{}\" directive", word, statement.name()),
                "expected " + what);
        };
        const auto network = parse_cidr(word);
        const bool v6 = network && network->first.is_v6();
        if (!network || network->second < (v6 ? 64 : 8) || network->second > (v6 ? 126 : 30))
            return refuse(v6 ? "an unused IPv6 network from /64 to /126, such as fd00:1::/126"
                             : "an unused IPv4 network of at least four addresses, such as "
                               "169.254.77.0/30");
        if (!fits_host_link(network->first, network->second))
            return refuse(fmt::format("the first address of the network before the /, such as {}",
                                      v6 ? "fd00:1::/126" : "169.254.77.0/30"));
        if (std::exchange(given[v6], true))
            return refuse("one IPv4 and one IPv6 network, not two of one kind");
        (v6 ? networks.local_network6 : networks.local_network) = word;
    }
    Dataplane& dataplane = parse.model.dataplane;
    if (overruled(parse, statement)) return success();
    if (given[0]) dataplane.local_network = networks.local_network;
    if (given[1]) dataplane.local_network6 = networks.local_network6;
    if (parse.in_command_line()) parse.fixed_by_command_line.insert(statement.name());
    return success();
}

bool is_hex(std::string_view text) {
    return !text.empty() &&
           text.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

// 0000:3b:00.0 or 3b:00.0
bool is_pci(std::string_view text) {
    if (text.size() == 12 && is_hex(text.substr(0, 4)) && text[4] == ':') text.remove_prefix(5);
    return text.size() == 7 && is_hex(text.substr(0, 2)) && text[2] == ':' &&
           is_hex(text.substr(3, 2)) && text[5] == '.' && text[6] >= '0' && text[6] <= '7';
}

bool is_vdev(std::string_view text) {
    return text.starts_with("net_") || text.starts_with("eth_") || text.starts_with("virtio_user");
}

bool is_interface_name(std::string_view text) {
    if (text.empty() || text.size() > longest_interface || text == "." || text == "..")
        return false;
    return std::none_of(text.begin(), text.end(), [](char c) {
        return static_cast<unsigned char>(c) <= ' ' || c == '/' || c == ':' || c == 0x7f;
    });
}

Status read_port_option(Parse& parse, const std::string& word, Port& port) {
    const std::string value = word.substr(std::min(word.find('='), word.size() - 1) + 1);
    const auto refuse = [&](const std::string& what) {
        return parse.error(fmt::format("invalid parameter \"{}\"", word), "expected " + what);
    };
    if (word.starts_with("name=")) {
        if (!is_interface_name(value))
            return refuse("name=NAME with 1 to 15 characters, as an interface is named");
        port.name = value;
        return success();
    }
    if (word.starts_with("driver=")) {
        if (value != "af_xdp" && value != "af_packet")
            return refuse("driver=af_xdp or driver=af_packet");
        if (port.kind != Port::Kind::interface)
            return refuse("driver= only for a kernel interface");
        port.driver = value == "af_xdp" ? Port::Driver::af_xdp : Port::Driver::af_packet;
        return success();
    }
    if (word.starts_with("address=")) {
        if (port.kind == Port::Kind::interface)
            return refuse(
                "address= only for a PCI or vdev port; give a kernel interface its address "
                "with \"ip address add\"");
        if (!parse_cidr(value))
            return refuse("address=ADDRESS/LENGTH, such as address=10.0.0.1/24");
        port.addresses.push_back(value);
        return success();
    }
    if (word.starts_with("vlan=") || word.starts_with("parent=")) {
        if (port.kind != Port::Kind::interface)
            return refuse("vlan= and parent= only for a kernel interface");
        if (word.starts_with("parent=")) {
            if (!is_interface_name(value)) return refuse("parent=INTERFACE");
            port.parent = value;
            return success();
        }
        port.vlans = parse_vlans(value);
        if (port.vlans.empty()) return refuse("vlan=ID or vlan=OUTER.INNER, each 1 to 4094");
        return success();
    }
    return refuse("name=, driver=, address=, vlan= or parent=");
}

Status read_port(Parse& parse, const Statement& statement) {
    Port port;
    port.device = statement.words[1];
    port.source = parse.source();
    if (is_pci(port.device)) {
        port.kind = Port::Kind::pci;
        if (port.device.size() == 7) port.device = "0000:" + port.device;
    } else if (is_vdev(port.device)) {
        port.kind = Port::Kind::vdev;
    } else if (!is_interface_name(port.device)) {
        return expected(parse, statement,
                        "a network interface (eth0), a PCI address (0000:3b:00.0) or a DPDK vdev "
                        "(net_memif0,id=0)");
    }
    for (std::size_t i = 2; i < statement.words.size(); ++i)
        if (auto done = read_port_option(parse, statement.words[i], port); !done) return done;
    if (port.name.empty() && port.kind == Port::Kind::interface) port.name = port.device;
    if (port.vlans.empty() != port.parent.empty())
        return parse.error(fmt::format("port \"{}\" needs both vlan= and parent=", port.device),
                           "or neither, for a VLAN interface of the kernel's own");
    if (overruled(parse, statement)) return success();

    auto& ports = parse.model.dataplane.ports;
    for (const Port& other : ports) {
        if (other.device == port.device)
            return parse.error(fmt::format("duplicate port \"{}\"", port.device));
        if (!port.name.empty() && other.name == port.name)
            return parse.error(fmt::format("duplicate port name \"{}\"", port.name));
    }
    ports.push_back(std::move(port));
    if (parse.in_command_line()) parse.fixed_by_command_line.insert(statement.name());
    return success();
}

constexpr Directive table[] = {
    {"dataplane", in_main, 0, 0, true, read_dataplane},
    {"engine", in_dataplane, 1, 1, false, read_engine},
    {"port", in_dataplane, 1, any_number, false, read_port},
    {"workers", in_dataplane, 1, 1, false, read_workers},
    {"busy_poll", in_dataplane, 1, 1, false, read_busy_poll},
    {"flows", in_dataplane, 1, 1, false, read_flows},
    {"snat", in_dataplane, 1, any_number, false, read_snat},
    {"instance", in_dataplane, 1, 1, false, read_instance},
    {"local_network", in_dataplane, 1, 2, false, read_local_network},
    {"icmp_peers", in_dataplane, 1, any_number, false, read_icmp_peers},
    {"reset_unknown", in_dataplane, 1, 1, false, read_reset_unknown},
};

}  // namespace

std::span<const Directive> dataplane_directives() {
    return table;
}

// Settings that each are valid but cannot go together. PCI and vdev ports that were given no name
// get weirpN, N counting the ports of dataplane{}.
Status check_dataplane(Parse& parse) {
    Dataplane& dataplane = parse.model.dataplane;
    std::set<std::string> names;
    for (std::size_t i = 0; i < dataplane.ports.size(); ++i) {
        Port& port = dataplane.ports[i];
        if (dataplane.engine == Engine::xdp && port.kind != Port::Kind::interface)
            return Parse::error_at(port.source,
                                   fmt::format("port \"{}\" needs the dpdk engine", port.device),
                                   "the xdp engine runs on kernel interfaces only");
        if (port.name.empty()) port.name = fmt::format("weirp{}", i);
        if (!names.insert(port.name).second)
            return Parse::error_at(port.source,
                                   fmt::format("duplicate port name \"{}\"", port.name));
    }
    return success();
}

}  // namespace weir::config
