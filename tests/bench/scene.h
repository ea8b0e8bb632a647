// SPDX-License-Identifier: Apache-2.0
// The scene of a benchmark: one service, its backends, and flows that are numbers; a flow's tuple
// follows from its number, and what weir chose for it (backend, source port) is read from the
// packets weir has sent. Flows are set up by running their handshakes through the stages of the
// packet program.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bpf/shared/types.h"
#include "dataplane/tables/view.h"
#include "tests/bench/frame.h"

namespace weir::bench {

struct Plan {
    std::string mode = "nat";  // as configuration names it
    std::string family = "ipv4";
    std::uint64_t flows = 0;
    std::uint8_t protocol = WEIR_PROTO_TCP;
    std::uint32_t port_ifindex = 0;  // of the kernel's interface, with XDP
};

inline constexpr std::uint8_t network_port = 1;  // index into weir_control.ports

class Scene {
  public:
    // Publishes the plan in `view`, which has room for it.
    Scene(const Plan& plan, const tables::View& view);

    bool replies_pass() const { return plan_.mode == "nat"; }
    const Plan& plan() const { return plan_; }

    // The flow has been set up and learned.
    bool known(std::uint64_t flow) const { return peers_[flow % peers_.size()].port != 0; }

    // Each writes a frame and returns its length. A reply needs the flow's peer to be known.
    unsigned write_client(void* at, std::uint64_t flow, std::uint8_t flags) const;
    unsigned write_reply(void* at, std::uint64_t flow, std::uint8_t flags) const;
    unsigned write_stranger(void* at, std::uint64_t number) const;  // to the host, no service

    // Notes what weir has chosen, from what it made of a client's frame of this flow. Flows may be
    // set up again and again: only the latest plan_.flows are remembered.
    void learn(std::uint64_t flow, const void* sent);

    // Handshakes of the flows [from, to). Returns how many got through them; the others have no
    // place in the table.
    std::uint64_t establish(std::uint64_t from, std::uint64_t to, std::uint64_t now);

    // Goes on with the first so many flows only.
    void shrink(std::uint64_t flows) {
        plan_.flows = flows;
        peers_.resize(flows);
    }

  private:
    struct Peer {
        std::uint16_t backend;
        std::uint16_t port;
    };
    weir_tuple client_tuple(std::uint64_t flow) const;
    weir_tuple reply_tuple(std::uint64_t flow) const;
    void publish() const;

    Plan plan_;
    tables::View view_;
    std::uint32_t backends_;
    std::vector<Peer> peers_;
};

// Uniformly random numbers that cost next to nothing (xorshift64*).
class Random {
  public:
    std::uint64_t next() {
        state_ ^= state_ >> 12;
        state_ ^= state_ << 25;
        state_ ^= state_ >> 27;
        return state_ * 0x2545f4914f6cdd1dull;
    }
    std::uint64_t below(std::uint64_t limit) {
        return (next() >> 32) * limit >> 32;
    }  // limit < 2^32

  private:
    std::uint64_t state_ = 0x9e3779b97f4a7c15ull;
};

}  // namespace weir::bench
