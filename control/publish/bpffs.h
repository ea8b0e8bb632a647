// SPDX-License-Identifier: Apache-2.0
// Where the XDP engine's maps and links are pinned so that they outlive the process:
// /sys/fs/bpf/weir-<instance>/. bpf_store.cc and xdp_engine.cc use it. It never touches a path
// outside an instance's own folder.
#pragma once

#include <string>
#include <vector>

#include "dataplane/tables/result.h"

namespace weir::publish {

class PinFolder {
  public:
    static bool exists(const std::string& instance);

    // Mounts bpffs if /sys/fs/bpf is not one, and makes the instance's folder.
    static Result<PinFolder> open(const std::string& instance);

    std::string path(const std::string& name) const { return path_ + "/" + name; }
    const std::string& path() const { return path_; }

    std::vector<std::string> names() const;  // of what is pinned now
    int get(const std::string& name) const;  // a new descriptor, or -1 when there is no such pin
    Status pin(int fd, const std::string& name) const;
    void remove(const std::string& name) const;
    void remove_folder() const;  // if it is empty

  private:
    explicit PinFolder(std::string path) : path_(std::move(path)) {}

    std::string path_;
};

}  // namespace weir::publish
