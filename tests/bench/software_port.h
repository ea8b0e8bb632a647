// SPDX-License-Identifier: Apache-2.0
// DPDK for benchmarks: the EAL, and a port made of rings (net_ring) whose far ends are in our
// hands. A round's packets are written and collected by the caller, outside of what is timed;
// between the two, whoever is measured finds them in the port's receive queue as it would find a
// NIC's.
#pragma once

#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <rte_ring.h>

#include <functional>
#include <string>
#include <vector>

#include "dataplane/worker.h"
#include "tests/bench/options.h"

namespace weir::bench {

// Ends the program with a sentence when DPDK does not start.
void start_dpdk(const Options& options, const std::string& program, unsigned buffers = 16383);

class RingPort {
  public:
    explicit RingPort(const std::string& name, unsigned packets);

    std::uint16_t eth() const { return eth_; }
    TxQueue tx() const;
    void bring(std::vector<rte_mbuf*>& packets);
    void collect(std::vector<rte_mbuf*>& packets);  // appends what was sent

  private:
    rte_ring* in_;
    rte_ring* out_;
    std::uint16_t eth_ = 0;
};

// Configures and starts an ethdev of one queue. Ends the program with a sentence when that fails.
void start_port(std::uint16_t eth, unsigned descriptors);

// The packets of a round: written, brought, and back in our hands when they have been sent.
class Round {
  public:
    using Write = std::function<unsigned(void* at, unsigned i)>;

    explicit Round(unsigned packets);
    unsigned size() const { return static_cast<unsigned>(packets_.size()); }
    void write(const Write& write);
    void bring(RingPort& port) { port.bring(packets_); }

    // Returns how many have been dropped; they are replaced.
    unsigned collect(RingPort& port, RingPort& host);

    const void* frame(unsigned i) const { return rte_pktmbuf_mtod(packets_[i], const void*); }

  private:
    unsigned count_;
    std::vector<rte_mbuf*> packets_;
};

}  // namespace weir::bench
