// SPDX-License-Identifier: Apache-2.0
// See maglev.h. Every backend prefers the slots in an order of its own (offset, offset + skip,
// ...); the backends take turns, and in its turn each takes the first slot of its order that is
// still free. A backend with a fraction of the greatest weight takes that fraction of the turns.
//
// Near the end most slots asked for are taken: for each slot of the table some ln(size) are looked
// at, at random. So what is looked at is a bit a slot, which stays in the L1 cache, and a step is
// an addition.
#include "control/balancing/maglev.h"

#include <algorithm>
#include <cassert>
#include <numeric>

namespace weir {
namespace {

// FNV-1a, then a finalizer: names that differ in one digit must not give neighbouring offsets.
std::uint64_t hash(std::string_view name, std::uint64_t seed) {
    std::uint64_t h = 0xcbf29ce484222325U ^ seed;
    for (char c : name) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
    h = (h ^ (h >> 33)) * 0xff51afd7ed558ccdU;
    h = (h ^ (h >> 33)) * 0xc4ceb9fe1a85ec53U;
    return h ^ (h >> 33);
}

struct Contender {
    std::uint32_t index;
    std::uint32_t next;  // the slot it will ask for next
    std::uint32_t skip;
    std::uint64_t weight;
    std::uint64_t credit = 0;
};

std::vector<Contender> contenders_of(std::span<const MaglevBackend> backends, std::size_t size) {
    std::vector<std::uint32_t> order(backends.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&](auto a, auto b) { return backends[a].name < backends[b].name; });
    std::vector<Contender> contenders;
    for (std::uint32_t index : order) {
        const auto& [name, weight] = backends[index];
        if (weight == 0) continue;
        contenders.push_back({index, static_cast<std::uint32_t>(hash(name, 0x6f6666736574U) % size),
                              static_cast<std::uint32_t>(hash(name, 0x736b6970U) % (size - 1) + 1),
                              weight});
    }
    return contenders;
}

class FreeSlots {
  public:
    explicit FreeSlots(std::uint32_t size) : taken_(size / 64 + 1), size_(size) {}

    // The first free slot of the contender's order, from where it stands; taken from now on.
    std::uint32_t take(Contender& contender) {
        std::uint32_t slot = contender.next;
        while (taken_[slot / 64] >> slot % 64 & 1) slot = after(slot, contender.skip);
        taken_[slot / 64] |= std::uint64_t{1} << slot % 64;
        contender.next = after(slot, contender.skip);
        return slot;
    }

  private:
    std::uint32_t after(std::uint32_t slot, std::uint32_t skip) const {
        slot += skip;
        return slot >= size_ ? slot - size_ : slot;
    }

    std::vector<std::uint64_t> taken_;
    std::uint32_t size_;
};

}  // namespace

bool is_prime(std::size_t number) {
    if (number < 2) return false;
    for (std::size_t divisor = 2; divisor * divisor <= number; ++divisor)
        if (number % divisor == 0) return false;
    return true;
}

std::vector<std::uint32_t> maglev_table(std::span<const MaglevBackend> backends, std::size_t size) {
    assert(is_prime(size) && size > 2 && size < (1u << 31) &&
           "a skip that divides the size would miss slots");
    auto contenders = contenders_of(backends, size);
    if (contenders.empty()) return {};
    std::uint64_t heaviest = 0;
    for (const Contender& contender : contenders) heaviest = std::max(heaviest, contender.weight);

    std::vector<std::uint32_t> table(size);
    FreeSlots free_slots(static_cast<std::uint32_t>(size));
    for (std::size_t filled = 0;;) {
        for (Contender& contender : contenders) {
            contender.credit += contender.weight;
            if (contender.credit < heaviest) continue;
            contender.credit -= heaviest;
            table[free_slots.take(contender)] = contender.index;
            if (++filled == size) return table;
        }
    }
}

}  // namespace weir
