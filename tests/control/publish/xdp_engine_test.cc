// SPDX-License-Identifier: Apache-2.0
// XdpEngine and BpfStore on real veths in a network namespace of this process: what they attach,
// pin, take over, refuse and leave behind. Needs root; each test has an instance of its own.
#include "control/publish/xdp_engine.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <gtest/gtest.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

namespace weir::publish {
namespace {

std::uint32_t program_on(int ifindex) {
    __u32 id = 0;
    bpf_xdp_query_id(ifindex, 0, &id);
    return id;
}

class XdpEngineTest : public testing::Test {
  protected:
    void SetUp() override {
        if (geteuid() != 0) GTEST_SKIP() << "needs root";
        ASSERT_EQ(unshare(CLONE_NEWNET), 0);
        ASSERT_EQ(std::system("ip link add xe0 type veth peer name xe1"), 0);
        ASSERT_EQ(std::system("ip link set xe0 up; ip link set xe1 up"), 0);
        veth_ = static_cast<int>(if_nametoindex("xe0"));
        loopback_ = static_cast<int>(if_nametoindex("lo"));
        options_.instance = "t" + std::to_string(getpid() % 10000000);
        options_.geometry = BpfStore::geometry(1024);
        options_.seed = 42;
    }

    void TearDown() override { std::filesystem::remove_all(folder()); }

    std::string folder() const { return "/sys/fs/bpf/weir-" + options_.instance; }

    std::unique_ptr<XdpEngine> start() {
        auto engine = XdpEngine::start(options_);
        EXPECT_TRUE(engine.ok()) << (engine.ok() ? "" : engine.error());
        return engine.ok() ? *std::move(engine) : nullptr;
    }

