// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/scenario.h"

#include <algorithm>
#include <stdexcept>

#include "tests/fuzz/frame.h"
#include "tests/fuzz/mutate.h"

namespace weir::fuzz {
namespace {

using Difference = std::optional<std::string>;

constexpr std::size_t longest_case = 60;  // steps
constexpr std::size_t longest_cut = 1600;

// Tables that cannot be published are no difference.
bool differs(Twins& twins, const Case& one) {
    try {
        return twins.run(one).has_value();
    } catch (const std::runtime_error&) {
        return false;
    }
}

}  // namespace

Scenario::Scenario(Twins& twins, const std::vector<Case>& rows, bool several)
    : twins_(twins), several_(several), rows_(rows) {
    for (const Case& row : rows)
        for (const Step& step : row.steps)
            if (step.kind == Step::Kind::packet) packets_.push_back(&step);
    if (packets_.empty()) throw std::runtime_error("the rows have no packets");
}

void Scenario::begin(const Case& row, Spread spread) {
    made_ = {row.head, {}};
    spread_ = spread;
    if (several_) fit_case_to_workers(made_.head, spread);
}

Difference Scenario::play(Choices& choices) {
    const Case& row = choices.of(rows_);
    begin(row, several_ && choices.one_in(2) ? Spread::by_hash : Spread::by_port);
    auto& generations = made_.head.at("generations");
    if (choices.one_in(8)) made_.head["wild"] = true;
    if (choices.one_in(2))
        for (auto& generation : generations)
            for (std::size_t changes = choices.below(4); changes > 0; changes--)
                change_tables(generation, generations.size() > 1, choices);
    twins_.open(made_);
    try {
        if (auto difference = follow(row, choices)) return difference;
    } catch (const std::runtime_error&) {
        return std::nullopt;  // tables that cannot be published
    }
    return twins_.compare_tables();
}

Difference Scenario::follow(const Case& row, Choices& choices) {
    for (std::size_t next = 0; next < row.steps.size() && made_.steps.size() < longest_case;) {
        if (choices.exhausted()) break;
        if (auto difference = act(row, next, choices)) return difference;
    }
    return std::nullopt;
}

// Chooses what happens where the row's step `next` would.
Difference Scenario::act(const Case& row, std::size_t& next, Choices& choices) {
    const Step& step = row.steps[next];
    if (step.kind != Step::Kind::packet) {
        next++;
        return take(step);
    }
    switch (choices.below(16)) {
        case 5:
            next++;
            return at_the_edge(step);
        case 6:
        case 7:
        case 8:
            next++;
            return changed(step, choices);
        case 9:
        case 10:
            return changed(step, choices);
        case 11:
            return reply(choices);
        case 12:
            return error(choices);
        case 13:
            next++;
            return in_fragments(step, choices);
        case 14:
            return stranger(step, choices);
        case 15:
            return reload(choices);
        default:
            next++;
            return take(step);
    }
}

Difference Scenario::take(Step step) {
    made_.steps.push_back(std::move(step));
    return twins_.step(made_, made_.steps.back());
}

Difference Scenario::packet(std::uint64_t port, Bytes frame) {
    return take({Step::Kind::packet, port, std::move(frame)});
}

Difference Scenario::changed(Step step, Choices& choices) {
    const Bytes& other = choices.of(packets_)->packet;
    for (std::size_t changes = 1 + choices.below(4); changes > 0; changes--)
        mutate(step.packet, other, choices);
    if (choices.one_in(2)) fix_lengths(step.packet);
    if (!choices.one_in(4)) fix_checksums(step.packet);
    if (choices.one_in(16)) step.value = choices.below(3);
    return take(std::move(step));
}

// To what has last left by a port.
Difference Scenario::reply(Choices& choices) {
    if (twins_.fate().out.empty()) return std::nullopt;
    const replay::Frame sent = twins_.fate().out.back();
    Step step{Step::Kind::packet, sent.port, turned_around(sent.bytes)};
    const Layout layout = layout_of(step.packet);
    if (layout.protocol == 6 && layout.l4 && layout.l4 + 20 <= step.packet.size()) {
        constexpr std::uint8_t flags[] = {0x12, 0x10, 0x11, 0x14};
        step.packet[layout.l4 + 13] = choices.of(flags);
        fix_checksums(step.packet);
    }
    return choices.one_in(3) ? changed(std::move(step), choices) : take(std::move(step));
}

// About what has last left by a port, from where it went.
Difference Scenario::error(Choices& choices) {
    if (twins_.fate().out.empty()) return std::nullopt;
    const replay::Frame sent = twins_.fate().out.back();
    constexpr std::uint8_t types4[] = {3, 11, 12, 5, 4, 8}, types6[] = {1, 2, 3, 4, 128, 137};
    const bool v4 = layout_of(sent.bytes).family == 4;
    const std::uint8_t type = v4 ? choices.of(types4) : choices.of(types6);
    Bytes error = error_about(sent.bytes, type, static_cast<std::uint8_t>(choices.below(6)),
                              8 + choices.below(120));
    if (error.empty()) return std::nullopt;
    Step step{Step::Kind::packet, sent.port, std::move(error)};
    return choices.one_in(3) ? changed(std::move(step), choices) : take(std::move(step));
}

// The step, and once more with a payload whose checksum leaves as zero, or as what stands for it.
Difference Scenario::at_the_edge(const Step& step) {
    if (auto difference = take(step)) return difference;
    if (twins_.fate().out.empty()) return std::nullopt;
    Step again = step;
    const Layout in = layout_of(step.packet);
    const Layout out = layout_of(twins_.fate().out.back().bytes);
    if (in.protocol != out.protocol || !in.l4 || !out.l4) return std::nullopt;
    const std::size_t payload = in.l4 + (in.protocol == 6 ? 20 : 8);
    const std::size_t checksum = out.l4 + (in.protocol == 6 ? 16 : in.protocol == 17 ? 6 : 2);
    if (payload + 2 > again.packet.size()) {
        again.packet.resize(payload + 2);
        fix_lengths(again.packet);
        fix_checksums(again.packet);
        if (auto difference = take(again)) return difference;
        if (twins_.fate().out.empty()) return std::nullopt;
    }
    const unsigned sum =
        word_at(again.packet, payload) + word_at(twins_.fate().out.back().bytes, checksum);
    set_word(again.packet, payload, static_cast<std::uint16_t>((sum & 0xffff) + (sum >> 16)));
    fix_checksums(again.packet);
    return take(std::move(again));
}

Difference Scenario::in_fragments(const Step& step, Choices& choices) {
    Bytes whole = step.packet;
    if (choices.one_in(2)) {
        whole.resize(whole.size() + choices.below(200), choices.byte());
        fix_lengths(whole);
        fix_checksums(whole);
    }
    auto parts = fragments_of(whole, 8 * (1 + choices.below(6)), choices.word());
    if (choices.one_in(3)) std::reverse(parts.begin(), parts.end());
    for (Bytes& part : parts)
        if (auto difference = packet(step.value, std::move(part))) return difference;
    return std::nullopt;
}

// A frame of another row, with this one's MACs, and perhaps its addresses.
Difference Scenario::stranger(const Step& like, Choices& choices) {
    Step step = *choices.of(packets_);
    step.value = like.value;
    const std::size_t macs = std::min<std::size_t>({12, step.packet.size(), like.packet.size()});
    std::copy_n(like.packet.begin(), macs, step.packet.begin());
    if (choices.one_in(2)) return changed(std::move(step), choices);
    return take(std::move(step));
}

// Time passes, or other tables are published.
Difference Scenario::reload(Choices& choices) {
    constexpr std::uint64_t ages[] = {1, 70, 1000, 30'500, 60'500, 600'500};
    if (choices.one_in(2)) return take({Step::Kind::age, choices.of(ages), {}});
    auto& generations = made_.head.at("generations");
    if (generations.empty()) return std::nullopt;
    auto generation = generations.at(choices.below(generations.size()));
    change_tables(generation, true, choices);
    generations.push_back(std::move(generation));
    return take({Step::Kind::publish, generations.size() - 1, {}});
}

void Scenario::change_tables(nlohmann::json& generation, bool same_ids, Choices& choices) {
    mutate_tables(generation, same_ids && !is_wild(made_), choices);
    if (several_) fit_to_workers(generation, spread_);
    if (crosses_families(generation)) made_.head["wild"] = true;
}

Difference Scenario::play_whole(const Case& row, Spread spread) {
    begin(row, spread);
    twins_.open(made_);
    for (const Step& step : row.steps)
        if (auto difference = take(step)) return difference;
    return twins_.compare_tables();
}

Difference Scenario::play_cut(const Case& row) {
    begin(row, Spread::by_port);
    twins_.open(made_);
    for (const Step& step : row.steps) {
        if (step.kind == Step::Kind::packet && step.packet.size() <= longest_cut) {
            for (std::size_t length = step.packet.size(); length-- > 0;) {
                Bytes cut(step.packet.begin(),
                          step.packet.begin() + static_cast<std::ptrdiff_t>(length));
                if (auto difference = packet(step.value, cut)) return difference;
                fix_lengths(cut);
                fix_checksums(cut);
                if (auto difference = packet(step.value, std::move(cut))) return difference;
            }
        }
        if (auto difference = take(step)) return difference;
    }
    return twins_.compare_tables();
}

// Leaves out ever smaller runs of steps, from the end.
Case shrunk(Twins& twins, Case one) {
    for (std::size_t run = one.steps.size(); run > 0; run /= 2) {
        for (std::size_t end = one.steps.size(); end > 0;) {
            const std::size_t begin = end > run ? end - run : 0;
            Case fewer = one;
            fewer.steps.erase(fewer.steps.begin() + static_cast<std::ptrdiff_t>(begin),
                              fewer.steps.begin() + static_cast<std::ptrdiff_t>(end));
            if (differs(twins, fewer)) one = std::move(fewer);
            end = std::min(begin, one.steps.size());
        }
    }
    return one;
}

}  // namespace weir::fuzz
