// SPDX-License-Identifier: Apache-2.0
// The file of a UNIX socket: making room for it, and removing it without hurting a successor's.
// Called by the server. It must never remove what is not a socket, or a socket that somebody
// answers on.
#pragma once

#include <sys/types.h>

#include <string>

#include "dataplane/tables/result.h"

namespace weir::api {

// Which file a path led to when it was made; tells it from a later one of the same name.
struct FileIdentity {
    dev_t device = 0;
    ino_t inode = 0;
    bool operator==(const FileIdentity&) const = default;
};

// Removes a socket file left behind by a process that was killed. An error if the path is in use.
Status clear_stale_socket(const std::string& path);

Result<FileIdentity> identify(const std::string& path);
void remove_if_same(const std::string& path, const FileIdentity& identity);

}  // namespace weir::api
