// SPDX-License-Identifier: Apache-2.0
// See parser.h: the entry point and the default resolver.
#include "control/config/parser.h"

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>

#include <memory>

#include "control/config/defaults.h"
#include "control/config/parse.h"

namespace weir::config {
namespace {

IpAddress address_of(const addrinfo& info) {
    if (info.ai_family == AF_INET) {
        const auto* in = reinterpret_cast<const sockaddr_in*>(info.ai_addr);
        return boost::asio::ip::address_v4(ntohl(in->sin_addr.s_addr));
    }
    const auto* in = reinterpret_cast<const sockaddr_in6*>(info.ai_addr);
    boost::asio::ip::address_v6::bytes_type bytes;
    std::copy(std::begin(in->sin6_addr.s6_addr), std::end(in->sin6_addr.s6_addr), bytes.begin());
    return boost::asio::ip::address_v6(bytes);
}

}  // namespace

Result<std::vector<IpAddress>> resolve_host(const std::string& host) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_ADDRCONFIG;
    addrinfo* found = nullptr;
    if (::getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) return Error{"host not found"};
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
    std::vector<IpAddress> addresses;
    for (int family : {AF_INET, AF_INET6})
        for (const addrinfo* info = found; info; info = info->ai_next)
            if (info->ai_family == family) addresses.push_back(address_of(*info));
    if (addresses.empty()) return Error{"host not found"};
    return addresses;
}

Result<Parsed> parse(const ParseOptions& options) {
    Parse parse(options);
    parse.model.core.error_log.target =
        options.error_log.empty() ? default_error_log : options.error_log;
    parse.model.core.pid = default_pid;
    return parse.run();
}

Status check_serves(const Model& model, const std::string& file) {
    if (!model.services.empty()) return success();
    return Error{fmt::format(
        "no \"server\" in configuration {}\n  it would balance nothing: the file is empty or cut "
        "off, or its \"stream\" and \"http\" blocks are",
        file)};
}

}  // namespace weir::config
