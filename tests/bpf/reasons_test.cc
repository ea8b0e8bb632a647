// SPDX-License-Identifier: Apache-2.0
// The X-list of reasons: names fit for metrics, verdicts as listed.
#include "bpf/shared/reasons.h"

#include <gtest/gtest.h>

#include <regex>
#include <set>
#include <string>

#include "bpf/shared/verdict.h"

namespace {

struct Listed {
    weir_reason reason;
    weir_verdict verdict;
    std::string name;
    std::string meaning;
};

#define WEIR_LISTED(name, verdict, text, meaning) \
    {WEIR_REASON_##name, WEIR_VERDICT_##verdict, text, meaning},
const Listed listed[] = {WEIR_REASONS(WEIR_LISTED)};
#undef WEIR_LISTED

TEST(Reasons, NamesAreUniqueAndFitForMetrics) {
    std::set<std::string> names;
    for (const Listed& one : listed) {
        EXPECT_TRUE(names.insert(one.name).second) << one.name;
        EXPECT_TRUE(std::regex_match(one.name, std::regex("[a-z][a-z0-9_]*"))) << one.name;
        EXPECT_GT(one.meaning.size(), 10u) << one.name;
    }
}

TEST(Reasons, NumberedFromOneWithoutGap) {
    unsigned number = 1;
    for (const Listed& one : listed) EXPECT_EQ(one.reason, number++) << one.name;
    EXPECT_EQ(number, static_cast<unsigned>(WEIR_REASON_COUNT));
}

TEST(Reasons, VerdictsAreAsListed) {
    for (const Listed& one : listed)
        EXPECT_EQ(weir_verdict_of(one.reason), one.verdict) << one.name;
    EXPECT_EQ(weir_verdict_of(WEIR_REASON_NONE), WEIR_VERDICT_DROP) << "never forward by mistake";
}

}  // namespace
