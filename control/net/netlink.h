// SPDX-License-Identifier: Apache-2.0
// Rtnetlink requests, thinly over libnl: build a message, send it, hand every reply to a function.
// Used by all of control/net. The kernel answers inside the call, so nothing here waits on the
// network. A socket belongs to the network namespace of the thread that opened it.
#pragma once

#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <netlink/socket.h>

#include <functional>
#include <memory>
#include <span>
#include <string>

#include "control/net/address.h"
#include "dataplane/tables/result.h"

namespace weir {

class NetlinkRequest {
  public:
    NetlinkRequest(int type, int flags);

    template <class T>
    NetlinkRequest& header(const T& value) {
        return bytes(&value, sizeof value);
    }
    NetlinkRequest& attribute(int type, const void* data, std::size_t size);
    NetlinkRequest& attribute(int type, std::uint32_t value);
    NetlinkRequest& attribute(int type, const std::string& text);  // NUL-terminated
    NetlinkRequest& attribute(int type, const IpAddress& address);
    NetlinkRequest& attribute(int type, const MacAddress& mac);
    NetlinkRequest& nest(int type, const std::function<void(NetlinkRequest&)>& fill);

    nl_msg* message() const { return message_.get(); }

  private:
    NetlinkRequest& bytes(const void* data, std::size_t size);

    struct Free {
        void operator()(nl_msg* message) const { nlmsg_free(message); }
    };
    std::unique_ptr<nl_msg, Free> message_;
};

class Netlink {
  public:
    using Each = std::function<void(const nlmsghdr*)>;

    static Result<Netlink> open();

    // Sends, passes each reply to `each`, and returns 0 or the kernel's errno.
    int run(const NetlinkRequest& request, const Each& each = {});

    // Asks for a whole table; repeats when it changed meanwhile, so `begin` must forget what was
    // collected.
    int dump(const NetlinkRequest& request, const std::function<void()>& begin, const Each& each);

  private:
    struct Free {
        void operator()(nl_sock* socket) const { nl_socket_free(socket); }
    };
    explicit Netlink(nl_sock* socket) : socket_(socket) {}

    std::unique_ptr<nl_sock, Free> socket_;
};

// Attributes of a received message; any may be missing or of an unexpected size.
class NetlinkAttributes {
  public:
    NetlinkAttributes(const nlmsghdr* message, std::size_t header_size);
    explicit NetlinkAttributes(const nlattr* nested);

    const nlattr* find(int type) const;
    bool has(int type) const { return find(type) != nullptr; }
    std::uint32_t number(int type) const;  // 0 when missing
    std::string text(int type) const;
    std::span<const std::uint8_t> data(int type) const;
    std::optional<IpAddress> address(int type) const;
    std::optional<MacAddress> mac(int type) const;

  private:
    const nlattr* head_;
    int size_;
};

}  // namespace weir
