// SPDX-License-Identifier: Apache-2.0
// What the numbers in the shared tables stand for: the names, states and reasons of the last
// published generation. The balancer (balancer.h) keeps it; the API reads it beside the tables.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "control/config/model.h"

namespace weir::publish {

struct ServiceInfo {
    std::uint32_t id = 0;
    std::string address;  // numeric
    std::uint16_t port = 0;
    std::uint16_t last_port = 0;  // of a range, else the same
    std::string protocol;         // "tcp" or "udp"
    std::string upstream;
    std::string method;      // "round_robin", "ip_hash", "maglev"
    std::string mode;        // "nat", "transparent", "dsr", "ipip", "gue"
    bool stateless = false;  // keeps no flows
    bool draining = false;   // removed from the configuration; its flows go on
};

struct BackendInfo {
    std::uint16_t id = 0;
    std::string upstream;
    std::string name;        // the text of the server directive
    std::string address;     // numeric
    std::uint16_t port = 0;  // 0: the client's own
    std::string mode;
    unsigned weight = 1;
    bool backup = false;
    bool selectable = false;  // gets new flows now
    // up | unhealthy | down (by configuration) | standby (a backup that is not needed) |
    // unreachable | draining (removed)
    std::string state;
    std::string reason;    // why not up; empty otherwise
    std::string next_hop;  // "10.0.0.7 via eth1 (52:54:..)", "this host", or the reason why unknown
};

struct PortInfo {
    unsigned index = 0;  // in weir_control.ports
    std::string name;
    std::string kind;  // "network" or "host link"
    std::string mac;
    std::string driver;  // dpdk: net_af_xdp, ...; xdp: the kernel's driver
    std::string mode;    // engine.h: Port
};

struct Directory {
    std::string engine;  // "dpdk" or "xdp"
    std::string engine_reason;
    std::uint64_t generation = 0;
    std::vector<ServiceInfo> services;
    std::vector<BackendInfo> backends;
    std::vector<PortInfo> ports;
};

}  // namespace weir::publish
