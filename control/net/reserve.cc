// SPDX-License-Identifier: Apache-2.0
// Binds the sockets behind Reservations. See reserve.h.
#include "control/net/reserve.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

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

std::string text(const ListenTuple& tuple) {
    const std::string address = tuple.address.to_string();
    return (tuple.address.is_v4() ? address : "[" + address + "]") + ":" +
           std::to_string(tuple.port);
}

}  // namespace

Reservations::~Reservations() {
    for (const auto& [tuple, fd] : sockets_) ::close(fd);
}

// What goes is closed first: 10.0.0.1:80 cannot be bound while our own 0.0.0.0:80 is.
Status Reservations::replace(const std::vector<ListenTuple>& tuples) {
    const std::set<ListenTuple> wanted(tuples.begin(), tuples.end());
    std::vector<ListenTuple> dropped;
    std::vector<ListenTuple> added;
    for (auto item = sockets_.begin(); item != sockets_.end();) {
        if (wanted.contains(item->first)) {
            ++item;
            continue;
        }
        dropped.push_back(item->first);
        ::close(item->second);
        item = sockets_.erase(item);
    }
    for (const ListenTuple& tuple : wanted) {
        if (sockets_.contains(tuple)) continue;
        if (const int error = add(tuple)) {
            roll_back(added, dropped);
            return Error{"bind() to " + text(tuple) + " failed (" + system_error(error) + ")"};
        }
        added.push_back(tuple);
    }
    return success();
}

int Reservations::add(const ListenTuple& tuple) {
    int fd = -1;
    const int error = hold(tuple, fd);
    if (!error) sockets_.emplace(tuple, fd);
    return error;
}

void Reservations::roll_back(const std::vector<ListenTuple>& added,
                             const std::vector<ListenTuple>& dropped) {
    for (const ListenTuple& tuple : added) {
        ::close(sockets_.at(tuple));
        sockets_.erase(tuple);
    }
    for (const ListenTuple& tuple : dropped) {
        if (const int error = add(tuple)) {
            log::error("bind() to {} failed ({})", text(tuple), system_error(error));
        }
    }
}

}  // namespace weir
