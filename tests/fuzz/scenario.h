// SPDX-License-Identifier: Apache-2.0
// Makes a case out of a row and choices while the twins run it: packets as they are, changed, cut,
// or answers to and errors about what has just left. Called by both packet fuzzers.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "tests/fuzz/choices.h"
#include "tests/fuzz/several.h"
#include "tests/fuzz/twins.h"

namespace weir::fuzz {

class Scenario {
  public:
    // All of it outlives the scenario; `rows` are not empty. `several`: the twins differ in their
    // number of workers.
    Scenario(Twins& twins, const std::vector<Case>& rows, bool several = false);

    // One case. How the twins differed, if they did.
    std::optional<std::string> play(Choices& choices);

    // The row, with each of its frames cut at each byte before it is sent whole.
    std::optional<std::string> play_cut(const Case& row);

    // The row as it is; with several workers, as far as it can be.
    std::optional<std::string> play_whole(const Case& row, Spread spread);

    // The case, up to where play() has come: also after a crash.
    const Case& so_far() const { return made_; }

  private:
    std::optional<std::string> follow(const Case& row, Choices& choices);
    std::optional<std::string> act(const Case& row, std::size_t& next, Choices& choices);
    std::optional<std::string> take(Step step);
    std::optional<std::string> packet(std::uint64_t port, Bytes frame);
    std::optional<std::string> changed(Step step, Choices& choices);
    std::optional<std::string> reply(Choices& choices);
    std::optional<std::string> error(Choices& choices);
    std::optional<std::string> at_the_edge(const Step& step);
    std::optional<std::string> in_fragments(const Step& step, Choices& choices);
    std::optional<std::string> stranger(const Step& like, Choices& choices);
    void begin(const Case& row, Spread spread);
    void change_tables(nlohmann::json& generation, bool same_ids, Choices& choices);
    std::optional<std::string> reload(Choices& choices);

    Twins& twins_;
    bool several_;
    Spread spread_ = Spread::by_port;
    const std::vector<Case>& rows_;
    std::vector<const Step*> packets_;  // of all rows
    Case made_;
};

// A smaller case that the twins still differ in.
Case shrunk(Twins& twins, Case one);

}  // namespace weir::fuzz
