// SPDX-License-Identifier: Apache-2.0
// Numbers, times, sizes and addresses: what nginx takes and what it does not.
#include "control/config/values.h"

#include <gtest/gtest.h>

#include "control/config/url.h"

namespace weir::config {
namespace {

std::int64_t time_of(std::string_view text, TimeUnit unit = TimeUnit::milliseconds) {
    auto time = parse_time(text, unit);
    return time ? time->count() : -1;
}

TEST(Values, TimeUnitsDescend) {
    EXPECT_EQ(time_of("5"), 5000);
    EXPECT_EQ(time_of("1h30m"), 5400000);
    EXPECT_EQ(time_of("1m 30s 5ms"), 90005);
    EXPECT_EQ(time_of("2w1d"), 1296000000);
    EXPECT_EQ(time_of("500ms"), 500);
    for (const char* bad :
         {"", "30m1h", "1x", "1y", "1M", "m", "1h1h", "-1", " 1", "1.5s", "1s5 s"})
        EXPECT_EQ(time_of(bad), -1) << bad;
}

TEST(Values, SecondsTakeYearsAndNoMilliseconds) {
    EXPECT_EQ(time_of("1y", TimeUnit::seconds), 31536000000);
    EXPECT_EQ(time_of("1M", TimeUnit::seconds), 2592000000);
    EXPECT_EQ(time_of("500ms", TimeUnit::seconds), -1);
}

TEST(Values, TimesDoNotOverflow) {
    EXPECT_EQ(time_of("9223372036854775807"), -1);
    EXPECT_EQ(time_of("99999999999999999999"), -1);
    EXPECT_EQ(time_of("9223372036854775d"), -1);
}

TEST(Values, NumbersAreDigits) {
    EXPECT_EQ(parse_number("007"), 7U);
    for (const char* bad : {"", "+1", "-1", "1 ", "0x1", "9223372036854775808"})
        EXPECT_FALSE(parse_number(bad)) << bad;
}

TEST(Values, SizesHaveASuffix) {
    EXPECT_EQ(parse_size("64k"), 65536U);
    EXPECT_EQ(parse_size("2M"), 2097152U);
    EXPECT_EQ(parse_size("10"), 10U);
    for (const char* bad : {"", "k", "10q", "1kb", "1 k", "9223372036854775807k"})
        EXPECT_FALSE(parse_size(bad)) << bad;
}

TEST(Values, FlagsIgnoreCase) {
    EXPECT_EQ(parse_flag("ON"), true);
    EXPECT_EQ(parse_flag("oFf"), false);
    EXPECT_FALSE(parse_flag("yes"));
}

TEST(Values, PathsAreRelativeToADirectory) {
    EXPECT_EQ(absolute_path("/a/", "b"), "/a/b");
    EXPECT_EQ(absolute_path("/a", "b"), "/a/b");
    EXPECT_EQ(absolute_path("/a", "/b"), "/b");
    EXPECT_EQ(absolute_path("", "b"), "b");
}

TEST(Url, ReadsEveryForm) {
    auto url = parse_url("10.0.0.1:80", UrlUse::server);
    EXPECT_EQ(to_text(*url->address, url->port), "10.0.0.1:80");
    url = parse_url("[2001:db8::1]:443", UrlUse::server);
    EXPECT_EQ(to_text(*url->address, url->port), "[2001:db8::1]:443");
    url = parse_url("lb/x?y", UrlUse::http, 80);
    EXPECT_EQ(url->host, "lb");
    EXPECT_EQ(url->uri, "/x?y");
    EXPECT_FALSE(url->port_given);
    EXPECT_EQ(url->port, 80);
    url = parse_url("*:53", UrlUse::listen);
    EXPECT_TRUE(url->wildcard);
    EXPECT_FALSE(parse_url("300.0.0.1:80", UrlUse::server)->address);
}

TEST(Url, UnspecifiedMeansThisHost) {
    using boost::asio::ip::make_address;
    EXPECT_EQ(reachable(make_address("0.0.0.0")).to_string(), "127.0.0.1");
    EXPECT_EQ(reachable(make_address("::")).to_string(), "::1");
    EXPECT_EQ(reachable(make_address("10.0.0.1")).to_string(), "10.0.0.1");
}

}  // namespace
}  // namespace weir::config
