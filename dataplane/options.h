// SPDX-License-Identifier: Apache-2.0
// The command line of weir-dataplane, which control writes: a person seldom types it.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "bpf/shared/types.h"
#include "dataplane/idle.h"
#include "dataplane/tables/result.h"

namespace weir {

struct PortOption {
    enum class Kind { interface, pci, vdev };
    Kind kind = Kind::interface;
    std::string device;      // interface name, PCI address, or "net_memif0,id=0"
    std::string tap;         // the host's interface that stands for a pci or vdev port
    bool try_af_xdp = true;  // for an interface
    bool try_af_packet = true;
};

struct DataplaneOptions {
    std::string instance;
    std::string segment;
    unsigned workers = 1;
    BusyPoll busy_poll = BusyPoll::automatic;
    std::string host_link;
    weir_mac host_link_mac{};
    std::vector<PortOption> ports;
};

// --instance NAME --segment PATH --workers N --busy-poll on|off|auto --host-link NAME
// --host-link-mac MAC --port SPEC...
//   SPEC: iface:NAME[,driver=af_xdp|af_packet] | pci:ADDRESS,tap=NAME | vdev:STRING,tap=NAME
Result<DataplaneOptions> parse_dataplane_options(std::span<char* const> arguments);

const char* to_word(BusyPoll mode);

}  // namespace weir
