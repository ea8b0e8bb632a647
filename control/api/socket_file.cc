// SPDX-License-Identifier: Apache-2.0
// The checks and removals of socket files. Called by the server at start and end.
#include "control/api/socket_file.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace weir::api {
namespace {

// Whether a process listens on the socket: 0 yes, else the errno of connect(). Never waits: a full
// backlog is EAGAIN.
int connect_error(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return errno;
    const int rc = connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
    const int error = rc == 0 ? 0 : errno;
    ::close(fd);
    return error;
}

}  // namespace

Status clear_stale_socket(const std::string& path) {
    if (path.empty() || path.size() >= sizeof(sockaddr_un::sun_path))
        return Error{"\"" + path + "\" is no path for a UNIX socket: it must have 1 to " +
                     std::to_string(sizeof(sockaddr_un::sun_path) - 1) + " bytes"};
    struct stat status {};
    if (lstat(path.c_str(), &status) != 0) {
        if (errno == ENOENT) return success();
        return Error{"cannot look at " + path + ": " + std::strerror(errno)};
    }
    if (!S_ISSOCK(status.st_mode))
        return Error{path + " exists and is not a socket; remove it or choose another instance"};
    const int error = connect_error(path);
    if (error == 0 || error == EAGAIN)
        return Error{"another weir answers on " + path + "; stop it or choose another instance"};
    if (error != ECONNREFUSED) return Error{"cannot check " + path + ": " + std::strerror(error)};
    if (unlink(path.c_str()) != 0 && errno != ENOENT)
        return Error{"cannot remove the stale socket " + path + ": " + std::strerror(errno)};
    return success();
}

Result<FileIdentity> identify(const std::string& path) {
    struct stat status {};
    if (lstat(path.c_str(), &status) != 0)
        return Error{"cannot look at " + path + ": " + std::strerror(errno)};
    return FileIdentity{status.st_dev, status.st_ino};
}

void remove_if_same(const std::string& path, const FileIdentity& identity) {
    const Result<FileIdentity> now = identify(path);
    if (now && *now == identity) unlink(path.c_str());
}

}  // namespace weir::api
