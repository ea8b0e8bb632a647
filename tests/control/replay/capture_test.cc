// SPDX-License-Identifier: Apache-2.0
// Reading captures with every fault they may have, and writing pcapng that libpcap reads back, with
// comments where the format wants them.
#include "control/replay/capture.h"

#include <filesystem>
#include <fstream>
#include <iterator>

#include "control/replay/pcapng.h"
#include "tests/control/replay/frames.h"

namespace weir::replay {
namespace {

using test::record;
using test::temporary;

const Bytes syn =
    test::tcp({test::client_mac, test::balancer_mac, "10.0.0.2", 4242, "10.0.0.10", 80},
              WEIR_TCP_SYN, 1, 1, "hello");

std::string contents(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

void overwrite(const std::string& path, const std::string& text) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
}

std::string why_not(const std::string& path) {
    const auto capture = Capture::open(path);
    return capture ? "it opens" : capture.error();
}

TEST(Capture, GivesPacketsInOrder) {
    auto capture = Capture::open(record("order.pcap", {{1'000'001, syn}, {2'000'000, syn}}));
    ASSERT_TRUE(capture) << capture.error();
    const auto first = capture->next();
    ASSERT_TRUE(first && *first);
    EXPECT_EQ((*first)->number, 1u);
    EXPECT_EQ((*first)->time_ns, 1'000'001'000u);
    EXPECT_EQ((*first)->bytes, syn);
    const auto second = capture->next();
    ASSERT_TRUE(second && *second);
    EXPECT_EQ((*second)->number, 2u);
    const auto end = capture->next();
    EXPECT_TRUE(end && !*end);
}

TEST(Capture, FillsUpWhatWasCut) {
    auto capture = Capture::open(record("snapped.pcap", {{1, syn, 54}}));
    ASSERT_TRUE(capture) << capture.error();
    const auto packet = capture->next();
    ASSERT_TRUE(packet && *packet);
    EXPECT_EQ((*packet)->captured, 54u);
    ASSERT_EQ((*packet)->bytes.size(), syn.size());
    EXPECT_TRUE(std::equal(syn.begin(), syn.begin() + 54, (*packet)->bytes.begin()));
    EXPECT_EQ((*packet)->bytes.back(), 0);
}

TEST(Capture, SaysWhatIsWrongWithAFile) {
    EXPECT_NE(why_not(temporary("absent")).find("No such file"), std::string::npos);
    EXPECT_NE(why_not(testing::TempDir()).find("Is a directory"), std::string::npos);
    const std::string path = temporary("wrong");
    overwrite(path, "");
    EXPECT_NE(why_not(path).find("truncated"), std::string::npos) << why_not(path);
    overwrite(path, "this is a text file, and a longer one than a header");
    EXPECT_NE(why_not(path).find("unknown file format"), std::string::npos) << why_not(path);
    EXPECT_NE(why_not(path).find(path), std::string::npos) << "the file is named";
    const std::string cooked = record("cooked.pcap", {}, DLT_LINUX_SLL);
    EXPECT_NE(why_not(cooked).find("not on \"any\""), std::string::npos) << why_not(cooked);
}

TEST(Capture, TellsWhereItIsDamaged) {
    const std::string path = record("damaged.pcap", {{1, syn}, {2, syn}});
    const std::string whole = contents(path);
    for (const std::size_t missing : {std::size_t{1}, syn.size(), syn.size() + 1}) {
        overwrite(path, whole.substr(0, whole.size() - missing));
        auto capture = Capture::open(path);
        ASSERT_TRUE(capture) << capture.error();
        EXPECT_TRUE(capture->next());
        const auto second = capture->next();
        ASSERT_FALSE(second);
        EXPECT_NE(second.error().find("after packet 1"), std::string::npos) << second.error();
    }
}

TEST(Pcapng, IsReadBackByLibpcap) {
    const std::string path = temporary("back.pcapng");
    auto writer = PcapngWriter::create(path, {"eth0", "dropped"});
    ASSERT_TRUE(writer) << writer.error();
    writer->write(0, 1'700'000'000'123'456'789, syn, syn.size(), "forward flow_new: one");
    writer->write(1, 1'700'000'001'000'000'001, std::span(syn).first(54), syn.size(), "drop");
    ASSERT_TRUE(writer->close());
    auto capture = Capture::open(path);
    ASSERT_TRUE(capture) << capture.error();
    const auto first = capture->next();
    ASSERT_TRUE(first && *first);
    EXPECT_EQ((*first)->time_ns, 1'700'000'000'123'456'789u);
    EXPECT_EQ((*first)->bytes, syn);
    const auto second = capture->next();
    ASSERT_TRUE(second && *second);
    EXPECT_EQ((*second)->captured, 54u);
    EXPECT_EQ((*second)->bytes.size(), syn.size());
}

// Block by block, as the draft has it: every length twice, every option on 4 bytes.
TEST(Pcapng, CommentsStandInThePacketsBlock) {
    const std::string path = temporary("comment.pcapng");
    auto writer = PcapngWriter::create(path, {"eth0"});
    ASSERT_TRUE(writer) << writer.error();
    writer->write(0, 1, syn, syn.size(), "drop no_flow");
    ASSERT_TRUE(writer->close());
    const std::string file = contents(path);
    const auto number = [&](std::size_t at) {
        std::uint32_t value = 0;
        std::memcpy(&value, file.data() + at, sizeof(value));
        return value;
    };
    std::vector<std::uint32_t> types;
    std::string comment;
    for (std::size_t at = 0; at < file.size(); at += number(at + 4)) {
        ASSERT_EQ(number(at + 4) % 4, 0u);
        ASSERT_LE(at + number(at + 4), file.size());
        EXPECT_EQ(number(at + number(at + 4) - 4), number(at + 4));
        types.push_back(number(at));
        if (number(at) != 6) continue;
        const std::size_t options = at + 28 + (number(at + 20) + 3) / 4 * 4;
        EXPECT_EQ(number(options) & 0xffff, 1u);
        comment = file.substr(options + 4, number(options) >> 16);
    }
    EXPECT_EQ(types, (std::vector<std::uint32_t>{0x0a0d0d0a, 1, 6}));
    EXPECT_EQ(comment, "drop no_flow");
}

TEST(Pcapng, SaysWhenItCannotWrite) {
    const auto nowhere = PcapngWriter::create("/nonexistent/out.pcapng", {"eth0"});
    ASSERT_FALSE(nowhere);
    EXPECT_NE(nowhere.error().find("No such file"), std::string::npos) << nowhere.error();
    if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "no /dev/full";
    auto full = PcapngWriter::create("/dev/full", {"eth0"});
    ASSERT_TRUE(full) << full.error();
    EXPECT_FALSE(full->close());
}

}  // namespace
}  // namespace weir::replay
