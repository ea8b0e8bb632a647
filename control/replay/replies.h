// SPDX-License-Identifier: Apache-2.0
// Makes the backends' packets of a capture replies to the replayed balancer. That one starts
// afresh, so it chooses source ports of its own (and round robin begins anew), while the capture's
// replies go to those which the captured balancer chose. Where the capture also has what the
// captured balancer sent, both are known, and replies are readdressed. Called by replay for each
// packet; it knows packets by all that NAT leaves as it is. A reply
// keeps its family: where the replay has chosen a backend of the other one, it is not readdressed.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <unordered_map>

#include "bpf/shared/types.h"
#include "control/replay/runner.h"

namespace weir::replay {

class Replies {
  public:
    void replayed(const Bytes& sent);  // the replayed balancer sends this
    void captured(const Bytes& sent);  // the captured balancer has sent this

    // Readdresses a reply to the captured balancer. false: it is none that is known, or the
    // replayed balancer made the same choices.
    bool readdress(Bytes& packet) const;

  private:
    struct Less {
        bool operator()(const weir_tuple& a, const weir_tuple& b) const;
    };

    std::unordered_map<std::string, std::deque<weir_tuple>> waiting_;  // by what NAT leaves
    std::deque<std::string> order_;                                    // of waiting_, oldest first
    std::map<weir_tuple, weir_tuple, Less> known_;  // captured to replayed, both as replies
};

}  // namespace weir::replay
