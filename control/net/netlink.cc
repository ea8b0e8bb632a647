// SPDX-License-Identifier: Apache-2.0
// The netlink requests behind all of control/net: message building, the send-and-receive loop with
// the kernel's own errno (libnl would fold it into its coarser codes), and attribute access.
#include "control/net/netlink.h"

#include <netlink/attr.h>
#include <netlink/netlink.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

namespace weir {
namespace {

struct Exchange {
    const Netlink::Each* each;
    int error = 0;
    bool done = false;
    bool interrupted = false;
};

int on_valid(nl_msg* message, void* context) {
    const auto* exchange = static_cast<Exchange*>(context);
    if (*exchange->each) (*exchange->each)(nlmsg_hdr(message));
    return NL_OK;
}

int on_done(nl_msg*, void* context) {
    static_cast<Exchange*>(context)->done = true;
    return NL_STOP;
}

int on_interrupted(nl_msg*, void* context) {
    static_cast<Exchange*>(context)->interrupted = true;
    return NL_OK;
}

int on_error(sockaddr_nl*, nlmsgerr* error, void* context) {
    auto* exchange = static_cast<Exchange*>(context);
    exchange->error = -error->error;
    exchange->done = true;
    return NL_STOP;
}

}  // namespace

NetlinkRequest::NetlinkRequest(int type, int flags) : message_(nlmsg_alloc_simple(type, flags)) {
    if (!message_) throw std::bad_alloc();
}

NetlinkRequest& NetlinkRequest::bytes(const void* data, std::size_t size) {
    if (nlmsg_append(message(), const_cast<void*>(data), size, NLMSG_ALIGNTO) < 0) {
        throw std::bad_alloc();
    }
    return *this;
}

NetlinkRequest& NetlinkRequest::attribute(int type, const void* data, std::size_t size) {
    if (nla_put(message(), type, static_cast<int>(size), data) < 0) throw std::bad_alloc();
    return *this;
}

NetlinkRequest& NetlinkRequest::attribute(int type, std::uint32_t value) {
    return attribute(type, &value, sizeof value);
}

NetlinkRequest& NetlinkRequest::attribute(int type, const std::string& text) {
    return attribute(type, text.c_str(), text.size() + 1);
}

NetlinkRequest& NetlinkRequest::attribute(int type, const IpAddress& address) {
    const std::string raw = to_bytes(address);
    return attribute(type, raw.data(), raw.size());
}

NetlinkRequest& NetlinkRequest::attribute(int type, const MacAddress& mac) {
    return attribute(type, mac.data(), mac.size());
}

NetlinkRequest& NetlinkRequest::nest(int type, const std::function<void(NetlinkRequest&)>& fill) {
    nlattr* start = nla_nest_start(message(), type);
    if (!start) throw std::bad_alloc();
    fill(*this);
    nla_nest_end(message(), start);
    return *this;
}

Result<Netlink> Netlink::open() {
    nl_sock* socket = nl_socket_alloc();
    if (!socket) throw std::bad_alloc();
    Netlink netlink(socket);
    if (const int code = nl_connect(socket, NETLINK_ROUTE); code < 0) {
        return Error{std::string("cannot open a netlink socket: ") + nl_geterror(code)};
    }
    nl_socket_set_msg_buf_size(socket, 65536);
    return netlink;
}

int Netlink::run(const NetlinkRequest& request, const Each& each) {
    Exchange exchange{&each};
    nl_sock* socket = socket_.get();
    nl_socket_modify_cb(socket, NL_CB_VALID, NL_CB_CUSTOM, on_valid, &exchange);
    nl_socket_modify_cb(socket, NL_CB_ACK, NL_CB_CUSTOM, on_done, &exchange);
    nl_socket_modify_cb(socket, NL_CB_FINISH, NL_CB_CUSTOM, on_done, &exchange);
    nl_socket_modify_cb(socket, NL_CB_DUMP_INTR, NL_CB_CUSTOM, on_interrupted, &exchange);
    nl_socket_modify_err_cb(socket, NL_CB_CUSTOM, on_error, &exchange);

    // A request is sent more than once when a dump was interrupted; each needs its own number.
    nlmsghdr* header = nlmsg_hdr(request.message());
    header->nlmsg_seq = NL_AUTO_SEQ;
    if (nl_send_auto(socket, request.message()) < 0) return errno ? errno : EIO;
    while (!exchange.done) {
        const int received = nl_recvmsgs_default(socket);
        if (received < 0 && !exchange.done) return received == -NLE_INTR ? EINTR : EIO;
    }
    return exchange.interrupted ? EINTR : exchange.error;
}

int Netlink::dump(const NetlinkRequest& request, const std::function<void()>& begin,
                  const Each& each) {
    constexpr int attempts = 5;
    int error = 0;
    for (int i = 0; i < attempts; ++i) {
        begin();
        error = run(request, each);
        if (error != EINTR) break;
    }
    return error == EINTR ? 0
                          : error;  // a busy table: the change notification brings us here again
}

NetlinkAttributes::NetlinkAttributes(const nlmsghdr* message, std::size_t header_size)
    : head_(nlmsg_attrdata(message, static_cast<int>(header_size))),
      size_(nlmsg_attrlen(message, static_cast<int>(header_size))) {}

NetlinkAttributes::NetlinkAttributes(const nlattr* nested)
    : head_(nested ? static_cast<const nlattr*>(nla_data(nested)) : nullptr),
      size_(nested ? nla_len(nested) : 0) {}

const nlattr* NetlinkAttributes::find(int type) const {
    return size_ > 0 ? nla_find(head_, size_, type) : nullptr;
}

std::span<const std::uint8_t> NetlinkAttributes::data(int type) const {
    const nlattr* found = find(type);
    if (!found) return {};
    return {static_cast<const std::uint8_t*>(nla_data(found)),
            static_cast<std::size_t>(nla_len(found))};
}

std::uint32_t NetlinkAttributes::number(int type) const {
    const auto raw = data(type);
    std::uint32_t value = 0;
    if (raw.size() >= sizeof value) std::memcpy(&value, raw.data(), sizeof value);
    return value;
}

std::string NetlinkAttributes::text(int type) const {
    const auto raw = data(type);
    return {raw.begin(), std::find(raw.begin(), raw.end(), 0)};
}

std::optional<IpAddress> NetlinkAttributes::address(int type) const {
    return from_bytes(data(type));
}

std::optional<MacAddress> NetlinkAttributes::mac(int type) const {
    const auto raw = data(type);
    MacAddress mac{};
    if (raw.size() != mac.size()) return std::nullopt;
    std::copy(raw.begin(), raw.end(), mac.begin());
    return mac;
}

}  // namespace weir
