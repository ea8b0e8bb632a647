// SPDX-License-Identifier: Apache-2.0
// A balancer over tables on the heap, configurations made by hand, and routes that the test decides
// on. Shared by the balancer's tests.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "control/publish/balancer.h"
#include "tests/control/publish/traffic.h"

namespace weir::publish::test {

using boost::asio::ip::make_address;
using Names = std::vector<std::string>;

inline config::Server server(const std::string& address, unsigned weight = 1) {
    config::Server made;
    made.name = address + ":8080";
    made.addresses = {make_address(address)};
    made.port = 8080;
    made.weight = weight;
    return made;
}

inline config::Upstream upstream(const std::string& name, std::vector<config::Server> servers,
                                 config::Method method = config::Method::round_robin) {
    config::Upstream made;
    made.name = made.key = name;
    made.method = method;
    made.servers = std::move(servers);
    return made;
}

inline config::Service listen(const std::string& address, std::uint16_t port, std::size_t to = 0) {
    config::Service made;
    if (!address.empty()) made.address = make_address(address);
    made.port = port;
    made.upstream = to;
    return made;
}

inline constexpr const char* vip = "203.0.113.1";
inline const std::string b1 = "10.0.0.1:8080";
inline const std::string b2 = "10.0.0.2:8080";
inline const std::string b3 = "10.0.0.3:8080";

// `listen 203.0.113.1:80` to three servers.
inline config::Model three_servers() {
    config::Model model;
    model.upstreams = {
        upstream("app", {server("10.0.0.1"), server("10.0.0.2"), server("10.0.0.3")})};
    model.services = {listen(vip, 80)};
    return model;
}

class BalancerTest : public testing::Test {
  protected:
    static tables::Geometry geometry() {
        tables::Geometry geometry;
        geometry.services = 16;
        geometry.backends = 8;
        geometry.slot_lines = 4500;
        geometry.upstreams = 4;
        geometry.flow_buckets = 64;
        geometry.ref_buckets = 128;
        return geometry;
    }

    explicit BalancerTest(const tables::Geometry& geometry = BalancerTest::geometry())
        : heap(geometry), traffic(heap) {
        restart();
    }

    // A new control plane on the same tables.
    void restart() {
        balancer = std::make_unique<Balancer>(heap.view(), [this](std::uint64_t generation) {
            EXPECT_EQ(generation, heap.view().control->generation);
        });
    }

    Status publish() {
        return balancer->publish([this](const IpAddress& backend, std::uint16_t) {
            Route route;
            if (unreachable.contains(backend.to_string())) {
                route.text = "no answer";
                return route;
            }
            route.known = true;
            route.port = 1;
            route.next_hop = {
                {2, 0, 0, 0, 1, static_cast<std::uint8_t>(to_addr(backend).word[3].raw >> 24)}};
            route.source = make_address(backend.is_v4() ? "10.0.0.254" : "2001:db8::fe");
            route.own = make_address(backend.is_v4() ? "10.0.0.253" : "2001:db8::fd");
            route.mtu = 1500;
            route.way = way;
            route.source_low = 40000;
            route.source_high = 49999;
            route.text = "next door";
            return route;
        });
    }

    void load(const config::Model& model, const std::vector<IpAddress>& wildcard = {}) {
        const auto configured = balancer->configure(model, wildcard);
        ASSERT_TRUE(configured) << configured.error();
        const auto published = publish();
        ASSERT_TRUE(published) << published.error();
    }

    // The backends of so many new connections, in order.
    Names picks(unsigned count, std::uint16_t port = 80, const std::string& address = vip) {
        Names backends;
        while (backends.size() < count) backends.push_back(traffic.open(address, port).backend);
        return backends;
    }

    const BackendInfo& info(const std::string& backend) {
        static const BackendInfo none{};
        for (const BackendInfo& known : balancer->directory().backends)
            if (known.address + ":" + std::to_string(known.port) == backend) return known;
        ADD_FAILURE() << backend << " is not in the directory";
        return none;
    }
    bool known(const std::string& backend) {
        for (const BackendInfo& info : balancer->directory().backends)
            if (info.address + ":" + std::to_string(info.port) == backend) return true;
        return false;
    }

    // The record of the service on this port in the current generation.
    weir_service record(std::uint16_t port) {
        for (const weir_service& service : balancer->writer().services())
            if ((service.flags & WEIR_SERVICE_USED) && weir_be16_to(service.port) == port)
                return service;
        return {};
    }

    tables::HeapTables heap;
    Traffic traffic;
    // The backend's record in the current generation; all zero when there is none.
    weir_backend backend_record(const std::string& address) {
        const weir_addr wanted = to_addr(make_address(address));
        for (const weir_backend& record : balancer->writer().backends())
            if ((record.flags & WEIR_BACKEND_USED) && weir_addr_equal(&record.addr, &wanted))
                return record;
        return {};
    }

    std::set<std::string> unreachable;
    Route::Way way = Route::Way::neighbour;
    std::unique_ptr<Balancer> balancer;
};

}  // namespace weir::publish::test
