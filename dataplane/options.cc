// SPDX-License-Identifier: Apache-2.0
#include "dataplane/options.h"

#include <getopt.h>

#include <cstdio>
#include <cstdlib>

namespace weir {
namespace {

// Cuts ",key=value" off the end of `text`; the value, or empty.
std::string cut(std::string& text, const std::string& key) {
    const std::size_t at = text.rfind("," + key + "=");
    if (at == std::string::npos) return {};
    const std::string value = text.substr(at + key.size() + 2);
    text.erase(at);
    return value;
}

Result<PortOption> parse_port(std::string text) {
    PortOption port;
    const std::string driver = cut(text, "driver");
    port.tap = cut(text, "tap");
    const std::size_t colon = text.find(':');
    const std::string kind = text.substr(0, colon);
    if (colon == std::string::npos || colon + 1 == text.size())
        return Error{"--port \"" + text + "\" is not iface:NAME, pci:ADDRESS or vdev:STRING"};
    port.device = text.substr(colon + 1);
    if (kind == "iface") {
        port.kind = PortOption::Kind::interface;
    } else if (kind == "pci" || kind == "vdev") {
        port.kind = kind == "pci" ? PortOption::Kind::pci : PortOption::Kind::vdev;
        if (port.tap.empty()) return Error{"--port \"" + text + "\" needs tap=NAME"};
    } else {
        return Error{"--port \"" + text + "\" is not iface:NAME, pci:ADDRESS or vdev:STRING"};
    }
    port.try_af_xdp = driver != "af_packet";
    port.try_af_packet = driver != "af_xdp";
    return port;
}

bool parse_mac(const char* text, weir_mac& mac) {
    unsigned byte[6];
    if (std::sscanf(text, "%x:%x:%x:%x:%x:%x", &byte[0], &byte[1], &byte[2], &byte[3], &byte[4],
                    &byte[5]) != 6)
        return false;
    for (unsigned i = 0; i < 6; i++) mac.byte[i] = static_cast<std::uint8_t>(byte[i]);
    return true;
}

bool parse_busy_poll(const std::string& text, BusyPoll& mode) {
    for (const BusyPoll known : {BusyPoll::automatic, BusyPoll::on, BusyPoll::off})
        if (text == to_word(known)) {
            mode = known;
            return true;
        }
    return false;
}

}  // namespace

const char* to_word(BusyPoll mode) {
    switch (mode) {
        case BusyPoll::automatic:
            return "auto";
        case BusyPoll::on:
            return "on";
        case BusyPoll::off:
            return "off";
    }
    return "";
}

Result<DataplaneOptions> parse_dataplane_options(std::span<char* const> arguments) {
    static const option known[] = {{"instance", required_argument, nullptr, 'i'},
                                   {"segment", required_argument, nullptr, 's'},
                                   {"workers", required_argument, nullptr, 'w'},
                                   {"busy-poll", required_argument, nullptr, 'b'},
                                   {"host-link", required_argument, nullptr, 'l'},
                                   {"host-link-mac", required_argument, nullptr, 'm'},
                                   {"port", required_argument, nullptr, 'p'},
                                   {nullptr, 0, nullptr, 0}};
    DataplaneOptions options;
    int letter;
    while ((letter = ::getopt_long(static_cast<int>(arguments.size()), arguments.data(), "", known,
                                   nullptr)) != -1) {
        switch (letter) {
            case 'i':
                options.instance = optarg;
                break;
            case 's':
                options.segment = optarg;
                break;
            case 'w':
                options.workers = static_cast<unsigned>(std::strtoul(optarg, nullptr, 10));
                break;
            case 'b':
                if (!parse_busy_poll(optarg, options.busy_poll))
                    return Error{std::string("--busy-poll \"") + optarg +
                                 "\" is not on, off or auto"};
                break;
            case 'l':
                options.host_link = optarg;
                break;
            case 'm':
                if (!parse_mac(optarg, options.host_link_mac))
                    return Error{std::string("--host-link-mac \"") + optarg + "\" is no MAC"};
                break;
            case 'p': {
                auto port = parse_port(optarg);
                if (!port) return Error{port.error()};
                options.ports.push_back(std::move(*port));
                break;
            }
            default:
                return Error{"unknown option; weir starts weir-dataplane by itself"};
        }
    }
    if (options.instance.empty() || options.segment.empty() || options.host_link.empty())
        return Error{
            "--instance, --segment and --host-link are needed; weir starts weir-dataplane by "
            "itself"};
    return options;
}

}  // namespace weir
