// SPDX-License-Identifier: Apache-2.0
// Chooses where a segment lives: huge pages where they are free, because a flow table of many
// megabytes misses the TLB on every packet otherwise. Called once by control when it creates a
// segment.
#include <mntent.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <memory>

#include "dataplane/tables/segment.h"

namespace weir::tables {
namespace {

// Left to the packet buffers of weir-dataplane, which come first.
constexpr std::size_t spared_bytes = std::size_t{128} << 20;

constexpr const char* ordinary_memory = "/dev/shm";

// A huge page of 1 GiB would be mostly empty.
constexpr std::size_t largest_page = std::size_t{16} << 20;

// Huge pages of this size that nobody has; 0 where the kernel does not say.
std::size_t free_pages(std::size_t page) {
    std::size_t count = 0;
    std::ifstream("/sys/kernel/mm/hugepages/hugepages-" + std::to_string(page >> 10) +
                  "kB/free_hugepages") >>
        count;
    return count;
}

bool has_room(const char* mount, std::size_t bytes) {
    struct statfs fs;
    if (::statfs(mount, &fs) != 0) return false;
    const auto page = static_cast<std::size_t>(fs.f_bsize);
    if (page > largest_page) return false;
    // statfs counts only on a mount that has a size of its own; the default one has none
    const std::size_t available =
        fs.f_blocks == 0 ? free_pages(page) : std::min<std::size_t>(fs.f_bavail, free_pages(page));
    return available * page >= bytes + page + spared_bytes;
}

std::string file_name(const std::string& instance) {
    return "/weir-" + instance + ".tables";
}

std::vector<std::string> huge_page_mounts() {
    std::vector<std::string> folders;
    const std::unique_ptr<FILE, int (*)(FILE*)> mounts(::setmntent("/proc/self/mounts", "r"),
                                                       ::endmntent);
    while (mounts) {
        const mntent* entry = ::getmntent(mounts.get());
        if (!entry) break;
        if (std::string_view(entry->mnt_type) == "hugetlbfs") folders.emplace_back(entry->mnt_dir);
    }
    return folders;
}

}  // namespace

std::string segment_path(const std::string& instance, const Geometry& geometry) {
    for (const std::string& folder : huge_page_mounts())
        if (has_room(folder.c_str(), segment_size(geometry))) return folder + file_name(instance);
    return ordinary_memory + file_name(instance);
}

std::vector<std::string> existing_segments(const std::string& instance) {
    std::vector<std::string> folders = huge_page_mounts();
    folders.emplace_back(ordinary_memory);
    std::vector<std::string> found;
    for (const std::string& folder : folders)
        if (const std::string path = folder + file_name(instance);
            ::access(path.c_str(), F_OK) == 0)
            found.push_back(path);
    return found;
}

}  // namespace weir::tables
