// SPDX-License-Identifier: Apache-2.0
#include "control/net/path_mtu.h"

#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>

#include "control/log/log.h"
#include "control/log/system_error.h"

namespace weir {
namespace {

namespace asio = boost::asio;
using asio::ip::icmp;
using boost::system::error_code;

constexpr std::size_t messages_at_once = 64;  // then others have their turn

// The kernel hands over nothing else: an idle balancer is not woken by pings.
int only_too_big(int socket, bool v4) {
    if (v4) {
        icmp_filter filter{~(1u << ICMP_DEST_UNREACH)};
        return ::setsockopt(socket, SOL_RAW, ICMP_FILTER, &filter, sizeof filter);
    }
    icmp6_filter filter;
    ICMP6_FILTER_SETBLOCKALL(&filter);
    ICMP6_FILTER_SETPASS(ICMP6_PACKET_TOO_BIG, &filter);
    return ::setsockopt(socket, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof filter);
}

}  // namespace

PathMtus::PathMtus(asio::io_context& io, OnChange callback, std::chrono::seconds lifetime)
    : callback_(std::move(callback)), lifetime_(lifetime), v4_(io), v6_(io), timer_(io) {}

Result<std::unique_ptr<PathMtus>> PathMtus::open(asio::io_context& io, OnChange callback,
                                                 std::chrono::seconds lifetime) {
    std::unique_ptr<PathMtus> made(new PathMtus(io, std::move(callback), lifetime));
    if (auto status = made->listen(made->v4_, icmp::v4()); !status) return Error{status.error()};
    made->wait(made->v4_, true);
    if (auto status = made->listen(made->v6_, icmp::v6()); !status)
        log::info("IPv6 path MTUs are not followed: {}", status.error());
    else
        made->wait(made->v6_, false);
    return made;
}

Status PathMtus::listen(Socket& socket, icmp protocol) {
    error_code error;
    socket.open(protocol, error);
    if (!error) socket.non_blocking(true, error);
    if (error) return Error{"socket for ICMP failed (" + system_error(error.value()) + ")"};
    if (only_too_big(socket.native_handle(), protocol == icmp::v4()) != 0)
        return Error{"filter for ICMP failed (" + system_error(errno) + ")"};
    return success();
}

void PathMtus::watch(const std::vector<IpAddress>& addresses) {
    watched_ = {addresses.begin(), addresses.end()};
    std::erase_if(known_, [this](const auto& entry) { return !watched_.contains(entry.first); });
}

unsigned PathMtus::find(const IpAddress& address) const {
    const auto known = known_.find(address);
    return known == known_.end() ? 0 : known->second.mtu;
}

void PathMtus::wait(Socket& socket, bool v4) {
    socket.async_wait(Socket::wait_read, [this, &socket, v4](const error_code& code) {
        if (code) return;
        receive(socket, v4);
        wait(socket, v4);
    });
}

void PathMtus::receive(Socket& socket, bool v4) {
    std::array<std::uint8_t, 256> buffer;  // the headers come first, more is not read
    for (std::size_t i = 0; i < messages_at_once; i++) {
        error_code error;
        const std::size_t length = socket.receive(asio::buffer(buffer), 0, error);
        if (error) return;
        const std::span<const std::uint8_t> bytes(buffer.data(), std::min(length, buffer.size()));
        if (const auto too_big = v4 ? too_big_of_v4(bytes) : too_big_of_v6(bytes)) learn(*too_big);
    }
}

// Only ever narrower: that a path is wider again shows once this one is forgotten.
void PathMtus::learn(const TooBig& too_big) {
    if (!watched_.contains(too_big.destination)) return;
    Known& known = known_[too_big.destination];
    if (known.mtu != 0 && known.mtu <= too_big.mtu) return;
    known = {too_big.mtu, Clock::now() + lifetime_};
    log::notice("packets to {} may have {} bytes, a router says", too_big.destination.to_string(),
                too_big.mtu);
    forget_in_time();
    callback_();
}

void PathMtus::forget_in_time() {
    if (known_.empty()) return;
    const auto first =
        std::ranges::min_element(known_, {}, [](const auto& entry) { return entry.second.until; });
    timer_.expires_at(first->second.until);
    timer_.async_wait([this](const error_code& code) {
        if (code) return;
        const auto now = Clock::now();
        std::erase_if(known_, [now](const auto& entry) { return entry.second.until <= now; });
        forget_in_time();
        callback_();
    });
}

}  // namespace weir
