// SPDX-License-Identifier: Apache-2.0
// What runs single packets through the packet program, on tables of its own: three of them, one
// interface. `weirctl replay` feeds them captures, tests/harness feeds them packet rows; neither
// knows which one it is. A runner never touches a packet itself, nor the network.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/tables/result.h"
#include "dataplane/tables/view.h"

namespace weir::replay {

using Bytes = std::vector<std::uint8_t>;

struct Frame {
    unsigned port = 0;  // index into weir_control.ports
    Bytes bytes;
};

// What became of one packet.
struct Fate {
    std::vector<weir_reason> reasons;  // as the engine counted; a correct one counts one
    std::vector<Frame> out;            // left by a port
    std::vector<Frame> to_host;        // left to the host, having arrived by this port
};

class Runner {
  public:
    virtual ~Runner() = default;
    Runner() = default;
    Runner(const Runner&) = delete;
    Runner& operator=(const Runner&) = delete;

    // Empty tables of this geometry, which has as many workers as the runner; valid until the next
    // call. Writing the control record is left to the caller.
    Result<tables::View> open(const tables::Geometry& geometry);

    // Whether the engine takes a frame of so many bytes.
    virtual bool takes(std::size_t bytes) const = 0;

    // Runs a packet that arrives by `frame.port` at `now`: nanoseconds of the caller's clock, which
    // begins above 0 and never goes back.
    Result<Fate> send(const Frame& frame, std::uint64_t now);

    // What weir_control.ports[i].ifindex must be, for each port; with 0 it is no way out.
    virtual std::vector<std::uint32_t> ifindexes() const = 0;

  protected:
    virtual Result<tables::View> make_tables(const tables::Geometry& geometry) = 0;
    virtual Status pass(const Frame& frame, std::uint64_t now, Fate& fate) = 0;

  private:
    tables::View view_;
};

// The port that frames of this one cross: a VLAN's parent, else itself.
inline unsigned wire_of(const weir_control& control, unsigned port) {
    return control.ports[port].tags ? control.ports[port].parent : port;
}

// The packet program as g++ built it, with no engine around it.
std::unique_ptr<Runner> make_host_runner();

// The loaded XDP program. Needs root; moves the calling thread to a network namespace and a CPU.
Result<std::unique_ptr<Runner>> make_xdp_runner();

// A DPDK worker on software ports, once a process; or several, which take turns in receiving and
// hand over to each other. Of a library of its own: only what links DPDK may call it.
Result<std::unique_ptr<Runner>> make_dpdk_runner(unsigned workers = 1);

}  // namespace weir::replay
