// SPDX-License-Identifier: Apache-2.0
// When a worker rests, and for how long at most, by setting and by what can wake it; and how busy
// it was lately.
#include "dataplane/idle.h"

#include <getopt.h>
#include <gtest/gtest.h>

#include "dataplane/load.h"
#include "dataplane/options.h"

namespace weir {
namespace {

constexpr std::uint64_t start = 1'000'000'000'000;

TEST(Idle, AutoPollsOnThenNapsThenSleeps) {
    Idle idle(BusyPoll::automatic, false);
    EXPECT_EQ(idle.after(true, start), Rest::none);
    EXPECT_EQ(idle.after(false, start + Idle::spin_ns - 1), Rest::none);
    EXPECT_EQ(idle.after(false, start + Idle::spin_ns), Rest::nap);
    EXPECT_EQ(idle.after(false, start + Idle::naps_ns - 1), Rest::nap);
    EXPECT_EQ(idle.after(false, start + Idle::naps_ns), Rest::long_nap);
    EXPECT_EQ(idle.after(false, start + 1000 * Idle::naps_ns), Rest::long_nap);
}

TEST(Idle, APacketBeginsTheTimeAnew) {
    Idle idle(BusyPoll::automatic, false);
    idle.after(true, start);
    EXPECT_EQ(idle.after(false, start + Idle::naps_ns), Rest::long_nap);
    const std::uint64_t later = start + 2 * Idle::naps_ns;
    EXPECT_EQ(idle.after(true, later), Rest::none);
    EXPECT_EQ(idle.after(false, later + Idle::spin_ns - 1), Rest::none);
    EXPECT_EQ(idle.after(false, later + Idle::spin_ns), Rest::nap);
}

TEST(Idle, AWorkerThatIsWokenWaitsInsteadOfNapping) {
    Idle idle(BusyPoll::automatic, true);
    idle.after(true, start);
    EXPECT_EQ(idle.after(false, start + Idle::spin_ns - 1), Rest::none);
    EXPECT_EQ(idle.after(false, start + Idle::spin_ns), Rest::wait);
    EXPECT_EQ(idle.after(false, start + Idle::naps_ns), Rest::wait);
}

TEST(Idle, OnNeverRests) {
    for (const bool woken : {false, true}) {
        Idle idle(BusyPoll::on, woken);
        idle.after(true, start);
        EXPECT_EQ(idle.after(false, start + 1), Rest::none);
        EXPECT_EQ(idle.after(false, start + 1000 * Idle::naps_ns), Rest::none);
    }
}

TEST(Idle, OffRestsAtOnce) {
    Idle idle(BusyPoll::off, false);
    EXPECT_EQ(idle.after(true, start), Rest::none);
    EXPECT_EQ(idle.after(false, start + 1), Rest::nap);
    EXPECT_EQ(idle.after(false, start + Idle::naps_ns), Rest::long_nap);
    Idle woken(BusyPoll::off, true);
    EXPECT_EQ(woken.after(false, start), Rest::wait);
}

TEST(Idle, AFreshWorkerDoesNotSleepAtItsFirstPoll) {
    Idle idle(BusyPoll::automatic, false);
    EXPECT_EQ(idle.after(false, start), Rest::none);
}

TEST(Idle, EachRestIsBounded) {
    EXPECT_EQ(Idle::longest_ns(Rest::none), 0u);
    EXPECT_LT(Idle::longest_ns(Rest::nap), Idle::longest_ns(Rest::long_nap));
    // Control waits a second for a worker to take a generation (dpdk_engine.cc).
    EXPECT_LE(Idle::longest_ns(Rest::wait), 10'000'000u);
}

TEST(Load, IsOfTheLastSecondsOnly) {
    Load load;
    EXPECT_EQ(load.permille(), 0);
    load.sample(0, 0);
    EXPECT_EQ(load.permille(), 0);
    load.sample(1000, 1000);
    EXPECT_EQ(load.permille(), 1000);
    load.sample(1000, 2000);
    EXPECT_EQ(load.permille(), 500);
    for (unsigned second = 3; second < 3 + Load::window; second++) {
        load.sample(1000, 1000 * second);
    }
    EXPECT_EQ(load.permille(), 0) << "the busy second has left the window";
}

TEST(Load, AWorkerThatStandsStillIsNotBusy) {
    Load load;
    for (unsigned i = 0; i < 3; i++) load.sample(7, 70);
    EXPECT_EQ(load.permille(), 0);
}

Result<DataplaneOptions> options(std::vector<std::string> words) {
    words.insert(words.begin(),
                 {"weir-dataplane", "--instance", "x", "--segment", "/x", "--host-link", "weir0"});
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    optind = 0;  // getopt(3): anew
    return parse_dataplane_options(argv);
}

TEST(DataplaneOptions, BusyPollIsOneOfThreeWords) {
    EXPECT_EQ(options({})->busy_poll, BusyPoll::automatic);
    for (const BusyPoll mode : {BusyPoll::automatic, BusyPoll::on, BusyPoll::off})
        EXPECT_EQ(options({"--busy-poll", to_word(mode)})->busy_poll, mode);
    const auto wrong = options({"--busy-poll", "sometimes"});
    ASSERT_FALSE(wrong);
    EXPECT_EQ(wrong.error(), "--busy-poll \"sometimes\" is not on, off or auto");
}

}  // namespace
}  // namespace weir
