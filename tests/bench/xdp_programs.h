// SPDX-License-Identifier: Apache-2.0
// The XDP program as weir loads it, and the driver around it, in a network namespace of this
// process with a veth pair of its own. Shared by the XDP benchmarks.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "control/publish/bpf_store.h"

struct xdp_driver;

namespace weir::bench {

class XdpPrograms {
  public:
    // For flows and frames up to these numbers. Ends the program with a sentence when a load fails.
    XdpPrograms(std::uint32_t flows, std::uint32_t frames);
    ~XdpPrograms();
    XdpPrograms(const XdpPrograms&) = delete;
    XdpPrograms& operator=(const XdpPrograms&) = delete;

    const tables::View& view() const { return store_->view(); }
    unsigned balancer_ifindex() const { return balancer_; }
    void forget_flows() const;

    void write(std::uint32_t count,
               const std::function<unsigned(void* at, std::uint32_t i)>& write);

    // Nanoseconds of CPU a packet. `expected` is what the last one must have returned.
    double empty(unsigned repeats) const;
    double driven_adjusting(unsigned repeats) const;
    double driven_weir(unsigned repeats, unsigned expected) const;

    // Live frames through the veth, back to the counting sink.
    struct Flood {
        double seconds;
        std::uint64_t sent;
        std::uint64_t returned;
    };
    Flood flood_reflector(unsigned frames) const;
    Flood flood_weir(unsigned frames) const;

  private:
    double run(int program, unsigned repeats, unsigned expected) const;
    void select(int program) const;
    Flood flood(int program, unsigned frames) const;

    std::unique_ptr<publish::BpfStore> store_;
    xdp_driver* driver_ = nullptr;
    std::uint8_t* frames_ = nullptr;
    std::size_t frames_bytes_ = 0;
    unsigned generator_ = 0;  // ifindex of the pair's end that frames leave by
    unsigned balancer_ = 0;   // and where they arrive
};

// CLOCK_MONOTONIC in nanoseconds, the clock of the XDP program.
std::uint64_t monotonic_now();

}  // namespace weir::bench
