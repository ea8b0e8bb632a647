// SPDX-License-Identifier: Apache-2.0
// Active health checks, in nginx Plus' grammar and meaning: a backend counts as healthy until
// `fails` probes in a row have failed, and again after `passes` in a row. Control gives the targets
// and publishes each change. Probes leave through the kernel's own sockets, like any program's of
// this host.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "control/config/model.h"

namespace weir {

class Checker {
  public:
    struct Target {
        std::string id;  // unique; names the target in callbacks
        config::IpAddress address;
        std::uint16_t port = 0;  // the backend's; check.port, if given, is probed instead
        config::HealthCheck check;
    };
    // The reason is that of the deciding probe: `connect() failed (111: Connection refused)`.
    using OnChange =
        std::function<void(const std::string& id, bool healthy, const std::string& reason)>;

    Checker(boost::asio::io_context& io, OnChange callback);
    ~Checker();
    Checker(const Checker&) = delete;
    Checker& operator=(const Checker&) = delete;

    // Replaces all targets. An unchanged one keeps its state and its schedule; one whose check
    // alone changed keeps its state and is probed at once; any other starts as healthy and is
    // probed at once. May be called from the callback.
    void replace(const std::vector<Target>& targets);

    bool healthy(const std::string& id) const;  // true for an unknown id
    std::string last_reason(
        const std::string& id) const;  // of the last probe; empty before the first

  private:
    struct Entry;
    void schedule(const std::shared_ptr<Entry>& entry, std::chrono::milliseconds delay);
    void probe(const std::shared_ptr<Entry>& entry);
    void probed(const std::shared_ptr<Entry>& entry, bool passed, const std::string& reason);
    void plan_next(const std::shared_ptr<Entry>& entry);
    static void stop(Entry& entry);

    boost::asio::io_context& io_;
    OnChange callback_;
    std::map<std::string, std::shared_ptr<Entry>> entries_;
    std::minstd_rand random_{std::random_device{}()};
};

}  // namespace weir
