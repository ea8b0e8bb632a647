// SPDX-License-Identifier: Apache-2.0
// Holds each address and port that is listened on with a bound socket that never listens, so that a
// port in use is found at start, as with nginx, and no other program takes it later. The packet
// path does not use these sockets: packets for a service never reach the kernel's stack.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <tuple>
#include <vector>

#include "control/config/model.h"
#include "control/net/address.h"
#include "dataplane/tables/result.h"

namespace weir {

struct ListenTuple {
    config::Protocol protocol = config::Protocol::tcp;
    IpAddress address;  // 0.0.0.0 or :: for a wildcard
    std::uint16_t port = 0;

    friend auto operator<=>(const ListenTuple& a, const ListenTuple& b) {
        return std::tie(a.protocol, a.address, a.port) <=> std::tie(b.protocol, b.address, b.port);
    }
    bool operator==(const ListenTuple&) const = default;
};

class Reservations {
  public:
    Reservations() = default;
    ~Reservations();
    Reservations(const Reservations&) = delete;
    Reservations& operator=(const Reservations&) = delete;

    // Holds exactly `tuples`. All or nothing: after an error the ones held before are held still.
    // The error is nginx's: `bind() to 0.0.0.0:80 failed (98: Address already in use)`.
    Status replace(const std::vector<ListenTuple>& tuples);

  private:
    int add(const ListenTuple& tuple);  // 0 or errno
    void roll_back(const std::vector<ListenTuple>& added, const std::vector<ListenTuple>& dropped);

    std::map<ListenTuple, int> sockets_;
};

}  // namespace weir
