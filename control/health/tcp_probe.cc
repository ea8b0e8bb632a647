// SPDX-License-Identifier: Apache-2.0
// The TCP probe: a connection that is established within the timeout passes. Closed at once,
// nothing is sent.
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <utility>

#include "control/health/probe.h"
#include "control/log/system_error.h"

namespace weir {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

class TcpProbe final : public Probe, public std::enable_shared_from_this<TcpProbe> {
  public:
    TcpProbe(asio::io_context& io, Done done) : socket_(io), timer_(io), done_(std::move(done)) {}

    void start(const asio::ip::tcp::endpoint& backend, std::chrono::milliseconds timeout) {
        timer_.expires_after(timeout);
        timer_.async_wait([self = shared_from_this()](const error_code& code) {
            if (!code) self->finish(connect_outcome(asio::error::timed_out));
        });
        socket_.async_connect(backend, [self = shared_from_this()](const error_code& code) {
            self->finish(connect_outcome(code));
        });
    }

    void cancel() override {
        done_ = nullptr;
        stop();
    }

  private:
    void stop() {
        error_code ignored;
        socket_.close(ignored);
        timer_.cancel();
    }

    void finish(const ProbeOutcome& outcome) {
        stop();
        if (const Done done = std::exchange(done_, nullptr)) done(outcome);
    }

    asio::ip::tcp::socket socket_;
    asio::steady_timer timer_;
    Done done_;
};

bool our_own_shortage(int error) {
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM ||
           error == EADDRNOTAVAIL;
}

}  // namespace

std::shared_ptr<Probe> start_tcp_probe(asio::io_context& io, const asio::ip::tcp::endpoint& backend,
                                       std::chrono::milliseconds timeout, Probe::Done done) {
    auto probe = std::make_shared<TcpProbe>(io, std::move(done));
    probe->start(backend, timeout);
    return probe;
}

ProbeOutcome connect_outcome(const error_code& code) {
    if (!code) return {ProbeOutcome::Verdict::passed, "connected"};
    if (code == asio::error::timed_out) {
        return {ProbeOutcome::Verdict::failed,
                "upstream timed out (" + system_error(ETIMEDOUT) + ") while connecting"};
    }
    return {our_own_shortage(code.value()) ? ProbeOutcome::Verdict::inconclusive
                                           : ProbeOutcome::Verdict::failed,
            "connect() failed (" + system_error(code.value()) + ")"};
}

}  // namespace weir
