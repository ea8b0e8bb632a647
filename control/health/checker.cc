// SPDX-License-Identifier: Apache-2.0
// The Checker: one timer and at most one probe a target. See checker.h.
#include "control/health/checker.h"

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <utility>

#include "control/health/probe.h"
#include "control/log/log.h"

namespace weir {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// First probes start at once, but a thousand targets do not connect in the same millisecond.
constexpr std::size_t burst = 64;
constexpr milliseconds burst_gap{10};

bool same_check(const config::HealthCheck& a, const config::HealthCheck& b) {
    return a.type == b.type && a.interval == b.interval && a.jitter == b.jitter &&
           a.timeout == b.timeout && a.fails == b.fails && a.passes == b.passes &&
           a.port == b.port && a.uri == b.uri;
}

}  // namespace

struct Checker::Entry {
    Entry(boost::asio::io_context& io, Target wanted) : target(std::move(wanted)), timer(io) {}

    Target target;
    boost::asio::steady_timer timer;
    std::shared_ptr<Probe> probe;
    Clock::time_point started;
    bool stopped = false;
    bool healthy = true;
    unsigned failed = 0;  // probes in a row
    unsigned passed = 0;
    std::string reason;
};

Checker::Checker(boost::asio::io_context& io, OnChange callback)
    : io_(io), callback_(std::move(callback)) {}

Checker::~Checker() {
    for (auto& [id, entry] : entries_) stop(*entry);
}

void Checker::replace(const std::vector<Target>& targets) {
    auto old = std::exchange(entries_, {});
    std::size_t started = 0;
    for (const Target& target : targets) {
        if (entries_.contains(target.id)) continue;
        const auto found = old.find(target.id);
        const bool known = found != old.end() && found->second->target.address == target.address &&
                           found->second->target.port == target.port;
        if (known && same_check(found->second->target.check, target.check)) {
            entries_.insert(old.extract(found));
            continue;
        }
        auto entry = std::make_shared<Entry>(io_, target);
        if (known) {
            entry->healthy = found->second->healthy;
            entry->reason = found->second->reason;
        }
        entries_.emplace(target.id, entry);
        schedule(entry, burst_gap * (started++ / burst));
    }
    for (auto& [id, entry] : old) stop(*entry);
}

bool Checker::healthy(const std::string& id) const {
    const auto found = entries_.find(id);
    return found == entries_.end() || found->second->healthy;
}

std::string Checker::last_reason(const std::string& id) const {
    const auto found = entries_.find(id);
    return found == entries_.end() ? "" : found->second->reason;
}

void Checker::stop(Entry& entry) {
    entry.stopped = true;
    entry.timer.cancel();
    if (entry.probe) entry.probe->cancel();
}

void Checker::schedule(const std::shared_ptr<Entry>& entry, milliseconds delay) {
    entry->timer.expires_after(delay);
    entry->timer.async_wait([this, entry](const boost::system::error_code& code) {
        if (!code && !entry->stopped) probe(entry);
    });
}

void Checker::probe(const std::shared_ptr<Entry>& entry) {
    const Target& target = entry->target;
    const config::HealthCheck& check = target.check;
    const boost::asio::ip::tcp::endpoint backend(target.address, check.port.value_or(target.port));
    entry->started = Clock::now();
    // The probe must not own the entry that owns it.
    auto done = [this, weak = std::weak_ptr(entry)](const ProbeOutcome& outcome) {
        const auto alive = weak.lock();
        if (!alive || alive->stopped) return;
        alive->probe.reset();
        const bool repeated = std::exchange(alive->reason, outcome.reason) == outcome.reason;
        plan_next(alive);
        if (outcome.verdict == ProbeOutcome::Verdict::inconclusive) {
            if (repeated) return;
            log::warn("health check of {} not possible: {}", alive->target.id, outcome.reason);
        } else {
            probed(alive, outcome.verdict == ProbeOutcome::Verdict::passed, outcome.reason);
        }
    };
    entry->probe = check.type == config::HealthCheck::Type::http
                       ? start_http_probe(io_, backend, check.uri, check.timeout, std::move(done))
                       : start_tcp_probe(io_, backend, check.timeout, std::move(done));
}

void Checker::plan_next(const std::shared_ptr<Entry>& entry) {
    const config::HealthCheck& check = entry->target.check;
    const auto spent = std::chrono::duration_cast<milliseconds>(Clock::now() - entry->started);
    std::uniform_int_distribution<milliseconds::rep> jitter(0, check.jitter.count());
    // Never back to back, whatever the configuration says.
    const milliseconds rest = std::max(check.interval - spent, milliseconds(1));
    schedule(entry, rest + milliseconds(jitter(random_)));
}

void Checker::probed(const std::shared_ptr<Entry>& entry, bool passed, const std::string& reason) {
    entry->failed = passed ? 0 : entry->failed + 1;
    entry->passed = passed ? entry->passed + 1 : 0;
    const config::HealthCheck& check = entry->target.check;
    const bool change =
        entry->healthy ? entry->failed >= check.fails : entry->passed >= check.passes;
    // With fails=0 or passes=0 from a careless caller a state must still follow the last probe.
    if (!change || passed == entry->healthy) return;
    entry->healthy = passed;
    const OnChange callback = callback_;
    callback(entry->target.id, passed, reason);
}

}  // namespace weir
