// SPDX-License-Identifier: Apache-2.0
// Runs packets through the packet program as g++ built it, stage by stage, with neither engine
// around it. See runner.h.
#include <algorithm>

#include "bpf/shared/program.h"
#include "control/replay/runner.h"
#include "dataplane/env.h"
#include "dataplane/tables/heap_store.h"

namespace weir::replay {
namespace {

class HostRunner : public Runner {
  public:
    bool takes(std::size_t) const override { return true; }

    std::vector<std::uint32_t> ifindexes() const override {
        return std::vector<std::uint32_t>(WEIR_PORT_CAPACITY, 1);
    }

  private:
    Result<tables::View> make_tables(const tables::Geometry& geometry) override {
        store_ = std::make_unique<tables::HeapStore>(geometry);
        return store_->view();
    }

    Status pass(const Frame& frame, std::uint64_t now, Fate& fate) override {
        const tables::View view = store_->view();
        weir_env env = worker_env(view, 0);
        weir_env_generation(&env);
        Bytes bytes = frame.bytes;
        weir_packet packet{};
        const weir_reason reason =
            run(env, packet, bytes, static_cast<std::uint8_t>(frame.port), now);
        view.workers[0].reason[reason]++;
        const weir_verdict verdict = weir_verdict_of(reason);
        if (verdict == WEIR_VERDICT_FORWARD)
            fate.out.push_back({wire_of(*view.control, packet.out_port), std::move(bytes)});
        if (verdict == WEIR_VERDICT_TO_HOST) fate.to_host.push_back({frame.port, std::move(bytes)});
        return success();
    }

    static weir_reason run(weir_env& env, weir_packet& packet, Bytes& bytes, std::uint8_t port,
                           std::uint64_t now) {
        std::uint8_t* data = bytes.data();
        std::uint8_t* end = data + bytes.size();
        weir_reason reason =
            weir_parse(&packet, data, end, static_cast<std::uint32_t>(bytes.size()), port);
        if (reason == WEIR_REASON_NONE && weir_is_wrapped(&packet))
            reason = weir_unwrap(&env, &packet, data, end);
        if (reason != WEIR_REASON_NONE) return reason;
        reason = weir_hash_packet(&env, &packet, weir_tick(now));
        if (reason != WEIR_REASON_NONE) return reason;
        reason = weir_decide(&env, &packet, data, end, weir_tick(now));
        if (weir_verdict_of(reason) != WEIR_VERDICT_FORWARD) return reason;
        if (env.control->ports[packet.out_port].ifindex == 0) return WEIR_REASON_PORT_UNKNOWN;
        make_room(bytes, packet.room);
        data = bytes.data();
        end = data + bytes.size();
        if (!weir_rewrite(&env, &packet, data, end)) return WEIR_REASON_TRUNCATED;
        bytes.resize(bytes.size() - packet.trim);
        return reason;
    }

    // The frame's start moves, as an engine moves it. Its memory ends where the frame does, so that
    // a sanitizer sees what reaches beyond.
    static void make_room(Bytes& bytes, int room) {
        if (room == 0) return;
        Bytes moved(bytes.size() + static_cast<std::size_t>(room));
        const auto kept = bytes.begin() + std::max(-room, 0);
        std::copy(kept, bytes.end(), moved.begin() + std::max(room, 0));
        bytes = std::move(moved);
    }

    std::unique_ptr<tables::HeapStore> store_;
};

}  // namespace

std::unique_ptr<Runner> make_host_runner() {
    return std::make_unique<HostRunner>();
}

}  // namespace weir::replay
