// SPDX-License-Identifier: Apache-2.0
// Binds the sockets behind Reservations. See reserve.h.
#include "control/net/reserve.h"

#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <cerrno>
#include <set>

#include "control/log/log.h"
#include "control/log/system_error.h"

namespace weir {
namespace {

// 0 or errno; the socket is stored in `fd`. IP_FREEBIND: an address may be announced from here, or
// sit on a TAP that the dataplane has yet to make, before the kernel has it.
int bind_socket(const ListenTuple& tuple, bool reuse, int& fd) {
    const bool tcp = tuple.protocol == config::Protocol::tcp;
    const bool v4 = tuple.address.is_v4();
    fd = ::socket(family_of(tuple.address), (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
    if (fd < 0) return errno;
    const int on = 1;
    if (reuse) ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (!v4) ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    ::setsockopt(fd, v4 ? int{IPPROTO_IP} : int{IPPROTO_IPV6}, v4 ? IP_FREEBIND : IPV6_FREEBIND,
                 &on, sizeof on);
    const boost::asio::ip::tcp::endpoint endpoint(tuple.address, tuple.port);
    if (::bind(fd, endpoint.data(), static_cast<socklen_t>(endpoint.size())) == 0) return 0;
    const int error = errno;
    ::close(fd);
    fd = -1;
    return error;
}

// First without SO_REUSEADDR: then a second weir, or an nginx started later, finds the port in use.
// Only connections in TIME_WAIT justify the option; with it a listening socket still is a conflict.
int hold(const ListenTuple& tuple, int& fd) {
    int error = bind_socket(tuple, false, fd);
    if (error == EADDRINUSE && tuple.protocol == config::Protocol::tcp) {
        error = bind_socket(tuple, true, fd);
    }
    return error;
}

bool is_held(const ListenTuple& tuple) {
    return tuple.last_port - tuple.port < static_cast<int>(most_held);
}

// Some descriptors are for everything else: probes, maps, netlink, weirctl.
constexpr rlim_t other_files = 256;

Status check_files(const std::set<ListenTuple>& tuples) {
    rlim_t sockets = 0;
    for (const ListenTuple& tuple : tuples)
        sockets += is_held(tuple) ? tuple.last_port - tuple.port + 1u : 0u;
    rlimit files{};
    if (::getrlimit(RLIMIT_NOFILE, &files) != 0 || sockets + other_files <= files.rlim_cur)
        return success();
    return Error{"the configuration's `listen` need " + std::to_string(sockets) +
                 " sockets, and this process may open " + std::to_string(files.rlim_cur) +
                 " files; raise that limit (`ulimit -Hn`, LimitNOFILE of the unit) or listen on "
                 "ranges of more than " +
                 std::to_string(most_held) + " ports"};
}

}  // namespace

std::vector<ListenTuple> without(const ListenTuple& tuple,
                                 const std::vector<ListenTuple>& wildcards) {
    std::vector<ListenTuple> left{tuple};
    for (const ListenTuple& wildcard : wildcards) {
        if (wildcard.protocol != tuple.protocol ||
            wildcard.address.is_v4() != tuple.address.is_v4())
            continue;
        std::vector<ListenTuple> rest;
        for (const ListenTuple& piece : left) {
            if (piece.port < wildcard.port)
                rest.push_back({piece.protocol, piece.address, piece.port,
                                std::min<std::uint16_t>(piece.last_port, wildcard.port - 1)});
            if (piece.last_port > wildcard.last_port)
                rest.push_back({piece.protocol, piece.address,
                                std::max<std::uint16_t>(piece.port, wildcard.last_port + 1),
                                piece.last_port});
        }
        left = std::move(rest);
    }
    return left;
}

Reservations::~Reservations() {
    for (const auto& [tuple, sockets] : sockets_)
        for (const int fd : sockets) ::close(fd);
}

// What goes is closed first: 10.0.0.1:80 cannot be bound while our own 0.0.0.0:80 is.
Status Reservations::replace(const std::vector<ListenTuple>& tuples) {
    const std::set<ListenTuple> wanted(tuples.begin(), tuples.end());
    if (auto status = check_files(wanted); !status) return status;
    std::vector<ListenTuple> dropped;
    std::vector<ListenTuple> added;
    for (const auto& [tuple, sockets] : sockets_)
        if (!wanted.contains(tuple)) dropped.push_back(tuple);
    for (const ListenTuple& tuple : dropped) drop(tuple);
    for (const ListenTuple& tuple : wanted) {
        if (sockets_.contains(tuple)) continue;
        if (auto status = add(tuple); !status) {
            roll_back(added, dropped);
            return status;
        }
        added.push_back(tuple);
    }
    return success();
}

Status Reservations::add(const ListenTuple& tuple) {
    const bool held = is_held(tuple);
    std::vector<int>& sockets = sockets_[tuple];
    for (unsigned port = tuple.port; port <= tuple.last_port; port++) {
        int fd = -1;
        ListenTuple one = tuple;
        one.port = static_cast<std::uint16_t>(port);
        if (const int error = hold(one, fd)) {
            drop(tuple);
            return Error{"bind() to " + to_string(one.address, one.port) + " failed (" +
                         system_error(error) + ")"};
        }
        if (held)
            sockets.push_back(fd);
        else
            ::close(fd);
    }
    return success();
}

void Reservations::drop(const ListenTuple& tuple) {
    for (const int fd : sockets_.at(tuple)) ::close(fd);
    sockets_.erase(tuple);
}

void Reservations::roll_back(const std::vector<ListenTuple>& added,
                             const std::vector<ListenTuple>& dropped) {
    for (const ListenTuple& tuple : added) drop(tuple);
    for (const ListenTuple& tuple : dropped)
        if (const auto status = add(tuple); !status) log::error("{}", status.error());
}

}  // namespace weir
