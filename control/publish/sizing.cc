// SPDX-License-Identifier: Apache-2.0
#include "control/publish/sizing.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <map>
#include <numeric>
#include <set>
#include <tuple>
#include <utility>

#include "bpf/shared/hash.h"
#include "control/publish/delivery.h"
#include "control/publish/icmp_peers.h"
#include "control/publish/ids.h"
#include "control/publish/listens.h"
#include "control/publish/slots.h"

namespace weir::publish {
namespace {

using config::IpAddress;

constexpr std::uint32_t most_places = 1u << 21;        // of services, in a half: 256 MiB
constexpr std::uint64_t most_slot_lines = 1ull << 26;  // 4 GiB
constexpr std::uint32_t most_sources = 65533;          // the last two numbers mean something else

std::uint32_t home_of(const weir_service& record) {
    return static_cast<std::uint32_t>(
        weir_hash_service(&record.addr, record.port, record.protocol));
}

std::size_t backends_of(const config::Upstream& upstream) {
    std::set<std::pair<IpAddress, std::uint16_t>> backends;
    for (const config::Server& server : upstream.servers)
        for (const IpAddress& address : server.addresses) backends.emplace(address, server.port);
    return backends.size();
}

std::uint64_t lines_of(std::uint64_t slots) {
    return (slots + WEIR_SLOTS_PER_LINE - 1) / WEIR_SLOTS_PER_LINE;
}

std::uint64_t slot_lines_of(const config::Upstream& upstream, bool quic) {
    std::vector<unsigned> primary;
    std::vector<unsigned> backup;
    std::uint64_t ids = 0;
    for (const config::Server& server : upstream.servers) {
        (server.backup ? backup : primary)
            .insert((server.backup ? backup : primary).end(), server.addresses.size(),
                    server.weight);
        if (quic && server.server_id) ids = std::max<std::uint64_t>(ids, *server.server_id + 1u);
    }
    // Backups stand in for the others, never beside them.
    const auto lines = [&](const std::vector<unsigned>& weights) {
        const SlotCounts counts = slot_counts(upstream.method, weights);
        return lines_of(counts.slots) + lines_of(counts.turns);
    };
    return std::max(lines(primary), lines(backup)) + lines_of(ids);
}

}  // namespace

Needs needs_of(const config::Model& configured, const std::vector<IpAddress>& wildcard) {
    const config::Model model = with_icmp_peers(configured);
    Needs needs;
    needs.upstreams = static_cast<std::uint32_t>(model.upstreams.size());
    std::set<IpAddress> sources(model.dataplane.snat.begin(), model.dataplane.snat.end());
    sources.insert(wildcard.begin(), wildcard.end());
    std::set<std::size_t> quic;
    std::set<ServiceKey> services;
    for (const config::Service& service : model.services) {
        if (service.quic_cid) quic.insert(service.upstream);
        for (const IpAddress& address : addresses_of(model, service, wildcard)) {
            const weir_service record = service_at(service, address);
            if (services.insert(service_key(record)).second)
                needs.services.push_back(home_of(record));
        }
    }
    for (std::size_t i = 0; i < model.upstreams.size(); i++) {
        const config::Upstream& upstream = model.upstreams[i];
        if (upstream.delivery.bind) sources.insert(*upstream.delivery.bind);
        needs.backends += static_cast<std::uint32_t>(backends_of(upstream));
        needs.slot_lines += slot_lines_of(upstream, quic.contains(i));
    }
    needs.sources = static_cast<std::uint32_t>(sources.size());
    return needs;
}

bool have_places(const std::vector<std::uint32_t>& homes, std::uint32_t capacity) {
    std::vector<bool> taken(capacity);
    return std::ranges::all_of(homes, [&](std::uint32_t home) {
        for (std::uint32_t i = 0; i < WEIR_SERVICE_PROBES; i++) {
            const std::uint32_t at = (home + i) & (capacity - 1);
            if (!taken[at]) return taken[at] = true, true;
        }
        return false;
    });
}

// Slot tables four times: while all are replaced there are the old ones and the new ones.
void make_room(tables::Geometry& geometry, const Needs& needs) {
    const auto grow = [](std::uint32_t& size, std::uint64_t wanted, std::uint64_t most) {
        size = std::max<std::uint32_t>(size, static_cast<std::uint32_t>(std::min(wanted, most)));
    };
    grow(geometry.backends, 2ull * needs.backends, most_backends);
    grow(geometry.upstreams, 2ull * needs.upstreams, most_upstreams);
    grow(geometry.sources, 2ull * needs.sources, most_sources);
    grow(geometry.slot_lines, 4 * needs.slot_lines, most_slot_lines);
    std::uint32_t places = std::bit_ceil(std::max<std::uint32_t>(
        16, static_cast<std::uint32_t>(std::min<std::size_t>(needs.services.size(), most_places))));
    while (places < most_places && !have_places(needs.services, places)) places *= 2;
    grow(geometry.services, 2ull * places, most_places);
}

std::string shortage(const tables::Geometry& geometry, const Needs& needs) {
    const auto sentence = [](std::uint64_t wanted, const char* what, std::uint64_t room) {
        return fmt::format("the configuration needs {} {}, the tables of this run hold {}", wanted,
                           what, room);
    };
    if (needs.backends > geometry.backends)
        return sentence(needs.backends, "backends", geometry.backends);
    if (needs.upstreams > geometry.upstreams)
        return sentence(needs.upstreams, "upstreams", geometry.upstreams);
    if (needs.sources > geometry.sources)
        return sentence(needs.sources, "source addresses", geometry.sources);
    if (needs.slot_lines > geometry.slot_lines)
        return sentence(needs.slot_lines * WEIR_SLOTS_PER_LINE, "slots",
                        std::uint64_t{geometry.slot_lines} * WEIR_SLOTS_PER_LINE);
    if (!have_places(needs.services, geometry.services))
        return fmt::format(
            "the configuration has {} services, for which the {} places in the tables of this run "
            "do not suffice",
            needs.services.size(), geometry.services);
    return {};
}

bool holds(const tables::Geometry& geometry, const Needs& needs) {
    return shortage(geometry, needs).empty() && 2 * needs.slot_lines <= geometry.slot_lines;
}

Status check_limits(const config::Model& model) {
    const auto refuse = [](const config::Source& source, const std::string& what) {
        return Error{fmt::format("{} in {}:{}", what, source.file, source.line)};
    };
    std::size_t backends = 0;
    std::uint64_t lines = 0;
    for (std::size_t i = 0; i < model.upstreams.size(); i++) {
        const config::Upstream& upstream = model.upstreams[i];
        if (i == most_upstreams)
            return refuse(upstream.source, fmt::format("more than {} upstreams", most_upstreams));
        backends += backends_of(upstream);
        if (backends > most_backends)
            return refuse(upstream.source,
                          fmt::format("more than {} backends with those of upstream \"{}\"",
                                      most_backends, upstream.name));
        lines += slot_lines_of(upstream, false);
        if (2 * lines > most_slot_lines)
            return refuse(upstream.source,
                          fmt::format("no room for the slots of upstream \"{}\"", upstream.name));
    }
    // A wildcard stands for one address at least.
    const std::vector<IpAddress> any{boost::asio::ip::address_v4::any(),
                                     boost::asio::ip::address_v6::any()};
    std::set<ServiceKey> services;
    std::map<std::tuple<IpAddress, config::Protocol>, unsigned> ranges;
    for (const config::Service& service : model.services)
        for (const IpAddress& address : addresses_of(model, service, any)) {
            if (!services.insert(service_key(service_at(service, address))).second) continue;
            if (services.size() > most_services)
                return refuse(service.source, fmt::format("more than {} services", most_services));
            if (service.is_range() && ++ranges[{address, service.protocol}] > WEIR_SERVICE_PROBES)
                return refuse(service.source,
                              fmt::format("more than {} ranges of ports on {}", WEIR_SERVICE_PROBES,
                                          address.to_string()));
        }
    return success();
}

}  // namespace weir::publish
