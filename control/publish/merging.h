// SPDX-License-Identifier: Apache-2.0
// Receive merging (GRO, LRO): the kernel or the NIC makes one long packet of several of a flow, for
// sockets of the host. AF_PACKET and generic XDP see packets after that, so on ports that come so
// it is turned off while weir runs: a merged packet is longer than any link, and must not be
// forwarded. Ports whose packets are taken before (native XDP, DPDK's own drivers) are left alone.
//
// What was turned off is kept in a file, so that a weir that starts after a crash turns it on again
// when it ends.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "control/publish/engine.h"
#include "dataplane/tables/result.h"

namespace weir::publish {

class Merging {
  public:
    // `file` may be there already.
    explicit Merging(std::string file);

    // An error says which ports stay as they were, and what to do.
    Status turn_off(const std::vector<Port>& ports);

    // Turns on again what turn_off() has turned off, and removes the file.
    void restore();

  private:
    void save() const;

    std::string file_;
    std::map<std::string, std::vector<std::string>> off_;  // features, by interface
};

}  // namespace weir::publish
