// SPDX-License-Identifier: Apache-2.0
// Two runners that get the same tables and packets, and must do the same: reasons, frames byte for
// byte, and in the end flows, counters, and everything else that the packet program writes. And
// what both do must be right (judge.h). The second may have several workers: then the cases must be
// such that this makes no difference (several.h).
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "control/replay/runner.h"
#include "dataplane/tables/writer.h"
#include "tests/fuzz/case.h"

namespace weir::fuzz {

class Twins {
  public:
    // Both outlive the twins. The second is the one whose name `other` is, in reports.
    Twins(replay::Runner& first, replay::Runner& second, std::string other, unsigned workers = 1)
        : first_{first}, second_{second, workers}, other_(std::move(other)) {}

    // Empty tables with the ports of `one`. Throws what a runner or the writer says.
    void open(const Case& one);

    // How the twins differ after this step; nothing: they do not. A packet that an engine cannot
    // be handed at all is left out.
    std::optional<std::string> step(const Case& one, const Step& step);
    std::optional<std::string> compare_tables() const;

    // All of a case.
    std::optional<std::string> run(const Case& one);

    // What became of the last packet, with the first runner.
    const replay::Fate& fate() const { return fate_; }
    std::uint64_t packets() const { return packets_; }

  private:
    struct Side {
        replay::Runner& runner;
        unsigned workers = 1;
        tables::View view = {};
        std::unique_ptr<tables::Writer> writer = {};
    };
    static void open(Side& side, const Case& one);
    std::optional<std::string> send(const Step& step);
    bool wild_ = false;  // see case.h
    bool several() const { return second_.view.workers.size() > 1; }

    Side first_;
    Side second_;
    std::string other_;
    replay::Fate fate_;
    std::uint64_t now_ = 0;
    std::uint64_t packets_ = 0;
};

}  // namespace weir::fuzz
