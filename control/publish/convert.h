// SPDX-License-Identifier: Apache-2.0
// Between control's types and the tables' wire types.
#pragma once

#include <algorithm>
#include <array>
#include <boost/asio/ip/address.hpp>
#include <cstring>

#include "bpf/shared/types.h"

namespace weir::publish {

using IpAddress = boost::asio::ip::address;

inline weir_addr to_addr(const IpAddress& address) {
    weir_addr addr;
    if (address.is_v4()) {
        weir_be32 word;
        const auto bytes = address.to_v4().to_bytes();
        std::memcpy(&word, bytes.data(), sizeof(word));
        return weir_addr_v4(word);
    }
    const auto bytes = address.to_v6().to_bytes();
    std::memcpy(&addr, bytes.data(), sizeof(addr));
    return addr;
}

inline IpAddress from_addr(const weir_addr& addr) {
    if (weir_addr_is_v4(&addr)) return boost::asio::ip::address_v4(weir_be32_to(addr.word[3]));
    boost::asio::ip::address_v6::bytes_type bytes;
    std::memcpy(bytes.data(), &addr, sizeof(addr));
    return boost::asio::ip::address_v6(bytes);
}

inline weir_mac to_mac(const std::array<std::uint8_t, 6>& bytes) {
    weir_mac mac;
    std::ranges::copy(bytes, mac.byte);
    return mac;
}

}  // namespace weir::publish
