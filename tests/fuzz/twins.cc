// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/twins.h"

#include <fmt/format.h>

#include <cstring>
#include <span>
#include <stdexcept>

#include "bpf/shared/reasons.h"
#include "bpf/shared/tcp.h"
#include "tests/fuzz/judge.h"
#include "tests/fuzz/several.h"
#include "tests/harness/row.h"

namespace weir::fuzz {
namespace {

std::string described(const replay::Fate& fate) {
    std::string text;
    for (const weir_reason reason : fate.reasons)
        text += fmt::format(" {}", rows::reason_name(reason));
    for (const replay::Frame& frame : fate.out)
        text += fmt::format("\n    out by port {}: {}", frame.port, rows::to_hex(frame.bytes));
    for (const replay::Frame& frame : fate.to_host)
        text += fmt::format("\n    to the host from port {}: {}", frame.port,
                            rows::to_hex(frame.bytes));
    return text;
}

bool same(const std::vector<replay::Frame>& a, const std::vector<replay::Frame>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
        return x.port == y.port && x.bytes == y.bytes;
    });
}

template <class Record>
bool same(std::span<Record> a, std::span<Record> b) {
    return a.size_bytes() == b.size_bytes() &&
           std::memcmp(static_cast<const void*>(a.data()), static_cast<const void*>(b.data()),
                       a.size_bytes()) == 0;
}

}  // namespace

void Twins::open(Side& side, const Case& one) {
    auto view = side.runner.open(rows::geometry_of(one.head, side.workers));
    if (!view) throw std::runtime_error(view.error());
    side.view = *view;
    rows::prepare(side.view, one.head, side.runner.ifindexes(), side.workers);
    side.writer = std::make_unique<tables::Writer>(side.view, [](std::uint64_t) {});
}

void Twins::open(const Case& one) {
    open(first_, one);
    open(second_, one);
    now_ = rows::start_of_time;
    wild_ = is_wild(one);
    fate_ = {};
}

std::optional<std::string> Twins::step(const Case& one, const Step& step) {
    switch (step.kind) {
        case Step::Kind::age:
            now_ += std::uint64_t{WEIR_TICKS_OF_MS(step.value)} << WEIR_TICK_SHIFT;
            return std::nullopt;
        case Step::Kind::publish:
            for (Side* side : {&first_, &second_})
                rows::publish(*side->writer, one.head.at("generations").at(step.value));
            wild_ = is_wild(one);
            return std::nullopt;
        case Step::Kind::packet:
            break;
    }
    return send(step);
}

std::optional<std::string> Twins::send(const Step& step) {
    const std::size_t bytes = step.packet.size();
    if (!first_.runner.takes(bytes) || !second_.runner.takes(bytes)) return std::nullopt;
    const replay::Frame frame{static_cast<unsigned>(step.value), step.packet};
    auto first = first_.runner.send(frame, now_);
    auto second = second_.runner.send(frame, now_);
    packets_++;
    if (!first) throw std::runtime_error(first.error());
    if (!second) throw std::runtime_error(second.error());
    fate_ = *std::move(first);
    if (fate_.reasons.size() == 1 && fate_.reasons == second->reasons &&
        same(fate_.out, second->out) && same(fate_.to_host, second->to_host)) {
        const auto fault = wild_ ? std::nullopt : judge(frame.bytes, fate_);
        if (!fault) return std::nullopt;
        return fmt::format("{}: port {}: {}\n  both:{}", *fault, frame.port,
                           rows::to_hex(frame.bytes), described(fate_));
    }
    return fmt::format("port {}: {}\n  host:{}\n  {}:{}", frame.port, rows::to_hex(frame.bytes),
                       described(fate_), other_, described(*second));
}

std::optional<std::string> Twins::compare_tables() const {
    const tables::View& a = first_.view;
    const tables::View& b = second_.view;
    const auto differ = [this](const char* what) {
        return fmt::format("{} differ between host and {}", what, other_);
    };
    if (several()) {
        const auto what = fuzz::differ(a, b, now_);
        return what ? differ(what->c_str()) : what;
    }
    if (!same(a.flows, b.flows)) return differ("flows");
    if (!same(a.flow_refs, b.flow_refs)) return differ("references");
    if (!same(a.fragments, b.fragments)) return differ("fragments");
    if (!same(a.counters, b.counters)) return differ("counters");
    if (!same(a.upstreams, b.upstreams)) return differ("turns");
    if (a.workers[0].answers_left != b.workers[0].answers_left) return differ("answers left");
    return std::nullopt;
}

std::optional<std::string> Twins::run(const Case& one) {
    open(one);
    for (const Step& step : one.steps)
        if (auto difference = this->step(one, step)) return difference;
    return compare_tables();
}

}  // namespace weir::fuzz
