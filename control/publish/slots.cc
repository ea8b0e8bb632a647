// SPDX-License-Identifier: Apache-2.0
#include "control/publish/slots.h"

#include <algorithm>
#include <numeric>
#include <span>

#include "bpf/shared/tables.h"
#include "control/balancing/ip_hash.h"
#include "control/balancing/maglev.h"
#include "control/balancing/smooth_wrr.h"

namespace weir::publish {
namespace {

// Longer periods only come from coprime weights in the thousands; they are scaled down to this.
constexpr std::size_t longest_sequence = 65536;

// Prime, and a hundred times more than the backends an upstream usually has (NSDI 2016,
// section 5.3).
constexpr std::size_t maglev_slots = 65537;

std::vector<unsigned> weights_of(const std::vector<Peer>& peers) {
    std::vector<unsigned> weights;
    for (const Peer& peer : peers) weights.push_back(peer.weight);
    return weights;
}

// From indices of peers to backend ids; a peer that may not take flows leaves its slots empty.
std::vector<std::uint16_t> ids_of(const std::vector<std::uint32_t>& indices,
                                  const std::vector<Peer>& peers) {
    std::vector<std::uint16_t> ids;
    ids.reserve(indices.size());
    for (const std::uint32_t index : indices)
        ids.push_back(peers[index].usable ? peers[index].backend : WEIR_NO_BACKEND);
    return ids;
}

std::vector<std::uint32_t> maglev_indices(const std::vector<Peer>& peers) {
    std::vector<MaglevBackend> backends;
    for (const Peer& peer : peers) backends.push_back({peer.name, peer.weight});
    return maglev_table(backends, maglev_slots);
}

}  // namespace

// The turns are those that are left once the weights have no common divisor.
SlotCounts slot_counts(config::Method method, const std::vector<unsigned>& weights) {
    if (weights.empty()) return {};
    if (method == config::Method::maglev) return {maglev_slots, 0};
    std::uint64_t total = 0;
    unsigned divisor = 0;
    for (const unsigned weight : weights) {
        total += weight;
        divisor = std::gcd(divisor, weight);
    }
    return {method == config::Method::ip_hash ? std::min<std::uint64_t>(total, ip_hash_range) : 0,
            std::min<std::uint64_t>(total / divisor, longest_sequence)};
}

SlotTables slot_tables(config::Method method, const std::vector<Peer>& peers) {
    std::vector<Peer> primary;
    std::vector<Peer> backups;
    for (const Peer& peer : peers) (peer.backup ? backups : primary).push_back(peer);
    std::vector<Peer> group =
        std::ranges::any_of(primary, &Peer::usable) ? std::move(primary) : std::move(backups);
    std::vector<Peer> usable;
    std::ranges::copy_if(group, std::back_inserter(usable), &Peer::usable);

    SlotTables tables;
    if (usable.empty()) return tables;
    if (method == config::Method::maglev) {
        tables.slots = ids_of(maglev_indices(usable), usable);
        return tables;
    }
    if (method == config::Method::ip_hash)
        tables.slots = ids_of(ip_hash_slots(weights_of(group)), group);
    tables.turns = ids_of(smooth_wrr_sequence(weights_of(usable), longest_sequence), usable);
    return tables;
}

}  // namespace weir::publish
