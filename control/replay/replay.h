// SPDX-License-Identifier: Apache-2.0
// A capture run through the packet program, packet by packet: what each came to, and why. Made by
// `weirctl replay` over a runner's tables that surroundings.h has filled. Capture time is the
// program's clock.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "control/publish/directory.h"
#include "control/replay/capture.h"
#include "control/replay/replies.h"
#include "control/replay/runner.h"
#include "control/replay/surroundings.h"

namespace weir::replay {

// What became of one packet of the capture.
struct Replayed {
    weir_reason reason = WEIR_REASON_NONE;
    unsigned in_port = 0;                           // a tagged frame's is its VLAN's
    weir_tuple tuple{};                             // as far as it could be read; else zeros
    const publish::ServiceInfo* service = nullptr;  // where there is one
    const publish::BackendInfo* backend = nullptr;  // that it is for, or from
    bool readdressed = false;                       // see replies.h
    std::vector<Frame> out;                         // likewise
    std::vector<Frame> to_host;
};

class Replay {
  public:
    // All of it outlives the replay; `directory` belongs to the balancer that filled the tables.
    Replay(Runner& runner, const tables::View& view, const publish::Directory& directory);

    // Nothing when the packet is not replayed: see own() and too_long().
    Result<std::optional<Replayed>> step(const Packet& packet);

    std::uint64_t replayed() const { return replayed_; }
    std::uint64_t own() const { return own_; }            // the balancer itself had sent them
    std::uint64_t too_long() const { return too_long_; }  // or too short, for the engine

  private:
    std::uint64_t clock_of(const Packet& packet);
    bool sent_by_balancer(const Bytes& bytes) const;
    unsigned wire_for(const Bytes& bytes) const;
    unsigned port_on(unsigned wire, Bytes bytes) const;
    const publish::BackendInfo* backend_of(std::uint32_t id) const;  // null: there is none
    void describe(Replayed& replayed, Bytes bytes, std::uint64_t clock) const;

    Runner& runner_;
    tables::View view_;
    std::map<std::uint32_t, const publish::ServiceInfo*> services_;
    std::map<std::uint32_t, const publish::BackendInfo*> backends_;
    Replies replies_;
    std::optional<std::uint64_t> first_;
    std::uint64_t clock_;
    std::uint64_t replayed_ = 0;
    std::uint64_t own_ = 0;
    std::uint64_t too_long_ = 0;
};

// The addresses and ports of a frame, as far as they can be read; else zeros.
weir_tuple tuple_of(const Bytes& bytes);

}  // namespace weir::replay
