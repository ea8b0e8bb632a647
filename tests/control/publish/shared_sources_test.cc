// SPDX-License-Identifier: Apache-2.0
// Which of the sources that backends have been given are addresses that other balancers have too.
#include "control/publish/shared_sources.h"

#include "tests/control/publish/balancer_fixture.h"

namespace weir::publish::test {
namespace {

using Addresses = std::vector<config::IpAddress>;

class SharedSources : public BalancerTest {
  protected:
    // The fixture's routes give each backend the source 10.0.0.254.
    Addresses of(config::Model model) {
        load(model);
        return shared_sources(model, balancer->writer().backends());
    }

    static config::Model serving(const std::string& address) {
        config::Model model = three_servers();
        model.services.push_back(listen(address, 81));
        return model;
    }
};

TEST_F(SharedSources, AreAddressesOfServicesWherePeersAre) {
    config::Model model = serving("10.0.0.254");
    EXPECT_EQ(of(model), Addresses{}) << "one balancer may have both at one address";
    model.dataplane.icmp_peers = {make_address("10.0.0.77")};
    EXPECT_EQ(of(model), Addresses{make_address("10.0.0.254")});
    config::Model other = serving("10.0.0.253");
    other.dataplane.icmp_peers = model.dataplane.icmp_peers;
    EXPECT_EQ(of(other), Addresses{});
}

TEST_F(SharedSources, AreOfReachableBackends) {
    config::Model model = serving("10.0.0.254");
    model.dataplane.icmp_peers = {make_address("10.0.0.77")};
    unreachable = {"10.0.0.1", "10.0.0.2", "10.0.0.3"};
    EXPECT_EQ(of(model), Addresses{});
}

TEST_F(SharedSources, AreOfNat) {
    config::Model model = serving("10.0.0.254");
    model.dataplane.icmp_peers = {make_address("10.0.0.77")};
    model.upstreams[0].delivery.forward = config::Forward::dsr;
    for (config::Server& server : model.upstreams[0].servers) server.port = 0;
    EXPECT_EQ(of(model), Addresses{});
}

}  // namespace
}  // namespace weir::publish::test
