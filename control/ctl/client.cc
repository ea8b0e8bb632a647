// SPDX-License-Identifier: Apache-2.0
// A blocking exchange with the balancer. Called by main.cc; opens nothing but the one socket.
#include "control/ctl/client.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace weir::ctl {
namespace {

constexpr timeval patience{10, 0};  // for one read or write

class Descriptor {
  public:
    explicit Descriptor(int fd) : fd_(fd) {}
    ~Descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int number() const { return fd_; }

  private:
    int fd_;
};

std::string why_not_connected(int error, const std::string& path) {
    switch (error) {
        case ENOENT:
        case ECONNREFUSED:
            return "no weir answers on " + path +
                   "; is it running? (-i names another instance, -s another socket)";
        case EACCES:
        case EPERM:
            return "no permission to connect to " + path +
                   "; run weirctl as root or as the socket's group";
        default:
            return "cannot connect to " + path + ": " + std::strerror(error);
    }
}

Status send_all(int fd, std::string_view data) {
    while (!data.empty()) {
        const ssize_t sent = send(fd, data.data(), data.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        // A balancer that has too many clients answers and hangs up without reading.
        if (sent < 0 && (errno == EPIPE || errno == ECONNRESET)) return success();
        if (sent < 0) return Error{"cannot send the request: " + std::string(std::strerror(errno))};
        data.remove_prefix(static_cast<std::size_t>(sent));
    }
    return success();
}

Result<std::string> receive_line(int fd) {
    std::string line;
    std::array<char, 65536> chunk;
    while (line.empty() || line.back() != '\n') {
        const ssize_t count = recv(fd, chunk.data(), chunk.size(), 0);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return Error{"weir did not answer within " + std::to_string(patience.tv_sec) +
                         " seconds"};
        if (count < 0)
            return Error{"cannot read weir's answer: " + std::string(std::strerror(errno))};
        if (count == 0) return Error{"weir closed the connection without an answer"};
        line.append(chunk.data(), static_cast<std::size_t>(count));
    }
    return line;
}

}  // namespace

std::optional<std::string> refusal(const nlohmann::json& answer) {
    if (!answer.contains("error")) return std::nullopt;
    const nlohmann::json& error = answer["error"];
    return error.is_string() ? error.get<std::string>() : error.dump();
}

Result<nlohmann::json> ask(const std::string& socket_path, const nlohmann::json& request) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (socket_path.empty() || socket_path.size() >= sizeof(address.sun_path))
        return Error{"\"" + socket_path + "\" is no path for a UNIX socket: it must have 1 to " +
                     std::to_string(sizeof(address.sun_path) - 1) + " bytes"};
    std::memcpy(address.sun_path, socket_path.data(), socket_path.size());

    const Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (socket.number() < 0)
        return Error{"cannot make a socket: " + std::string(std::strerror(errno))};
    setsockopt(socket.number(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(socket.number(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    if (connect(socket.number(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
        return Error{why_not_connected(errno, socket_path)};

    if (Status sent = send_all(socket.number(), request.dump() + "\n"); !sent)
        return Error{sent.error()};
    Result<std::string> line = receive_line(socket.number());
    if (!line) return Error{line.error()};
    nlohmann::json answer = nlohmann::json::parse(*line, nullptr, false);
    if (!answer.is_object()) return Error{"what answers on " + socket_path + " is not weir"};
    return answer;
}

}  // namespace weir::ctl
