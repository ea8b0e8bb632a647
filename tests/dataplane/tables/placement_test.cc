// SPDX-License-Identifier: Apache-2.0
// Where a segment goes: into huge pages of a mount without a size of its own (the usual one), while
// there are enough of them. In a mount namespace of the test's own.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "dataplane/tables/segment.h"

namespace weir::tables {
namespace {

std::size_t free_huge_pages() {
    std::size_t count = 0;
    std::ifstream("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages") >> count;
    return count;
}

TEST(Placement, AMountWithoutASizeHasWhatTheKernelHas) {
    if (free_huge_pages() < 128) GTEST_SKIP() << "fewer than 128 huge pages are free";
    if (::unshare(CLONE_NEWNS) != 0) GTEST_SKIP() << "needs root: a mount namespace";
    // EINVAL: the root is no mount point (a chroot); what is mounted below is taken away again
    ASSERT_TRUE(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 ||
                errno == EINVAL);
    char folder[] = "/tmp/weir-placement-XXXXXX";
    ASSERT_NE(::mkdtemp(folder), nullptr);
    ASSERT_EQ(::mount("none", folder, "hugetlbfs", 0, nullptr), 0);

    const std::string here = segment_path("t", Geometry::for_flows(1000, 1, 1));
    EXPECT_TRUE(here.ends_with("/weir-t.tables"));
    EXPECT_FALSE(here.starts_with("/dev/shm")) << "there is room in huge pages";
    Geometry huge = Geometry::for_flows(1u << 27, 1, 1);
    EXPECT_TRUE(segment_path("t", huge).starts_with("/dev/shm")) << "there is not so much";

    ::umount2(folder, MNT_DETACH);
    std::filesystem::remove(folder);
}

}  // namespace
}  // namespace weir::tables
