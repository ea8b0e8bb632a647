// SPDX-License-Identifier: Apache-2.0
// Runs rows on the packet program as g++ built it, stage by stage, with neither engine around it.
#include <time.h>

#include "bpf/shared/program.h"
#include "dataplane/env.h"
#include "tests/harness/heap_store.h"
#include "tests/harness/row_engine.h"

namespace weir::rows {
namespace {

std::uint64_t now() {
    timespec time{};
    clock_gettime(CLOCK_MONOTONIC, &time);
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 +
           static_cast<std::uint64_t>(time.tv_nsec);
}

class HostEngine : public RowEngine {
  public:
    tables::View open(const tables::Geometry& geometry) override {
        store_ = std::make_unique<HeapStore>(geometry);
        return store_->view();
    }

    std::vector<std::uint32_t> ifindexes() const override {
        return std::vector<std::uint32_t>(port_count, 1);
    }

    Sent send(const Frame& frame) override {
        const tables::View view = store_->view();
        weir_env env = worker_env(view, 0);
        weir_env_generation(&env);
        Bytes bytes = frame.bytes;
        weir_packet packet;
        const weir_reason reason = run(env, packet, bytes, static_cast<std::uint8_t>(frame.port));
        view.workers[0].reason[reason]++;
        switch (weir_verdict_of(reason)) {
            case WEIR_VERDICT_FORWARD:
                return {Frame{wire_of(*view.control, packet.out_port), std::move(bytes)}, {}};
            case WEIR_VERDICT_TO_HOST:
                return {{}, Frame{frame.port, std::move(bytes)}};
            default:
                return {};
        }
    }

  private:
    static weir_reason run(weir_env& env, weir_packet& packet, Bytes& bytes, std::uint8_t port) {
        std::uint8_t* data = bytes.data();
        std::uint8_t* end = data + bytes.size();
        weir_reason reason =
            weir_parse(&packet, data, end, static_cast<std::uint32_t>(bytes.size()), port);
        if (reason != WEIR_REASON_NONE) return reason;
        const std::uint32_t tick = weir_tick(now());
        reason = weir_hash_packet(&env, &packet, tick);
        if (reason != WEIR_REASON_NONE) return reason;
        reason = weir_decide(&env, &packet, data, end, tick);
        if (weir_verdict_of(reason) != WEIR_VERDICT_FORWARD) return reason;
        if (env.control->ports[packet.out_port].kind == WEIR_PORT_NONE)
            return WEIR_REASON_PORT_UNKNOWN;
        if (packet.room > 0) bytes.insert(bytes.begin(), static_cast<std::size_t>(packet.room), 0);
        if (packet.room < 0) bytes.erase(bytes.begin(), bytes.begin() - packet.room);
        data = bytes.data();
        end = data + bytes.size();
        if (!weir_rewrite(&env, &packet, data, end)) return WEIR_REASON_TRUNCATED;
        bytes.resize(bytes.size() - packet.trim);
        return reason;
    }

    std::unique_ptr<HeapStore> store_;
};

}  // namespace

std::unique_ptr<RowEngine> make_host_engine() {
    return std::make_unique<HostEngine>();
}

}  // namespace weir::rows