    int veth_ = 0;
    int loopback_ = 0;
    BpfStoreOptions options_;
};

TEST_F(XdpEngineTest, AttachesNativeAndLeavesNothingBehind) {
    auto engine = start();
    ASSERT_TRUE(engine);
    EXPECT_FALSE(engine->adopted());
    EXPECT_EQ(engine->view().control->magic, WEIR_TABLES_MAGIC);
    const auto attached = engine->attach(veth_, "xe0");
    ASSERT_TRUE(attached.ok()) << attached.error();
    EXPECT_EQ(attached->mode, "native");
    EXPECT_FALSE(attached->adopted);
    EXPECT_NE(program_on(veth_), 0u);
    engine->destroy();
    EXPECT_EQ(program_on(veth_), 0u);
    EXPECT_FALSE(std::filesystem::exists(folder()));
}

TEST_F(XdpEngineTest, GenericWhereTheDriverCannotAndSaysWhy) {
    auto engine = start();
    ASSERT_TRUE(engine);
    const auto attached = engine->attach(loopback_, "lo");
    ASSERT_TRUE(attached.ok()) << attached.error();
    EXPECT_EQ(attached->mode, "generic");
    EXPECT_EQ(attached->why, "its driver has no native XDP");
    engine->destroy();
    EXPECT_EQ(program_on(loopback_), 0u);
}

// What a kill -9 leaves: the object ends without destroy().
TEST_F(XdpEngineTest, TakesOverTablesAndLinks) {
    auto first = start();
    ASSERT_TRUE(first);
    ASSERT_TRUE(first->attach(veth_, "xe0").ok());
    first->view().flows[5].expires = 77;
    const std::uint32_t old_program = program_on(veth_);
    first.reset();
    EXPECT_EQ(program_on(veth_), old_program) << "forwards on without a weir";

    options_.seed = 43;
    auto second = start();
    ASSERT_TRUE(second);
    EXPECT_TRUE(second->adopted());
    EXPECT_EQ(second->view().control->seed, 42u) << "flows are found by the old seed";
    EXPECT_EQ(second->view().flows[5].expires, 77u);
    const auto attached = second->attach(veth_, "xe0");
    ASSERT_TRUE(attached.ok()) << attached.error();
    EXPECT_TRUE(attached->adopted);
    EXPECT_EQ(attached->mode, "native");
    EXPECT_NE(program_on(veth_), old_program);
    second->destroy();
    EXPECT_EQ(program_on(veth_), 0u);
    EXPECT_FALSE(std::filesystem::exists(folder()));
}

TEST_F(XdpEngineTest, OtherGeometryStartsAfresh) {
    auto first = start();
    ASSERT_TRUE(first);
    ASSERT_TRUE(first->attach(veth_, "xe0").ok());
    first->view().flows[5].expires = 77;
    first.reset();

    options_.geometry = BpfStore::geometry(4096);
    testing::internal::CaptureStderr();
    auto second = start();
    EXPECT_NE(testing::internal::GetCapturedStderr().find("cannot be taken over"),
              std::string::npos);
    ASSERT_TRUE(second);
    EXPECT_FALSE(second->adopted());
    EXPECT_EQ(second->view().flows[5].expires, 0u);
    EXPECT_TRUE(second->attach(veth_, "xe0")->adopted) << "the link goes on, with the new program";
    second->destroy();
    EXPECT_FALSE(std::filesystem::exists(folder()));
}

// As large as the earlier weir made them, whatever a fresh start would choose; unless too small.
TEST_F(XdpEngineTest, TablesOfAnotherSizeAreTakenOverIfTheyHoldTheConfiguration) {
    options_.geometry.backends = 3000;
    options_.geometry.services = 8192;
    auto first = start();
    ASSERT_TRUE(first);
    first->view().flows[5].expires = 77;
    first.reset();

    options_.geometry = BpfStore::geometry(1024);
    options_.needs.backends = 2500;
    auto second = start();
    ASSERT_TRUE(second);
    EXPECT_TRUE(second->adopted());
    EXPECT_EQ(second->view().control->backend_capacity, 3000u);
    EXPECT_EQ(second->view().backends.size(), 6000u);
    EXPECT_EQ(second->view().services.size(), 2u * 8192u);
    EXPECT_EQ(second->view().flows[5].expires, 77u);
    second.reset();

    options_.needs.backends = 3001;
    make_room(options_.geometry, options_.needs);
    testing::internal::CaptureStderr();
    auto third = start();
    EXPECT_NE(testing::internal::GetCapturedStderr().find("too small for the configuration"),
              std::string::npos);
    ASSERT_TRUE(third);
    EXPECT_FALSE(third->adopted());
    EXPECT_EQ(third->view().control->backend_capacity, 6002u);
    EXPECT_EQ(third->view().flows[5].expires, 0u);
    third->destroy();
}

TEST_F(XdpEngineTest, OtherTableVersionStartsAfresh) {
    auto first = start();
    ASSERT_TRUE(first);
    first->view().control->abi = WEIR_TABLES_ABI + 1;
    first.reset();
    auto second = start();
    ASSERT_TRUE(second);
    EXPECT_FALSE(second->adopted());
    EXPECT_EQ(second->view().control->abi, WEIR_TABLES_ABI);
    second->destroy();
}

TEST_F(XdpEngineTest, HalfAStoreStartsAfresh) {
    start().reset();
    ASSERT_EQ(unlink((folder() + "/flows").c_str()), 0);
    auto second = start();
    ASSERT_TRUE(second);
    EXPECT_FALSE(second->adopted());
    second->destroy();
    EXPECT_FALSE(std::filesystem::exists(folder()));
}

TEST_F(XdpEngineTest, RefusesAStrangersInterface) {
    const BpfStoreOptions stranger{"", options_.geometry, 0};
    auto store = BpfStore::open(stranger);
    ASSERT_TRUE(store.ok());
    ASSERT_EQ(bpf_xdp_attach(veth_, (*store)->program(), XDP_FLAGS_DRV_MODE, nullptr), 0);
    const std::uint32_t id = program_on(veth_);

    auto engine = start();
    ASSERT_TRUE(engine);
    const auto attached = engine->attach(veth_, "xe0");
    ASSERT_FALSE(attached.ok());
    EXPECT_EQ(attached.error(),
              "interface xe0 already runs the XDP program \"weir_xdp\" (id " + std::to_string(id) +
                  "), which is not weir's; take it off first (ip link set dev xe0 xdp off) or use "
                  "another `port`");
    engine->destroy();
    EXPECT_EQ(program_on(veth_), id);
}

TEST_F(XdpEngineTest, PinOfAVanishedInterfaceIsCleaned) {
    auto first = start();
    ASSERT_TRUE(first);
    ASSERT_TRUE(first->attach(veth_, "xe0").ok());
    first.reset();
    ASSERT_EQ(std::system("ip link del xe0"), 0);

    auto second = start();
    ASSERT_TRUE(second);
    second->detach_others({});
    EXPECT_FALSE(std::filesystem::exists(folder() + "/link-" + std::to_string(veth_)));
    second->destroy();
    EXPECT_FALSE(std::filesystem::exists(folder()));
}

TEST_F(XdpEngineTest, PortsThatAreConfiguredNoMoreAreLetGo) {
    const int other = static_cast<int>(if_nametoindex("xe1"));
    auto first = start();
    ASSERT_TRUE(first);
    ASSERT_TRUE(first->attach(veth_, "xe0").ok());
    ASSERT_TRUE(first->attach(other, "xe1").ok());
    first.reset();
    auto second = start();
    ASSERT_TRUE(second);
    const int keep[] = {veth_};
    second->detach_others(keep);
    EXPECT_NE(program_on(veth_), 0u);
    EXPECT_EQ(program_on(other), 0u);
    second->destroy();
    EXPECT_EQ(program_on(veth_), 0u);
}

TEST_F(XdpEngineTest, WaitsForAGracePeriod) {
    XdpEngine::wait_seen();
}

}  // namespace
}  // namespace weir::publish
