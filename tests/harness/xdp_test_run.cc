// SPDX-License-Identifier: Apache-2.0
// Runs rows on the loaded XDP program through BPF_PROG_TEST_RUN: the kernel's verifier and compiler
// took part. The interfaces are veths in a network namespace of this process; nothing is attached
// and no packet leaves.
#include <bpf/bpf.h>
#include <net/if.h>
#include <sched.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <map>
#include <stdexcept>

#include "control/log/system_error.h"
#include "control/publish/bpf_store.h"
#include "tests/harness/row_engine.h"

namespace weir::rows {
namespace {

class XdpTestRun : public RowEngine {
  public:
    XdpTestRun() {
        if (unshare(CLONE_NEWNET) != 0)
            throw std::runtime_error("unshare(CLONE_NEWNET): " + system_error(errno));
        for (unsigned i = 0; i < port_count; i += 2) {
            const std::string add = "ip link add row" + std::to_string(i) +
                                    " type veth peer name row" + std::to_string(i + 1);
            if (std::system(add.c_str()) != 0) throw std::runtime_error("failed: " + add);
        }
        for (unsigned i = 0; i < port_count; i++)
            ifindexes_.push_back(if_nametoindex(("row" + std::to_string(i)).c_str()));
    }

    // Loading takes the verifier a while: one store for each geometry.
    tables::View open(const tables::Geometry& geometry) override {
        auto& store = stores_[geometry.flow_buckets];
        if (!store) {
            auto opened = publish::BpfStore::open({"", geometry, 0});
            if (!opened) throw std::runtime_error(opened.error());
            store = *std::move(opened);
        }
        current_ = store.get();
        return store->view();
    }

    std::vector<std::uint32_t> ifindexes() const override { return ifindexes_; }

    Sent send(const Frame& frame) override {
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
            throw std::runtime_error("BPF_PROG_TEST_RUN: " + system_error(errno));
        out.resize(run.data_size_out);
        switch (run.retval) {
            case XDP_TX:
                return {Frame{frame.port, std::move(out)}, {}};
            case XDP_REDIRECT:
                return {Frame{port_with_source_of(out), std::move(out)}, {}};
            case XDP_PASS:
                return {{}, Frame{frame.port, std::move(out)}};
            default:
                return {};
        }
    }

  private:
    // A test run does not tell where bpf_redirect() would have gone, but each port writes its own
    // source MAC.
    unsigned port_with_source_of(const Bytes& frame) const {
        const weir_control& control = *current_->view().control;
        for (unsigned i = 0; i < port_count; i++)
            if (std::memcmp(control.ports[i].mac.byte, frame.data() + 6, 6) == 0)
                return wire_of(control, i);
        return WEIR_NO_PORT;
    }

    std::vector<std::uint32_t> ifindexes_;
    std::map<std::uint32_t, std::unique_ptr<publish::BpfStore>> stores_;
    publish::BpfStore* current_ = nullptr;
};

}  // namespace

std::unique_ptr<RowEngine> make_xdp_engine() {
    return std::make_unique<XdpTestRun>();
}

}  // namespace weir::rows
