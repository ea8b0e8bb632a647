// SPDX-License-Identifier: Apache-2.0
// What a device is set up with, read back from it: net_null has an RSS key and a redirection table
// like a NIC's, though it hashes nothing.
#include "dataplane/device.h"

#include <gtest/gtest.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_mempool.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace weir {
namespace {

class EalEnvironment : public ::testing::Environment {
  public:
    void SetUp() override {
        std::array<std::string, 7> words{"device_test",      "--no-huge",   "--no-pci",
                                         "--no-telemetry",   "--no-shconf", "-l0",
                                         "--log-level=error"};
        std::array<char*, words.size()> argv;
        for (std::size_t i = 0; i < words.size(); i++) argv[i] = words[i].data();
        ASSERT_GE(rte_eal_init(argv.size(), argv.data()), 0);
    }
    void TearDown() override { rte_eal_cleanup(); }
};
const auto* const environment = ::testing::AddGlobalTestEnvironment(new EalEnvironment);

struct Started {
    explicit Started(const DeviceOptions& options) {
        static unsigned number = 0;
        device = start_vdev("net_null" + std::to_string(number++), "", options);
    }
    ~Started() {
        if (device) stop_device(*device);
    }
    Result<Device> device = Error{"not started"};
};

DeviceOptions options(unsigned queues, const Rss* rss, bool interrupts = false) {
    return {queues, queues, 255, interrupts, rss};
}

TEST(Device, HasOurKeyAndATableThatFollowsIt) {
    const Rss rss(Rss::key_from(5), 3);
    const Started started(options(3, &rss));
    ASSERT_TRUE(started.device) << started.device.error();
    const Device& device = *started.device;
    EXPECT_EQ(device.rx_queues, 3);
    EXPECT_TRUE(device.spreads);

    std::array<std::uint8_t, Rss::key_bytes> key{};
    rte_eth_rss_conf hash{};
    hash.rss_key = key.data();
    hash.rss_key_len = 40;
    ASSERT_EQ(rte_eth_dev_rss_hash_conf_get(device.eth, &hash), 0);
    EXPECT_TRUE(std::equal(key.begin(), key.begin() + 40, rss.key().begin()));

    rte_eth_dev_info info;
    ASSERT_EQ(rte_eth_dev_info_get(device.eth, &info), 0);
    std::vector<rte_eth_rss_reta_entry64> table(info.reta_size / RTE_ETH_RETA_GROUP_SIZE);
    for (rte_eth_rss_reta_entry64& group : table) group.mask = ~std::uint64_t{0};
    ASSERT_EQ(rte_eth_dev_rss_reta_query(device.eth, table.data(), info.reta_size), 0);
    for (unsigned hashed = 0; hashed < info.reta_size; hashed++)
        EXPECT_EQ(table[hashed / RTE_ETH_RETA_GROUP_SIZE].reta[hashed % RTE_ETH_RETA_GROUP_SIZE],
                  rss.worker_of(hashed))
            << "worker w polls queue w";
}

TEST(Device, OneQueueHasNothingToSpread) {
    const Rss rss(Rss::key_from(5), 2);
    const Started started(options(1, &rss));
    ASSERT_TRUE(started.device) << started.device.error();
    EXPECT_FALSE(started.device->spreads);
}

TEST(Device, InterruptsThatItDoesNotHaveAreNoHindrance) {
    const Started started(options(2, nullptr, true));
    ASSERT_TRUE(started.device) << started.device.error();
    EXPECT_FALSE(started.device->spreads);
}

// What net_af_xdp relies on when it registers a queue's buffers with the kernel.
TEST(Device, BuffersLieInOneRowOnOrdinaryPages) {
    DeviceOptions many = options(1, nullptr);
    many.buffers = 1023;
    const Started started(many);
    ASSERT_TRUE(started.device) << started.device.error();
    rte_mempool* pool =
        rte_mempool_lookup(("pool_" + std::to_string(started.device->eth) + "_0").c_str());
    ASSERT_NE(pool, nullptr);
    std::vector<std::uintptr_t> at;
    rte_mempool_obj_iter(
        pool,
        [](rte_mempool*, void* places, void* object, unsigned) {
            static_cast<std::vector<std::uintptr_t>*>(places)->push_back(
                reinterpret_cast<std::uintptr_t>(object));
        },
        &at);
    ASSERT_EQ(at.size(), 1023u);
    const std::size_t stride = pool->header_size + pool->elt_size + pool->trailer_size;
    for (std::size_t i = 1; i < at.size(); i++) ASSERT_EQ(at[i] - at[i - 1], stride) << i;
}

TEST(Device, AnErrorNamesItAndLeavesNoBuffersBehind) {
    EXPECT_FALSE(start_device("net_nothing0", options(1, nullptr)));
    DeviceOptions too_many = options(1, nullptr);
    too_many.buffers = 100'000'000;
    const Started started(too_many);
    ASSERT_FALSE(started.device);
    EXPECT_NE(started.device.error().find("packet buffers of net_null"), std::string::npos)
        << started.device.error();
    std::uint16_t eth = 0;
    EXPECT_NE(rte_eth_dev_get_port_by_name("net_null4", &eth), 0) << "the vdev is gone";
}

}  // namespace
}  // namespace weir
