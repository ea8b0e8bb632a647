// SPDX-License-Identifier: Apache-2.0
// Where the packet fuzzer's decisions come from: a seed (the bounded run) or a fuzzer's input
// (libFuzzer). The same source makes the same scenario on any machine. Every choice falls to the
// dull side when an input has run out, so that it ends.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace weir::fuzz {

class Choices {
  public:
    explicit Choices(std::uint64_t seed) : state_(seed) {}
    explicit Choices(std::span<const std::uint8_t> input) : input_(input), from_input_(true) {}

    bool exhausted() const { return from_input_ && input_.empty(); }

    // 0 to n - 1; 0 of nothing.
    std::size_t below(std::size_t n) {
        return n == 0 ? 0 : static_cast<std::size_t>(next(n <= 256 ? 1 : 4) % n);
    }
    bool one_in(std::size_t n) { return below(n) == n - 1; }
    std::uint8_t byte() { return static_cast<std::uint8_t>(next(1)); }
    std::uint16_t word() { return static_cast<std::uint16_t>(next(2)); }

    template <class List>
    auto& of(List& list) {
        return list[below(std::size(list))];
    }

  private:
    std::uint64_t next(unsigned bytes) { return from_input_ ? from_input(bytes) : from_seed(); }

    std::uint64_t from_input(unsigned bytes) {
        std::uint64_t value = 0;
        for (unsigned i = 0; i < bytes && !input_.empty(); i++) {
            value = value << 8 | input_.front();
            input_ = input_.subspan(1);
        }
        return value;
    }

    // SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators).
    std::uint64_t from_seed() {
        std::uint64_t mixed = state_ += 0x9e3779b97f4a7c15u;
        mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9u;
        mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebu;
        return mixed ^ mixed >> 31;
    }

    std::uint64_t state_ = 0;
    std::span<const std::uint8_t> input_;
    bool from_input_ = false;
};

}  // namespace weir::fuzz
