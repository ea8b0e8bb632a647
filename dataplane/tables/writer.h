// SPDX-License-Identifier: Apache-2.0
// The one writer of the shared tables, for both stores. A generation is published in these steps:
//
//   begin()        waits until no reader uses the idle half, nor slots that were given up before
//   write_slots()  any number of times: new slot tables go to free lines of the arena
//   publish()      writes services and backends into the idle half, then stores the generation
//   number
//
// Slot tables of upstreams that did not change are not touched: their range is simply named again.
// Control is single-threaded, and so is this.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "dataplane/tables/arena.h"
#include "dataplane/tables/view.h"

namespace weir::tables {

struct SlotRange {
    std::uint32_t base = 0;  // first slot
    std::uint32_t count = 0;
};

class Writer {
  public:
    // Returns once no reader uses a generation older than the given one, and no sooner.
    using WaitSeen = std::function<void(std::uint64_t generation)>;

    // Takes over tables that an earlier control has published (generation > 0): its slot ranges
    // stay untouched until the first publish() of this writer is seen.
    Writer(View view, WaitSeen wait_seen);

    void begin();

    // Writes backend ids (or WEIR_NO_BACKEND) and returns where; count 0 when the arena has no such
    // room.
    SlotRange write_slots(std::span<const std::uint16_t> backends);

    // The range is not named by the next generation any more; its lines are free once that has been
    // seen, or at once when no published generation has named it.
    void release_slots(SlotRange range);

    // What the ports' own ends are like, by port; counts from the next publish().
    void set_interfaces(std::span<const weir_interface> interfaces);

    // `backends` by id; their `source` is set here. Returns an empty string, or why nothing was
    // published.
    std::string publish(std::span<const weir_service> services,
                        std::span<const weir_backend> backends);

    std::uint64_t generation() const { return view_.control->generation; }
    const View& view() const { return view_; }

    // The services and backends (by id) of the current generation.
    std::span<const weir_service> services() const;
    std::span<const weir_backend> backends() const;

  private:
    // The index of a source address, given to it for good; nothing when there is no room.
    std::optional<std::uint16_t> source(const weir_addr& address) const;
    bool place(std::span<weir_service> half, const weir_service& service) const;

    void write_interfaces(std::uint64_t generation) const;

    View view_;
    WaitSeen wait_seen_;
    std::array<weir_interface, WEIR_PORT_CAPACITY> interfaces_{};
    Arena arena_;
    std::set<std::uint32_t> unpublished_;  // bases written since the last publish
    std::vector<SlotRange> released_;      // since the last publish
    std::vector<SlotRange> resting_;       // named by the generation before; free after begin()
};

}  // namespace weir::tables
