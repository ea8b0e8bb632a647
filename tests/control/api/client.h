// SPDX-License-Identifier: Apache-2.0
// A blocking UNIX-socket client and a server on a thread of its own, for the API's tests.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <thread>

#include "control/api/server.h"

namespace weir::api::testing {

class Client {
  public:
    explicit Client(const std::string& path);
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    bool connected() const { return connected_; }
    bool send(const std::string& data);
    void end();                         // no more will be sent
    std::optional<std::string> line();  // without its newline; nothing when the connection ended
    void wait_for_end();

  private:
    int fd_;
    bool connected_ = false;
    std::string pending_;
};

// Runs a Server on its own loop until destroyed. Fails the test when it cannot listen.
class ServerThread {
  public:
    ServerThread(const std::string& path, Handler handler, Limits limits = {});
    ~ServerThread();
    std::size_t clients();  // asked on the loop

  private:
    boost::asio::io_context loop_{1};
    std::unique_ptr<Server> server_;
    std::thread thread_;
};

// A directory of its own for each test process; removed at exit.
std::string socket_path(const std::string& name);

}  // namespace weir::api::testing
