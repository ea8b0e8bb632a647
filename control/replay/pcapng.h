// SPDX-License-Identifier: Apache-2.0
// Writes a pcapng file (draft-ietf-opsawg-pcapng) with a comment for each packet, which libpcap
// cannot. One section, little or big endian as the machine is; nanoseconds; Ethernet. Called by
// replay for -w.
#pragma once

#include <cstdint>
#include <fstream>
#include <span>
#include <string>
#include <vector>

#include "dataplane/tables/result.h"

namespace weir::replay {

class PcapngWriter {
  public:
    // `interfaces` are the names that packets are written under, by index.
    static Result<PcapngWriter> create(const std::string& file,
                                       const std::vector<std::string>& interfaces);

    // `bytes` were captured of a packet that had `length` on the wire.
    void write(unsigned interface, std::uint64_t time_ns, std::span<const std::uint8_t> bytes,
               std::size_t length, const std::string& comment);

    // An error if anything could not be written.
    Status close();

  private:
    explicit PcapngWriter(std::string file) : file_(std::move(file)) {}
    void block(std::uint32_t type, const std::string& body);

    std::string file_;
    std::ofstream out_;
};

}  // namespace weir::replay
