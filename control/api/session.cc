// SPDX-License-Identifier: Apache-2.0
// The life of one API connection. Everything runs on the event loop; the server keeps the list of
// sessions.
#include "control/api/session.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>

namespace weir::api {
namespace {

using boost::system::error_code;
using nlohmann::json;

std::string to_line(const json& value) {
    return value.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

std::string error_line(const std::string& why) {
    return to_line(json{{"error", why}});
}

}  // namespace

Session::Session(Socket socket, const Handler& handler, const Limits& limits,
                 std::function<void(const Session*)> closed)
    : socket_(std::move(socket)),
      timer_(socket_.get_executor()),
      handler_(handler),
      limits_(limits),
      closed_(std::move(closed)) {}

void Session::start() {
    read_line();
}

void Session::refuse(const std::string& why) {
    write(error_line(why), true);
}

void Session::close() {
    error_code ignored;
    timer_.cancel();
    socket_.close(ignored);
    if (closed_) std::exchange(closed_, nullptr)(this);
}

void Session::arm_timer() {
    timer_.expires_after(limits_.idle);
    timer_.async_wait([self = shared_from_this()](const error_code& error) {
        if (!error) self->close();
    });
}

void Session::read_line() {
    arm_timer();
    boost::asio::async_read_until(
        socket_, boost::asio::dynamic_buffer(in_, limits_.line + 1), '\n',
        [self = shared_from_this()](const error_code& error, std::size_t size) {
            self->on_line(error, size);
        });
}

void Session::on_line(const error_code& error, std::size_t size) {
    if (error == boost::asio::error::not_found)
        return refuse("a request is at most " + std::to_string(limits_.line) + " bytes long");
    const bool last = error == boost::asio::error::eof && !in_.empty();
    if (error && !last) return close();
    if (last) size = in_.size();  // a last line without a newline is a request too
    const std::string line = in_.substr(0, size);
    in_.erase(0, size);
    write(answer_line(line), last);
}

std::string Session::answer_line(const std::string& line) const {
    const json request = json::parse(line, nullptr, false);
    if (request.is_discarded())
        return error_line("a request is one line of JSON; this one is not JSON");
    try {
        return to_line(handler_(request));
    } catch (const json::exception& problem) {
        return error_line(problem.what());
    }
}

void Session::write(std::string line, bool then_close) {
    out_ = std::move(line);
    arm_timer();
    boost::asio::async_write(
        socket_, boost::asio::buffer(out_),
        [self = shared_from_this(), then_close](const error_code& error, std::size_t) {
            self->out_ = std::string();
            if (error || then_close) return self->close();
            self->read_line();
        });
}

}  // namespace weir::api
