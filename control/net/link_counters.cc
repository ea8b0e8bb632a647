// SPDX-License-Identifier: Apache-2.0
#include "control/net/link_counters.h"

#include <linux/ethtool.h>
#include <linux/if_link.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <optional>

#include "control/log/system_error.h"
#include "control/net/ethtool.h"

namespace weir {
namespace {

std::optional<LinkCounters> parse_counters(const nlmsghdr* message) {
    if (message->nlmsg_type != RTM_NEWLINK || !nlmsg_valid_hdr(message, sizeof(ifinfomsg)))
        return std::nullopt;
    const auto data = NetlinkAttributes(message, sizeof(ifinfomsg)).data(IFLA_STATS64);
    rtnl_link_stats64 stats{};
    std::memcpy(&stats, data.data(), std::min(data.size(), sizeof(stats)));
    return LinkCounters{stats.rx_packets,
                        stats.rx_bytes,
                        stats.tx_packets,
                        stats.tx_bytes,
                        stats.rx_errors,
                        stats.tx_errors,
                        stats.rx_dropped + stats.rx_missed_errors,
                        stats.tx_dropped};
}

// A request of the ethtool ioctl with its answer behind it, as 64-bit words.
template <class Request>
class Answer {
  public:
    explicit Answer(std::size_t payload)
        : words_((sizeof(Request) + payload + 7) / 8), request_(new (words_.data()) Request{}) {}
    Request* operator->() { return request_; }
    Request* get() { return request_; }
    const char* payload() const {
        return reinterpret_cast<const char*>(words_.data()) + sizeof(Request);
    }

  private:
    std::vector<std::uint64_t> words_;
    Request* request_;
};

unsigned number_of_counters(const std::string& interface) {
    Answer<ethtool_sset_info> info(sizeof(std::uint32_t));
    info->cmd = ETHTOOL_GSSET_INFO;
    info->sset_mask = std::uint64_t{1} << ETH_SS_STATS;
    if (ethtool(interface, info.get()) != 0 || info->sset_mask == 0) return 0;
    std::uint32_t number = 0;
    std::memcpy(&number, info.payload(), sizeof(number));
    return number;
}

}  // namespace

Result<LinkCounters> link_counters(Netlink& netlink, int ifindex) {
    NetlinkRequest request(RTM_GETLINK, NLM_F_REQUEST);
    ifinfomsg header{};
    header.ifi_index = ifindex;
    request.header(header);
    std::optional<LinkCounters> found;
    const int error = netlink.run(request, [&](const nlmsghdr* message) {
        if (const auto counters = parse_counters(message)) found = counters;
    });
    if (error || !found)
        return Error{"cannot read the counters of interface number " + std::to_string(ifindex) +
                     " (" + system_error(error) + ")"};
    return *found;
}

std::vector<std::pair<std::string, std::uint64_t>> driver_counters(const std::string& interface,
                                                                   const std::string& word) {
    const unsigned number = number_of_counters(interface);
    if (number == 0) return {};
    Answer<ethtool_gstrings> names(std::size_t{number} * ETH_GSTRING_LEN);
    names->cmd = ETHTOOL_GSTRINGS;
    names->string_set = ETH_SS_STATS;
    names->len = number;
    Answer<ethtool_stats> values(std::size_t{number} * sizeof(std::uint64_t));
    values->cmd = ETHTOOL_GSTATS;
    values->n_stats = number;
    if (ethtool(interface, names.get()) != 0 || ethtool(interface, values.get()) != 0) return {};
    std::vector<std::pair<std::string, std::uint64_t>> found;
    for (std::size_t i = 0; i < std::min({number, names->len, values->n_stats}); i++) {
        const char* text = names.payload() + i * ETH_GSTRING_LEN;
        std::string name(text, ::strnlen(text, ETH_GSTRING_LEN));
        if (name.find(word) == std::string::npos) continue;
        std::uint64_t value = 0;
        std::memcpy(&value, values.payload() + i * sizeof(value), sizeof(value));
        found.emplace_back(std::move(name), value);
    }
    return found;
}

}  // namespace weir
