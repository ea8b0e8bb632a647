// SPDX-License-Identifier: Apache-2.0
// A configuration and a made capture, on the host build, for the tests of replay.
#pragma once

#include <fstream>

#include "control/config/parser.h"
#include "control/replay/observe.h"
#include "control/replay/replay.h"
#include "control/replay/surroundings.h"
#include "tests/control/replay/frames.h"

namespace weir::replay::test {

inline constexpr const char* two_backends = R"(stream {
    upstream app { server 10.0.0.21:8080; server 10.0.0.22:8080; }
    server { listen 80; proxy_pass app; proxy_timeout 10s; }
})";

inline config::Model parse(const std::string& text) {
    const std::string path = temporary("conf");
    std::ofstream(path) << text;
    auto parsed = config::parse({path, "/", "", true, config::resolve_host});
    EXPECT_TRUE(parsed) << parsed.error();
    return parsed->model;
}

class ReplayTest : public testing::Test {
  protected:
    Status start(const std::vector<Recorded>& packets, const Given& given = {},
                 const char* text = two_backends) {
        packets_.clear();
        model_ = parse(text);
        std::set<IpAddress> own;
        for (const PortOption& port : given.ports) own.insert(port.addresses[0].address);
        Observer observer(model_, own);
        for (std::size_t i = 0; i < packets.size(); i++)
            packets_.push_back(
                {i + 1, packets[i].time_us * 1000, packets[i].bytes, packets[i].bytes.size()});
        for (const Packet& packet : packets_) observer.look(packet);
        auto surroundings = Surroundings::make(model_, given, observer.seen());
        if (!surroundings) return Error{surroundings.error()};
        surroundings_ = *std::move(surroundings);
        runner_ = make_host_runner();
        const auto geometry = geometry_of(model_);
        view_ = *runner_->open(geometry);
        auto balancer = fill_tables(view_, geometry, model_, *surroundings_, runner_->ifindexes());
        if (!balancer) return Error{balancer.error()};
        balancer_ = *std::move(balancer);
        replay_.emplace(*runner_, view_, balancer_->directory());
        return success();
    }

    std::vector<Replayed> run() {
        std::vector<Replayed> all;
        for (const Packet& packet : packets_) {
            auto replayed = replay_->step(packet);
            EXPECT_TRUE(replayed) << replayed.error();
            if (replayed && *replayed) all.push_back(*std::move(*replayed));
        }
        return all;
    }

    config::Model model_;
    std::vector<Packet> packets_;
    std::optional<Surroundings> surroundings_;
    std::unique_ptr<Runner> runner_;
    tables::View view_;
    std::unique_ptr<publish::Balancer> balancer_;
    std::optional<Replay> replay_;
};

}  // namespace weir::replay::test
