// SPDX-License-Identifier: Apache-2.0
// What runs the packets of a row. Rows and their expectations do not know which one it is.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "tests/harness/row.h"

namespace weir::rows {

struct Frame {
    unsigned port = 0;  // index into weir_control.ports
    Bytes bytes;
};

struct Sent {
    std::optional<Frame> out;      // left by a port
    std::optional<Frame> to_host;  // left to the host, having arrived by this port
};

class RowEngine {
  public:
    virtual ~RowEngine() = default;

    // Tables of this geometry, to be prepared for a row; valid until the next call.
    virtual tables::View open(const tables::Geometry& geometry) = 0;
    virtual std::vector<std::uint32_t> ifindexes() const = 0;
    virtual Sent send(const Frame& frame) = 0;
};

inline constexpr unsigned port_count = 6;

// The port that frames of this one cross: a VLAN's parent, else itself.
inline unsigned wire_of(const weir_control& control, unsigned port) {
    return control.ports[port].tags ? control.ports[port].parent : port;
}

std::unique_ptr<RowEngine> make_host_engine();
std::unique_ptr<RowEngine> make_xdp_engine();
std::unique_ptr<RowEngine> make_dpdk_engine();

}  // namespace weir::rows
