// SPDX-License-Identifier: Apache-2.0
// Holds each address and port that is listened on with a bound socket that never listens, so that a
// port in use is found at start, as with nginx, and no other program takes it later. The packet
// path does not use these sockets: packets for a service never reach the kernel's stack.
//
// Of a range of more than `most_held` ports each is only tried, not held: thousands of sockets
// would cost more than they protect.
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

inline constexpr unsigned most_held = 1024;

struct ListenTuple {
    config::Protocol protocol = config::Protocol::tcp;
    IpAddress address;  // 0.0.0.0 or :: for a wildcard
    std::uint16_t port = 0;
    std::uint16_t last_port = port;  // of a range

    friend auto operator<=>(const ListenTuple& a, const ListenTuple& b) {
        return std::tie(a.protocol, a.address, a.port, a.last_port) <=>
               std::tie(b.protocol, b.address, b.port, b.last_port);
    }
    bool operator==(const ListenTuple&) const = default;
};

// What of `tuple` no wildcard of its family and protocol has.
std::vector<ListenTuple> without(const ListenTuple& tuple,
                                 const std::vector<ListenTuple>& wildcards);

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
    Status add(const ListenTuple& tuple);
    void drop(const ListenTuple& tuple);
    void roll_back(const std::vector<ListenTuple>& added, const std::vector<ListenTuple>& dropped);

    std::map<ListenTuple, std::vector<int>> sockets_;
};

}  // namespace weir
