// SPDX-License-Identifier: Apache-2.0
// One client of the API's server: reads a line, has it answered, writes the answer, reads the next
// one. Made by the server for each connection; lives as long as its pending operations. It must
// never wait for its client longer than the idle limit, nor keep more than one request and one
// answer.
#pragma once

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <string>
#include <utility>  // before asio: GCC 12 in C++20 mode needs std::exchange

#include "control/api/server.h"

namespace weir::api {

class Session : public std::enable_shared_from_this<Session> {
  public:
    using Socket = boost::asio::local::stream_protocol::socket;

    // `closed` is called once, when the connection has ended.
    Session(Socket socket, const Handler& handler, const Limits& limits,
            std::function<void(const Session*)> closed);

    void start();                         // serves requests
    void refuse(const std::string& why);  // says why and closes
    void close();

  private:
    void read_line();
    void on_line(const boost::system::error_code& error, std::size_t size);
    std::string answer_line(const std::string& line) const;
    void write(std::string line, bool then_close);
    void arm_timer();

    Socket socket_;
    boost::asio::steady_timer timer_;
    Handler handler_;
    Limits limits_;
    std::function<void(const Session*)> closed_;
    std::string in_;
    std::string out_;
};

}  // namespace weir::api
