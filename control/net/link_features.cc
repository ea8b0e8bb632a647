// SPDX-License-Identifier: Apache-2.0
// ETHTOOL_GFEATURES and ETHTOOL_SFEATURES: bits whose names are a set of strings.
#include "control/net/link_features.h"

#include <fmt/format.h>
#include <linux/ethtool.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "control/log/system_error.h"
#include "control/net/ethtool.h"

namespace weir {
namespace {

// A struct of linux/ethtool.h that ends in an array.
template <class Header, class Element>
class Message {
  public:
    explicit Message(std::size_t count)
        : bytes_((sizeof(Header) + count * sizeof(Element) + sizeof(std::uint64_t) - 1) /
                 sizeof(std::uint64_t)) {}
    Header& header() { return *reinterpret_cast<Header*>(bytes_.data()); }
    Element* elements() { return reinterpret_cast<Element*>(&header() + 1); }

  private:
    std::vector<std::uint64_t> bytes_;
};

Error failure(const std::string& what, const std::string& interface, int error) {
    return Error{
        fmt::format("cannot {} the features of {} ({})", what, interface, system_error(error))};
}

Result<std::vector<std::string>> feature_names(const std::string& interface) {
    Message<ethtool_sset_info, std::uint32_t> info(1);
    info.header().cmd = ETHTOOL_GSSET_INFO;
    info.header().sset_mask = 1ull << ETH_SS_FEATURES;
    if (const int error = ethtool(interface, &info.header()))
        return failure("count", interface, error);
    const std::size_t count = info.header().sset_mask == 0 ? 0 : *info.elements();

    using Name = std::array<char, ETH_GSTRING_LEN>;
    Message<ethtool_gstrings, Name> strings(count);
    strings.header().cmd = ETHTOOL_GSTRINGS;
    strings.header().string_set = ETH_SS_FEATURES;
    strings.header().len = static_cast<std::uint32_t>(count);
    if (const int error = ethtool(interface, &strings.header()))
        return failure("name", interface, error);
    std::vector<std::string> names;
    for (std::size_t i = 0; i < count; i++) {
        const Name& name = strings.elements()[i];
        names.emplace_back(name.data(), ::strnlen(name.data(), name.size()));
    }
    return names;
}

std::size_t blocks(std::size_t features) {
    return (features + 31) / 32;
}

}  // namespace

Result<std::vector<std::string>> features_on(const std::string& interface,
                                             const std::vector<std::string>& names) {
    const auto known = feature_names(interface);
    if (!known) return Error{known.error()};
    const std::size_t size = blocks(known->size());
    Message<ethtool_gfeatures, ethtool_get_features_block> now(size);
    now.header().cmd = ETHTOOL_GFEATURES;
    now.header().size = static_cast<std::uint32_t>(size);
    if (const int error = ethtool(interface, &now.header()))
        return failure("read", interface, error);
    std::vector<std::string> on;
    for (std::size_t i = 0; i < known->size(); i++) {
        const ethtool_get_features_block& block = now.elements()[i / 32];
        if (block.active & block.available & ~block.never_changed & 1u << i % 32)
            if (std::ranges::find(names, (*known)[i]) != names.end()) on.push_back((*known)[i]);
    }
    return on;
}

Status set_features(const std::string& interface, const std::vector<std::string>& names, bool on) {
    if (names.empty()) return success();
    const auto known = feature_names(interface);
    if (!known) return Error{known.error()};
    const std::size_t size = blocks(known->size());
    Message<ethtool_sfeatures, ethtool_set_features_block> wanted(size);
    wanted.header().cmd = ETHTOOL_SFEATURES;
    wanted.header().size = static_cast<std::uint32_t>(size);
    for (std::size_t i = 0; i < known->size(); i++) {
        if (std::ranges::find(names, (*known)[i]) == names.end()) continue;
        wanted.elements()[i / 32].valid |= 1u << i % 32;
        if (on) wanted.elements()[i / 32].requested |= 1u << i % 32;
    }
    if (const int error = ethtool(interface, &wanted.header()))
        return failure("change", interface, error);
    const auto left = features_on(interface, names);
    if (!left) return Error{left.error()};
    if (left->size() != (on ? names.size() : 0))
        return Error{fmt::format("{} does not let {} be turned {}", interface,
                                 fmt::join(on ? names : *left, ", "), on ? "on" : "off")};
    return success();
}

}  // namespace weir
