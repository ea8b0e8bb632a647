// SPDX-License-Identifier: Apache-2.0
// Runs packets through the loaded XDP program by BPF_PROG_TEST_RUN: the kernel's verifier and
// compiler took part. The interfaces are veths in a network namespace of this thread; nothing is
// attached and no packet leaves. See runner.h.
#include <bpf/bpf.h>
#include <sched.h>

#include <cerrno>
#include <cstring>
#include <map>

#include "control/log/system_error.h"
#include "control/net/host_link.h"
#include "control/publish/bpf_store.h"
#include "control/publish/xdp_fragments.h"
#include "control/replay/runner.h"

namespace weir::replay {
namespace {

// What a test run takes: an Ethernet header at least; at most a page, less the head room and the
// shared info behind the data (kernel: bpf_test_init), and where frames may lie in several buffers,
// 16 pages more.
constexpr std::size_t shortest_frame = 14;
constexpr std::size_t longest_buffer = 4096 - 256 - 320;
constexpr std::size_t longest_chain = longest_buffer + 16 * std::size_t{4096};

class XdpRunner : public Runner {
  public:
    explicit XdpRunner(std::vector<std::uint32_t> ifindexes) : ifindexes_(std::move(ifindexes)) {}

    bool takes(std::size_t bytes) const override {
        return bytes >= shortest_frame && bytes <= longest_;
    }

    std::vector<std::uint32_t> ifindexes() const override { return ifindexes_; }

  private:
    // Loading takes the verifier a while: one store for each geometry.
    Result<tables::View> make_tables(const tables::Geometry& geometry) override {
        auto& store = stores_[geometry.flow_buckets];
        if (!store) {
            auto opened = publish::BpfStore::open({"", geometry, 0, true});
            if (!opened) return Error{opened.error()};
            store = *std::move(opened);
        }
        current_ = store.get();
        return store->view();
    }

    Status pass(const Frame& frame, std::uint64_t now, Fate& fate) override {
        current_->set_clock(now);
        Bytes out(frame.bytes.size() + 256);
        xdp_md context{};
        context.data_end = static_cast<__u32>(frame.bytes.size());
        context.ingress_ifindex = ifindexes_.at(frame.port);
        LIBBPF_OPTS(bpf_test_run_opts, run);
        run.data_in = frame.bytes.data();
        run.data_size_in = static_cast<__u32>(frame.bytes.size());
        run.data_out = out.data();
        run.data_size_out = static_cast<__u32>(out.size());
        run.ctx_in = &context;
        run.ctx_size_in = sizeof(context);
        if (bpf_prog_test_run_opts(current_->program(), &run) != 0)
            return Error{"the kernel refuses to run a packet of " +
                         std::to_string(frame.bytes.size()) + " bytes (" + system_error(errno) +
                         ")"};
        out.resize(run.data_size_out);
        if (run.retval == XDP_TX) fate.out.push_back({frame.port, std::move(out)});
        if (run.retval == XDP_REDIRECT)
            fate.out.push_back({port_with_source_of(out), std::move(out)});
        if (run.retval == XDP_PASS) fate.to_host.push_back({frame.port, std::move(out)});
        return success();
    }

    // A test run does not tell where bpf_redirect() would have gone, but each port writes its own
    // source MAC.
    unsigned port_with_source_of(const Bytes& frame) const {
        const weir_control& control = *current_->view().control;
        for (unsigned i = 0; i < WEIR_PORT_CAPACITY; i++)
            if (control.ports[i].kind != WEIR_PORT_NONE &&
                std::memcmp(control.ports[i].mac.byte, frame.data() + 6, 6) == 0)
                return wire_of(control, i);
        return WEIR_NO_PORT;
    }

    std::vector<std::uint32_t> ifindexes_;
    std::size_t longest_ = publish::kernel_has_xdp_fragments() ? longest_chain : longest_buffer;
    std::map<std::uint32_t, std::unique_ptr<publish::BpfStore>> stores_;
    publish::BpfStore* current_ = nullptr;
};

// A worker is a CPU, and the tables have one worker.
Status move_to_first_cpu() {
    cpu_set_t first;
    CPU_ZERO(&first);
    CPU_SET(0, &first);
    if (sched_setaffinity(0, sizeof(first), &first) != 0)
        return Error{"engine xdp needs CPU 0, which this process may not use (" +
                     system_error(errno) + ")"};
    return success();
}

}  // namespace

Result<std::unique_ptr<Runner>> make_xdp_runner() {
    if (const auto moved = move_to_first_cpu(); !moved) return Error{moved.error()};
    if (unshare(CLONE_NEWNET) != 0)
        return Error{"engine xdp needs a network namespace of its own, which cannot be made (" +
                     system_error(errno) + ")" + (errno == EPERM ? "; run it as root" : "")};
    auto netlink = Netlink::open();
    if (!netlink) return Error{netlink.error()};
    std::vector<std::uint32_t> ifindexes;
    for (unsigned i = 0; i < WEIR_PORT_CAPACITY; i += 2) {
        const std::string names[] = {"run" + std::to_string(i), "run" + std::to_string(i + 1)};
        if (const auto made = create_veth(*netlink, names[0], names[1]); !made)
            return Error{made.error()};
        for (const std::string& name : names) {
            const auto link = find_link(*netlink, name);
            if (!link) return Error{link.error()};
            ifindexes.push_back(static_cast<std::uint32_t>(link->index));
        }
    }
    return std::unique_ptr<Runner>(std::make_unique<XdpRunner>(std::move(ifindexes)));
}

}  // namespace weir::replay
