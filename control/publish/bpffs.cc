// SPDX-License-Identifier: Apache-2.0
#include "control/publish/bpffs.h"

#include <bpf/bpf.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "control/log/system_error.h"

namespace weir::publish {
namespace {

constexpr const char* root = "/sys/fs/bpf";

bool is_bpffs() {
    struct statfs fs {};
    return statfs(root, &fs) == 0 && fs.f_type == BPF_FS_MAGIC;
}

}  // namespace

bool PinFolder::exists(const std::string& instance) {
    return is_bpffs() && std::filesystem::exists(fmt::format("{}/weir-{}", root, instance));
}

Result<PinFolder> PinFolder::open(const std::string& instance) {
    if (!is_bpffs() && mount("bpf", root, "bpf", 0, "mode=0700") != 0)
        return Error{fmt::format("mounting the BPF file system on {} failed ({})", root,
                                 system_error(errno))};
    std::string path = fmt::format("{}/weir-{}", root, instance);
    if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
        return Error{fmt::format("mkdir() \"{}\" failed ({})", path, system_error(errno))};
    return PinFolder(std::move(path));
}

std::vector<std::string> PinFolder::names() const {
    std::vector<std::string> found;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(path_, error))
        found.push_back(entry.path().filename());
    return found;
}

int PinFolder::get(const std::string& name) const {
    const int fd = bpf_obj_get(path(name).c_str());
    return fd < 0 ? -1 : fd;
}

Status PinFolder::pin(int fd, const std::string& name) const {
    if (bpf_obj_pin(fd, path(name).c_str()) != 0)
        return Error{fmt::format("pinning \"{}\" failed ({})", path(name), system_error(errno))};
    return success();
}

void PinFolder::remove(const std::string& name) const {
    unlink(path(name).c_str());
}

void PinFolder::remove_folder() const {
    rmdir(path_.c_str());
}

}  // namespace weir::publish
