// SPDX-License-Identifier: Apache-2.0
// The shared tables in BPF maps: creates them at the size of a geometry, or takes over those that
// an earlier weir of the same instance left pinned (its flows live on), loads the XDP program over
// them and maps them into this process. The XDP engine owns one; the packet rows' runner uses it
// without pins. It never attaches anything to an interface.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/publish/bpffs.h"
#include "control/publish/sizing.h"
#include "dataplane/tables/result.h"
#include "dataplane/tables/view.h"

struct weir_xdp;  // the skeleton

namespace weir::publish {

struct BpfStoreOptions {
    std::string instance;       // empty: nothing is pinned, the maps end with this object
    tables::Geometry geometry;  // of new tables
    std::uint64_t seed = 0;     // random; kept from the earlier weir when its maps are taken over
    bool own_clock = false;     // the program's time is what set_clock() says, not the kernel's
    Needs needs;                // what an earlier weir's tables must hold to be taken over
};

class BpfStore {
  public:
    static Result<std::unique_ptr<BpfStore>> open(const BpfStoreOptions& options);
    ~BpfStore();  // leaves the pins: packets are forwarded on
    BpfStore(const BpfStore&) = delete;
    BpfStore& operator=(const BpfStore&) = delete;

    // One flow table for all CPUs, one row of counters for each CPU that this machine may ever
    // have.
    static tables::Geometry geometry(std::uint32_t flows);

    const tables::View& view() const { return view_; }
    bool adopted() const { return adopted_; }  // the maps and their flows are an earlier weir's
    int program() const;                       // descriptor of the loaded XDP program
    const std::optional<PinFolder>& pins() const { return pins_; }
    void set_clock(std::uint64_t now);  // with own_clock

    // Unpins the maps; they end with this object and the last program that uses them.
    void destroy();

  private:
    struct Mapping {
        void* place;
        std::size_t bytes;
    };

    BpfStore() = default;
    bool adopt(const BpfStoreOptions& options);
    Status load(const BpfStoreOptions& options);
    Status map_views();
    Status pin_all();

    weir_xdp* skeleton_ = nullptr;
    std::optional<PinFolder> pins_;
    tables::Geometry geometry_;  // of the tables as they are
    std::vector<Mapping> mappings_;
    tables::View view_;
    bool adopted_ = false;
};

}  // namespace weir::publish
