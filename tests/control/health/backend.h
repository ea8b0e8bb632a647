// SPDX-License-Identifier: Apache-2.0
// A backend for probes, on loopback and in the test's own event loop: it accepts, says what it is
// told to, and may go on for ever. And a loop that runs until a condition holds.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>

namespace weir::test {

namespace asio = boost::asio;

class Backend {
  public:
    struct Behaviour {
        std::string say;
        bool for_ever = false;  // repeat `say` until the client goes
        bool then_close = true;
    };

    Backend(asio::io_context& io, Behaviour behaviour)
        : behaviour(std::move(behaviour)),
          acceptor_(io, {asio::ip::address_v4::loopback(), 0}),
          port_(acceptor_.local_endpoint().port()) {
        accept();
    }

    std::uint16_t port() const { return port_; }
    void stop() { acceptor_.close(); }
    void start() {
        const asio::ip::tcp::endpoint here(asio::ip::address_v4::loopback(), port_);
        acceptor_.open(here.protocol());
        acceptor_.set_option(asio::ip::tcp::acceptor::reuse_address(true));
        acceptor_.bind(here);
        acceptor_.listen();
        accept();
    }

    Behaviour behaviour;
    int accepted = 0;
    std::size_t said = 0;
    std::string heard;

  private:
    using Socket = std::shared_ptr<asio::ip::tcp::socket>;

    void accept() {
        acceptor_.async_accept([this](boost::system::error_code code, asio::ip::tcp::socket peer) {
            if (code) return;
            ++accepted;
            auto socket = std::make_shared<asio::ip::tcp::socket>(std::move(peer));
            listen_to(socket);
            accept();
        });
    }
    void listen_to(const Socket& socket) {
        auto buffer = std::make_shared<std::array<char, 4096>>();
        socket->async_read_some(
            asio::buffer(*buffer),
            [this, socket, buffer](boost::system::error_code code, std::size_t size) {
                if (code) return;
                heard.assign(buffer->data(), size);
                answer(socket);
            });
    }
    void answer(const Socket& socket) {
        auto text = std::make_shared<std::string>(behaviour.say);
        asio::async_write(*socket, asio::buffer(*text),
                          [this, socket, text](boost::system::error_code code, std::size_t size) {
                              said += size;
                              if (code) return;
                              if (behaviour.for_ever) return answer(socket);
                              if (!behaviour.then_close) return listen_to(socket);
                          });
    }

    asio::ip::tcp::acceptor acceptor_;
    std::uint16_t port_;
};

inline bool run_until(asio::io_context& io, const std::function<bool()>& condition,
                      std::chrono::milliseconds limit = std::chrono::seconds(5)) {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end) return false;
        io.restart();
        io.run_one_for(std::chrono::milliseconds(10));
    }
    return true;
}

}  // namespace weir::test
