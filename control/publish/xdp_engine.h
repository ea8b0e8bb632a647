// SPDX-License-Identifier: Apache-2.0
// The XDP engine as the control plane sees it: the tables in BPF maps (bpf_store.h) and the program
// on interfaces. A pinned bpf_link holds the program on each, so that it goes on forwarding when
// weir is dead; the next weir of the instance puts its own program into the same link, and no
// packet is missed. It never replaces a stranger's program.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>

#include "control/publish/bpf_store.h"
#include "dataplane/tables/result.h"

namespace weir::publish {

// Some XDP program, whosever, runs on the interface in generic mode.
bool runs_generic_xdp(int ifindex);

class XdpEngine {
  public:
    struct Attached {
        std::string mode;      // "native" or "generic"
        std::string why;       // of generic: why not native
        bool adopted = false;  // an earlier weir's link goes on with this weir's program
    };

    static Result<std::unique_ptr<XdpEngine>> start(const BpfStoreOptions& options);
    ~XdpEngine();  // leaves programs and pins where they are: packets are forwarded on
    XdpEngine(const XdpEngine&) = delete;
    XdpEngine& operator=(const XdpEngine&) = delete;

    const tables::View& view() const { return store_->view(); }
    bool adopted() const { return store_->adopted(); }

    // Puts the program on an interface: native if its driver can, else generic.
    Result<Attached> attach(int ifindex, const std::string& name);
    void detach(int ifindex);
    // Takes the program off every interface that is not among these (an earlier weir's, or one that
    // is gone).
    void detach_others(std::span<const int> ifindexes);
    // Takes it off all, and unpins the maps: the kernel is as it was.
    void destroy();

    // Returns when no CPU runs the program with what it read before the call.
    static void wait_seen();

  private:
    explicit XdpEngine(std::unique_ptr<BpfStore> store) : store_(std::move(store)) {}
    bool take_over(int ifindex);
    Result<Attached> attach_new(int ifindex, const std::string& name);

    std::unique_ptr<BpfStore> store_;
    std::map<int, int> links_;  // ifindex -> descriptor
};

}  // namespace weir::publish
