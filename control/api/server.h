// SPDX-License-Identifier: Apache-2.0
// The API on a UNIX socket: one JSON request a line, one JSON answer a line. Control makes one;
// weirctl is its usual client. A client may be hostile: lines, clients and idle time are bounded,
// and bad JSON gets an error. It must never block the event loop.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>  // before asio: GCC 12 in C++20 mode needs std::exchange

#include "dataplane/tables/result.h"

namespace weir::api {

// From a request to its answer; called on the event loop. What it throws is answered as an error.
using Handler = std::function<nlohmann::json(const nlohmann::json&)>;

struct Limits {
    std::size_t line = 64 * 1024;  // bytes of a request
    std::size_t clients = 32;
    std::chrono::milliseconds idle{60000};  // without a request, or with an answer not taken
};

class Server {
  public:
    // Takes the place of a stale socket file (nobody answers there), never of a living one.
    static Result<std::unique_ptr<Server>> listen(boost::asio::io_context& loop,
                                                  const std::string& path, Handler handler,
                                                  Limits limits = {});
    ~Server();  // closes every client and removes the socket file
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    std::size_t clients() const;

  private:
    class State;
    explicit Server(std::shared_ptr<State> state);
    std::shared_ptr<State> state_;
};

}  // namespace weir::api
