// SPDX-License-Identifier: Apache-2.0
#include "tests/control/api/client.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <future>

namespace weir::api::testing {

Client::Client(const std::string& path) : fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval patience{10, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    connected_ = connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
}

Client::~Client() {
    ::close(fd_);
}

bool Client::send(const std::string& data) {
    std::size_t at = 0;
    while (at < data.size()) {
        const ssize_t sent = ::send(fd_, data.data() + at, data.size() - at, MSG_NOSIGNAL);
        if (sent <= 0) return false;
        at += static_cast<std::size_t>(sent);
    }
    return true;
}

void Client::end() {
    shutdown(fd_, SHUT_WR);
}

std::optional<std::string> Client::line() {
    for (;;) {
        if (const std::size_t end = pending_.find('\n'); end != std::string::npos) {
            const std::string line = pending_.substr(0, end);
            pending_.erase(0, end + 1);
            return line;
        }
        char chunk[65536];
        const ssize_t count = recv(fd_, chunk, sizeof(chunk), 0);
        if (count <= 0) return std::nullopt;
        pending_.append(chunk, static_cast<std::size_t>(count));
    }
}

void Client::wait_for_end() {
    while (line()) {
    }
}

ServerThread::ServerThread(const std::string& path, Handler handler, Limits limits) {
    auto server = Server::listen(loop_, path, std::move(handler), limits);
    if (!server) {
        ADD_FAILURE() << server.error();
        return;
    }
    server_ = std::move(*server);
    thread_ = std::thread([this] { loop_.run(); });
}

ServerThread::~ServerThread() {
    boost::asio::post(loop_, [this] {
        server_.reset();
        loop_.stop();
    });
    if (thread_.joinable()) thread_.join();
}

std::size_t ServerThread::clients() {
    std::promise<std::size_t> count;
    boost::asio::post(loop_, [&] { count.set_value(server_->clients()); });
    return count.get_future().get();
}

std::string socket_path(const std::string& name) {
    static const struct Folder {
        Folder() {
            char made[] = "/tmp/weir-api-XXXXXX";
            path = mkdtemp(made);
        }
        ~Folder() { std::filesystem::remove_all(path); }
        std::string path;
    } folder;
    return folder.path + "/" + name;
}

}  // namespace weir::api::testing
