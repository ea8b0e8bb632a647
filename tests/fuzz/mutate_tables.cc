// SPDX-License-Identifier: Apache-2.0
// See mutate.h. Values stay what the row's format allows, not what weir -t would: the packet
// program must be safe with any tables.
#include "tests/fuzz/mutate.h"

namespace weir::fuzz {
namespace {

using nlohmann::json;

bool is_v6(const json& record) {
    return record.at("addr").get<std::string>().find(':') != std::string::npos;
}

void change_service(json& service, const json& generation, Choices& choices) {
    constexpr const char* methods[] = {"round_robin", "ip_hash", "maglev", "maglev_address"};
    constexpr unsigned times[] = {0, 1, 1000, 60'000, 600'000, 100'000'000};
    const auto flip = [&service](const char* name) {
        service[name] = !service.at(name).get<bool>();
    };
    switch (choices.below(10)) {
        case 0:
            service["method"] = choices.of(methods);
            if (service.at("slots").empty()) service["slots"] = service.at("turns");
            break;
        case 1:
            flip("stateless");
            if (service.at("slots").empty()) service["slots"] = service.at("turns");
            break;
        case 2:
            return flip("reset_unknown");
        case 3:
            return flip("draining");
        case 4:
            return flip("by_port");
        case 5:
            service["protocol"] = service.at("protocol") == "tcp" ? "udp" : "tcp";
            break;
        case 6:
            service[choices.one_in(2) ? "idle_ms" : "connect_ms"] = choices.of(times);
            break;
        case 7: {
            const unsigned port = service.at("port").get<unsigned>();
            service["port"] = 0;
            service["ports"] = {port - std::min<unsigned>(port, 1 + choices.byte()),
                                std::min<unsigned>(65535, port + choices.byte())};
            break;
        }
        case 8:
            service["cid"] = service.at("turns");
            service["cid_offset"] = choices.below(19);
            service["cid_length"] = 1 + choices.below(2);
            break;
        default:
            if (!generation.at("backends").empty())
                service["turns"].push_back(
                    generation.at("backends")[choices.below(generation.at("backends").size())].at(
                        "id"));
    }
}

void change_backend(json& backend, bool same_ids, Choices& choices) {
    constexpr const char* modes[] = {"nat", "transparent", "dsr", "ipip", "gue"};
    constexpr unsigned lengths[] = {0, 68, 576, 1280, 1400, 1500, 9000, 65535};
    const auto flip = [&backend](const char* name) {
        backend[name] = !backend.at(name).get<bool>();
    };
    switch (choices.below(same_ids ? 7 : 11)) {
        case 7:
        case 8:
            backend["mode"] = choices.of(modes);
            if (backend.at("tunnel_port") == 0) backend["tunnel_port"] = 6080;
            break;
        case 0:
            backend["mtu"] = choices.of(lengths);
            break;
        case 1:
            backend["mss"] = choices.of(lengths);
            break;
        case 2:
            return flip("reachable");
        case 3:
            return flip("down");
        case 4:
            return flip("reset");
        case 5:
            return flip("checksum");
        case 6:
            backend["snat_low"] = backend["snat_high"] = 20000 + choices.below(3);
            break;
        case 9:
            backend["port"] = choices.one_in(2) ? 0 : 8080;
            break;
        default: {
            const bool v6 = is_v6(backend);
            backend["addr"] = v6 ? "10.0.0.77" : "fd00::77";
            backend["snat"] = v6 ? "10.0.0.1" : "fd00::1";
        }
    }
}

}  // namespace

bool crosses_families(const json& generation) {
    for (const json& backend : generation.at("backends"))
        for (const json& service : generation.at("services"))
            if ((backend.at("mode") == "transparent" || backend.at("mode") == "dsr") &&
                is_v6(backend) != is_v6(service))
                return true;
    return false;
}

void mutate_tables(json& generation, bool same_ids, Choices& choices) {
    json& services = generation.at("services");
    json& backends = generation.at("backends");
    if (!services.empty() && choices.one_in(2))
        change_service(services[choices.below(services.size())], generation, choices);
    else if (!backends.empty())
        change_backend(backends[choices.below(backends.size())], same_ids, choices);
}

}  // namespace weir::fuzz
