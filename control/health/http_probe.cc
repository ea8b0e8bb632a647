// SPDX-License-Identifier: Apache-2.0
// The HTTP probe: GET, and the status decides. The header may have 16 KiB; of the body up to 64 KiB
// is read, so that an ordinary backend is not cut off in the middle of its answer, and the rest is
// not waited for. The only file that includes Beast for probes (it compiles slowly).
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <cerrno>
#include <limits>
#include <sstream>
#include <utility>

#include "control/health/probe.h"
#include "control/log/system_error.h"

namespace weir {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;

constexpr std::uint32_t header_limit = 16 * 1024;
constexpr std::uint64_t body_limit = 64 * 1024;

class HttpProbe final : public Probe, public std::enable_shared_from_this<HttpProbe> {
  public:
    HttpProbe(asio::io_context& io, Done done)
        : socket_(io), timer_(io), buffer_(header_limit + body_limit), done_(std::move(done)) {
        parser_.header_limit(header_limit);
        // A long Content-Length alone is no error. (In Boost 1.74 `none` does not lift the limit.)
        parser_.body_limit(std::numeric_limits<std::uint64_t>::max());
    }

    void start(const asio::ip::tcp::endpoint& backend, const std::string& uri,
               std::chrono::milliseconds timeout) {
        std::ostringstream host;
        host << backend;
        request_ = {http::verb::get, uri, 11};
        request_.set(http::field::host, host.str());
        request_.set(http::field::user_agent, "weir");
        request_.set(http::field::accept, "*/*");
        request_.set(http::field::connection, "close");

        timer_.expires_after(timeout);
        timer_.async_wait([self = shared_from_this()](const error_code& code) {
            if (!code) self->timed_out();
        });
        socket_.async_connect(backend, [self = shared_from_this()](const error_code& code) {
            self->connected(code);
        });
    }

    void cancel() override {
        done_ = nullptr;
        stop();
    }

  private:
    void connected(const error_code& code) {
        if (code) return finish(connect_outcome(code));
        doing_ = "sending the request";
        http::async_write(socket_, request_,
                          [self = shared_from_this()](const error_code& failed, std::size_t) {
                              self->sent(failed);
                          });
    }

    void sent(const error_code& code) {
        if (code) return fail(code);
        doing_ = "reading the response header";
        http::async_read_header(socket_, buffer_, parser_,
                                [self = shared_from_this()](const error_code& failed, std::size_t) {
                                    self->header_read(failed);
                                });
    }

    void header_read(const error_code& code) {
        if (code) return fail(code);
        const unsigned status = parser_.get().result_int();
        if (status < 200 || status > 399) {
            return finish({ProbeOutcome::Verdict::failed, "HTTP status " + std::to_string(status)});
        }
        const auto length = parser_.content_length();
        if (parser_.is_done() || (length && *length > body_limit)) return pass();
        doing_ = "reading the response body";
        parser_.body_limit(body_limit);
        http::async_read(socket_, buffer_, parser_,
                         [self = shared_from_this()](const error_code& failed, std::size_t) {
                             self->body_read(failed);
                         });
    }

    void body_read(const error_code& code) {
        if (code && code != http::error::body_limit) return fail(code);
        pass();
    }

    void timed_out() {
        fail_with("upstream timed out (" + system_error(ETIMEDOUT) + ") while " + doing_);
    }

    void fail(const error_code& code) {
        if (code == http::error::end_of_stream || code == http::error::partial_message) {
            return fail_with(std::string("upstream prematurely closed connection while ") + doing_);
        }
        if (code.category() == asio::error::get_system_category()) {
            return fail_with("recv() failed (" + system_error(code.value()) + ") while " + doing_);
        }
        fail_with("upstream sent invalid response (" + code.message() + ") while " + doing_);
    }

    void pass() { finish({ProbeOutcome::Verdict::passed, "HTTP status " + status_text()}); }
    void fail_with(std::string reason) {
        finish({ProbeOutcome::Verdict::failed, std::move(reason)});
    }
    std::string status_text() { return std::to_string(parser_.get().result_int()); }

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
    beast::flat_buffer buffer_;
    http::request<http::empty_body> request_;
    http::response_parser<http::string_body> parser_;
    const char* doing_ = "connecting";
    Done done_;
};

}  // namespace

std::shared_ptr<Probe> start_http_probe(asio::io_context& io,
                                        const asio::ip::tcp::endpoint& backend,
                                        const std::string& uri, std::chrono::milliseconds timeout,
                                        Probe::Done done) {
    auto probe = std::make_shared<HttpProbe>(io, std::move(done));
    probe->start(backend, uri, timeout);
    return probe;
}

}  // namespace weir
