// SPDX-License-Identifier: Apache-2.0
// Chooses where a segment lives: huge pages where they are free, because a flow table of many
// megabytes misses the TLB on every packet otherwise. Called once by control when it creates a
// segment.
#include <mntent.h>
#include <sys/vfs.h>

#include <cstdio>
#include <memory>

#include "dataplane/tables/segment.h"

namespace weir::tables {
namespace {

// Left to the packet buffers of weir-dataplane, which come first.
constexpr std::size_t spared_bytes = std::size_t{128} << 20;

// A huge page of 1 GiB would be mostly empty.
constexpr std::size_t largest_page = std::size_t{16} << 20;

bool has_room(const char* mount, std::size_t bytes) {
    struct statfs fs;
    if (::statfs(mount, &fs) != 0) return false;
    const auto page = static_cast<std::size_t>(fs.f_bsize);
    return page <= largest_page && fs.f_bavail * page >= bytes + page + spared_bytes;
}

}  // namespace

std::string segment_path(const std::string& instance, const Geometry& geometry) {
    const std::string name = "/weir-" + instance + ".tables";
    const std::unique_ptr<FILE, int (*)(FILE*)> mounts(::setmntent("/proc/self/mounts", "r"),
                                                       ::endmntent);
    while (mounts) {
        const mntent* entry = ::getmntent(mounts.get());
        if (!entry) break;
        if (std::string_view(entry->mnt_type) != "hugetlbfs") continue;
        if (has_room(entry->mnt_dir, segment_size(geometry))) return entry->mnt_dir + name;
    }
    return "/dev/shm" + name;
}

}  // namespace weir::tables
