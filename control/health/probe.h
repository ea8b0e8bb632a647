// SPDX-License-Identifier: Apache-2.0
// One health probe of one backend: connect, perhaps ask, report once. The Checker starts probes and
// counts their outcomes. What a backend sends back is bounded in size and in time, and is never
// trusted.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>

namespace weir {

struct ProbeOutcome {
    enum class Verdict {
        passed,
        failed,
        inconclusive,  // this host could not probe (no descriptors, no ports): says nothing of the
                       // backend
    };
    Verdict verdict = Verdict::failed;
    std::string reason;  // nginx's words, such as `connect() failed (111: Connection refused)`
};

class Probe {
  public:
    using Done = std::function<void(const ProbeOutcome&)>;

    virtual ~Probe() = default;
    virtual void cancel() = 0;  // `done` is not called any more
};

// `done` is called once, never from inside these functions.
std::shared_ptr<Probe> start_tcp_probe(boost::asio::io_context& io,
                                       const boost::asio::ip::tcp::endpoint& backend,
                                       std::chrono::milliseconds timeout, Probe::Done done);

// HTTP/1.1 GET of `uri`; a status of 2xx or 3xx passes.
std::shared_ptr<Probe> start_http_probe(boost::asio::io_context& io,
                                        const boost::asio::ip::tcp::endpoint& backend,
                                        const std::string& uri, std::chrono::milliseconds timeout,
                                        Probe::Done done);

// The outcome of a connect() that ended with `code`.
ProbeOutcome connect_outcome(const boost::system::error_code& code);

}  // namespace weir
