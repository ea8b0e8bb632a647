// SPDX-License-Identifier: Apache-2.0
// The API's listening socket: accepts, counts clients, and ends with everything it opened. Control
// makes one.
#include "control/api/server.h"

#include <sys/stat.h>

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <cstring>
#include <map>

#include "control/api/session.h"
#include "control/api/socket_file.h"

namespace weir::api {
namespace {

using boost::asio::local::stream_protocol;
using boost::system::error_code;

constexpr std::chrono::milliseconds pause_after_failure{100};  // out of descriptors: do not spin
constexpr mode_t socket_mode = 0660;

}  // namespace

// Outlives the Server while an operation of its own is still queued on the loop.
class Server::State : public std::enable_shared_from_this<Server::State> {
  public:
    State(boost::asio::io_context& loop, std::string path, Handler handler, Limits limits)
        : path_(std::move(path)),
          handler_(std::move(handler)),
          limits_(limits),
          acceptor_(loop),
          pause_(loop) {}

    Status open() {
        if (Status cleared = clear_stale_socket(path_); !cleared) return cleared;
        error_code error;
        acceptor_.open(stream_protocol(), error);
        if (!error) acceptor_.bind(stream_protocol::endpoint(path_), error);
        if (error) return Error{"cannot make the API's socket " + path_ + ": " + error.message()};
        const Result<FileIdentity> identity = identify(path_);
        if (!identity) return Error{identity.error()};
        identity_ = *identity;
        if (chmod(path_.c_str(), socket_mode) != 0)  // before listen(): nobody connects earlier
            return Error{"cannot set the mode of " + path_ + ": " + std::strerror(errno)};
        acceptor_.listen(boost::asio::socket_base::max_listen_connections, error);
        if (error) return Error{"cannot listen on " + path_ + ": " + error.message()};
        return success();
    }

    void accept() {
        acceptor_.async_accept(
            [self = shared_from_this()](const error_code& error, stream_protocol::socket socket) {
                if (!self->acceptor_.is_open()) return;
                if (error) return self->accept_later();
                self->welcome(std::move(socket));
                self->accept();
            });
    }

    void close() {
        error_code ignored;
        acceptor_.close(ignored);
        pause_.cancel();
        for (const auto& [key, session] : std::exchange(sessions_, {}))
            if (const auto alive = session.lock()) alive->close();
        if (identity_ != FileIdentity{}) remove_if_same(path_, identity_);
    }

    std::size_t clients() const { return sessions_.size(); }

  private:
    void accept_later() {
        pause_.expires_after(pause_after_failure);
        pause_.async_wait([self = shared_from_this()](const error_code& error) {
            if (!error) self->accept();
        });
    }

    void welcome(stream_protocol::socket socket) {
        const bool room = sessions_.size() < limits_.clients;
        // One that is turned away holds no place, but must take its answer at once.
        const Limits limits = room ? limits_ : Limits{limits_.line, 0, pause_after_failure};
        const auto session = std::make_shared<Session>(
            std::move(socket), handler_, limits, [weak = weak_from_this()](const Session* ended) {
                if (const auto state = weak.lock()) state->sessions_.erase(ended);
            });
        if (!room)
            return session->refuse("weir serves " + std::to_string(limits_.clients) +
                                   " API clients at a time; try again later");
        sessions_[session.get()] = session;
        session->start();
    }

    std::string path_;
    Handler handler_;
    Limits limits_;
    stream_protocol::acceptor acceptor_;
    boost::asio::steady_timer pause_;
    FileIdentity identity_;
    std::map<const Session*, std::weak_ptr<Session>> sessions_;
};

Server::Server(std::shared_ptr<State> state) : state_(std::move(state)) {}

Server::~Server() {
    state_->close();
}

std::size_t Server::clients() const {
    return state_->clients();
}

Result<std::unique_ptr<Server>> Server::listen(boost::asio::io_context& loop,
                                               const std::string& path, Handler handler,
                                               Limits limits) {
    auto state = std::make_shared<State>(loop, path, std::move(handler), limits);
    std::unique_ptr<Server> server(new Server(state));
    if (Status opened = state->open(); !opened) return Error{opened.error()};
    state->accept();
    return server;
}

}  // namespace weir::api
