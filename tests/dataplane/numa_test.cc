// SPDX-License-Identifier: Apache-2.0
// Nodes as a made-up sysfs tells them, the CPUs that follow from them, and memory that is moved to
// the node there is. Machines with one node run all of it.
#include "dataplane/numa.h"

#include <gtest/gtest.h>
#include <linux/mempolicy.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "dataplane/locality.h"

namespace weir::numa {
namespace {

namespace fs = std::filesystem;

class Sysfs : public ::testing::Test {
  protected:
    void SetUp() override {
        make("/devices/system/cpu/cpu0/node0");
        make("/devices/system/cpu/cpu1/cache");
        make("/devices/system/cpu/cpu1/node1");
        make("/devices/system/cpu/cpu2/topology");
        make("/devices/system/node/node0");
        make("/bus/pci/devices/0000:3b:00.0");
        make("/bus/pci/devices/0000:3b:00.1");
        std::ofstream(root_ + "/bus/pci/devices/0000:3b:00.0/numa_node") << "1\n";
        std::ofstream(root_ + "/bus/pci/devices/0000:3b:00.1/numa_node") << "-1\n";
    }
    void TearDown() override { fs::remove_all(root_); }
    void make(const std::string& folder) const { fs::create_directories(root_ + folder); }

    const std::string root_ = ::testing::TempDir() + "weir-numa-" + std::to_string(::getpid());
};

TEST_F(Sysfs, TellsTheNodeOfACpuAndOfADevice) {
    EXPECT_EQ(node_of_cpu(0, root_), 0);
    EXPECT_EQ(node_of_cpu(1, root_), 1);
    EXPECT_EQ(node_of_cpu(2, root_), no_node);
    EXPECT_EQ(node_of_cpu(3, root_), no_node);
    EXPECT_EQ(node_of_pci("0000:3b:00.0", root_), 1);
    EXPECT_EQ(node_of_pci("0000:3b:00.1", root_), no_node);
    EXPECT_EQ(node_of_pci("", root_), no_node);
}

TEST_F(Sysfs, CountsNodes) {
    EXPECT_FALSE(several_nodes(root_));
    make("/devices/system/node/node1");
    EXPECT_TRUE(several_nodes(root_));
    EXPECT_FALSE(several_nodes(root_ + "/nowhere"));
}

std::vector<unsigned> chosen(std::vector<Cpu> usable, std::vector<int> ports, unsigned workers) {
    std::vector<unsigned> numbers;
    for (const Cpu& cpu : choose_cpus(usable, ports, workers)) numbers.push_back(cpu.number);
    return numbers;
}

TEST(ChooseCpus, TakesThePortsNodeFirstAndTheLastCpusFirst) {
    const std::vector<Cpu> usable{{0, 0}, {1, 1}, {2, 0}, {3, 1}};
    EXPECT_EQ(chosen(usable, {0}, 2), (std::vector<unsigned>{2, 0}));
    EXPECT_EQ(chosen(usable, {1}, 3), (std::vector<unsigned>{3, 1, 2}));
    EXPECT_EQ(chosen(usable, {0, 1}, 4), (std::vector<unsigned>{3, 2, 1, 0}));
}

TEST(ChooseCpus, PortsOfNoNodeChangeNothing) {
    const std::vector<Cpu> usable{{0, 0}, {1, 1}, {2, 0}};
    EXPECT_EQ(chosen(usable, {no_node}, 3), (std::vector<unsigned>{2, 1, 0}));
    EXPECT_EQ(chosen({{0, no_node}, {1, no_node}}, {no_node}, 2), (std::vector<unsigned>{1, 0}));
}

TEST(ChooseCpus, MoreWorkersThanCpusGoRound) {
    EXPECT_EQ(chosen({{0, 0}, {1, 0}}, {0}, 5), (std::vector<unsigned>{1, 0, 1, 0, 1}));
}

TEST(MoveToNode, MovesWholePagesAndLeavesTheRest) {
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    void* base =
        ::mmap(nullptr, 4 * page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(base, MAP_FAILED);
    const std::span memory(static_cast<std::byte*>(base), 4 * page);
    std::ranges::fill(memory, std::byte{0x5a});
    // From the middle of the first page on: three whole pages.
    const auto status = move_to_node(memory.subspan(page / 2), page, 0);
    ASSERT_TRUE(status) << status.error();
    for (std::size_t i = 0; i < 4; i++) {
        int policy = -1;
        int node = -1;
        ASSERT_EQ(::syscall(SYS_get_mempolicy, &policy, nullptr, 0, &memory[i * page], MPOL_F_ADDR),
                  0);
        EXPECT_EQ(policy, i == 0 ? MPOL_DEFAULT : MPOL_PREFERRED) << i;
        ASSERT_EQ(::syscall(SYS_get_mempolicy, &node, nullptr, 0, &memory[i * page],
                            MPOL_F_ADDR | MPOL_F_NODE),
                  0);
        EXPECT_EQ(node, 0);
    }
    EXPECT_TRUE(std::ranges::all_of(memory, [](std::byte b) { return b == std::byte{0x5a}; }));
    ::munmap(base, 4 * page);
}

TEST(MoveToNode, SaysWhenThereIsNoSuchNode) {
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    void* base = ::mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(base, MAP_FAILED);
    const std::span memory(static_cast<std::byte*>(base), page);
    EXPECT_FALSE(move_to_node(memory, page, 1000));
    EXPECT_TRUE(move_to_node(memory, page, no_node)) << "no node: nothing to do";
    EXPECT_TRUE(move_to_node(memory.first(page / 2), page, 0)) << "no whole page";
    ::munmap(base, page);
}

TEST(FarPorts, EachPortOfAnotherNodeIsNamedOnce) {
    std::vector<tables::PortReport> ports(3);
    tables::copy_text(ports[0].name, "weir0");
    ports[0].node = no_node;
    tables::copy_text(ports[1].name, "0000:3b:00.0");
    ports[1].node = 1;
    tables::copy_text(ports[2].name, "0000:3b:00.1");
    ports[2].node = 0;
    const std::vector<RxQueue> queues{
        {0, 0, 0, false}, {1, 0, 1, false}, {1, 1, 1, false}, {2, 0, 2, false}, {3, 0, 1, true}};
    const auto sentences = far_ports(4, {7, 0}, queues, ports);
    ASSERT_EQ(sentences.size(), 1u);
    EXPECT_TRUE(sentences[0].starts_with(
        "worker 4 (CPU 7, NUMA node 0) polls port 0000:3b:00.0 on node 1: "))
        << sentences[0];
}

}  // namespace
}  // namespace weir::numa
