// SPDX-License-Identifier: Apache-2.0
// A capture file, read packet by packet with libpcap (pcap and pcapng). Called by replay. Ethernet
// only. Packets that the capture has cut short are filled up with zeros to their length on the
// wire: the packet program judges lengths, and a snapped packet is no truncated one.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "control/replay/runner.h"

struct pcap;

namespace weir::replay {

struct Packet {
    std::uint64_t number = 0;   // from 1, as Wireshark counts
    std::uint64_t time_ns = 0;  // since the epoch
    Bytes bytes;                // as long as on the wire
    std::size_t captured = 0;   // of them; the rest is zeros
};

class Capture {
  public:
    static Result<Capture> open(const std::string& file);

    // Nothing at the end of the file.
    Result<std::optional<Packet>> next();

  private:
    struct Close {
        void operator()(pcap* handle) const;
    };
    Capture(std::string file, pcap* handle) : file_(std::move(file)), handle_(handle) {}

    std::string file_;
    std::unique_ptr<pcap, Close> handle_;
    std::uint64_t count_ = 0;
};

}  // namespace weir::replay
