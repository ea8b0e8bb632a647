// SPDX-License-Identifier: Apache-2.0
// A segment on disk: what one process creates another finds; a stranger's file is refused with the
// reason.
#include "dataplane/tables/segment.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace weir::tables {
namespace {

class SegmentTest : public ::testing::Test {
  protected:
    void TearDown() override { std::filesystem::remove_all(folder_); }

    Result<Segment> create() { return Segment::create(path_, geometry_, 7); }

    // Replaces one 32-bit word of the file.
    void overwrite(std::size_t offset, std::uint32_t value) {
        std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(static_cast<std::streamoff>(offset));
        file.write(reinterpret_cast<const char*>(&value), sizeof(value));
    }

    std::string refusal() {
        const auto segment = Segment::open(path_);
        return segment ? "" : segment.error();
    }

    const std::string folder_ =
        std::filesystem::temp_directory_path() / ("weir-segment-" + std::to_string(::getpid()));
    const std::string path_ = folder_ + "/tables";
    const Geometry geometry_ = Geometry::for_flows(1000, 2, 2);

  private:
    const bool made_ = std::filesystem::create_directory(folder_);
};

TEST_F(SegmentTest, WhatOneWritesAnotherReads) {
    const auto writer = create();
    ASSERT_TRUE(writer) << writer.error();
    writer->view().services.back().id = 11;
    writer->view().flows.back().service_id = 12;
    writer->view().flow_refs.back().ref[7] = 13;
    writer->view().fragments.back().id = 14;
    copy_text(writer->area().message, "here");

    const auto reader = Segment::open_read_only(path_);
    ASSERT_TRUE(reader) << reader.error();
    const View view = reader->view();
    EXPECT_EQ(view.control->seed, 7u);
    EXPECT_EQ(view.control->generation, 0u);
    EXPECT_EQ(view.services.back().id, 11u);
    EXPECT_EQ(view.flows.back().service_id, 12u);
    EXPECT_EQ(view.flow_refs.back().ref[7], 13u);
    EXPECT_EQ(view.fragments.back().id, 14u);
    EXPECT_STREQ(reader->area().message, "here");
}

TEST_F(SegmentTest, ArraysHaveTheGeometrysSizesAndDoNotOverlap) {
    const auto segment = create();
    ASSERT_TRUE(segment) << segment.error();
    const View view = segment->view();
    EXPECT_EQ(view.services.size(), 2 * geometry_.services);
    EXPECT_EQ(view.counters.size(), std::size_t{2} * geometry_.backends);
    EXPECT_EQ(view.flow_sets(), 2u);
    EXPECT_GE(view.flows.size(), 1000u);

    const auto* at = reinterpret_cast<const char*>(&segment->area() + 1);
    const auto follows = [&at](const auto& array) {
        EXPECT_GE(reinterpret_cast<const char*>(array.data()), at);
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(array.data()) % 64, 0u);
        at = reinterpret_cast<const char*>(array.data() + array.size());
    };
    follows(view.services);
    follows(view.backends);
    follows(view.slots);
    follows(view.sources);
    follows(view.upstreams);
    follows(view.workers);
    follows(view.counters);
    follows(view.flows);
    follows(view.flow_refs);
    follows(view.fragments);
    EXPECT_LE(at, reinterpret_cast<const char*>(view.control) + segment->size());
}

TEST_F(SegmentTest, CreatingAgainLeavesTheOldOneToThoseWhoHaveIt) {
    const auto old = create();
    ASSERT_TRUE(old);
    old->view().services[0].id = 1;
    const auto fresh = create();
    ASSERT_TRUE(fresh);
    EXPECT_EQ(fresh->view().services[0].id, 0u);
    EXPECT_EQ(old->view().services[0].id, 1u);
}

TEST_F(SegmentTest, IsPrivateToItsUser) {
    ASSERT_TRUE(create());
    struct stat status;
    ASSERT_EQ(::stat(path_.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600u);
    ASSERT_EQ(::chmod(path_.c_str(), 0666), 0);
    EXPECT_NE(refusal().find("can be written by others"), std::string::npos) << refusal();
}

TEST_F(SegmentTest, AMissingFileIsNamed) {
    EXPECT_NE(refusal().find(path_), std::string::npos) << refusal();
    EXPECT_NE(refusal().find("No such file"), std::string::npos) << refusal();
}

TEST_F(SegmentTest, AStrangersFileIsRefused) {
    std::ofstream(path_) << std::string(100'000, 'x');
    EXPECT_NE(refusal().find("is not a segment of weir's tables"), std::string::npos) << refusal();
    std::ofstream(path_) << "short";
    EXPECT_NE(refusal().find("is not a segment of weir's tables"), std::string::npos) << refusal();
}

TEST_F(SegmentTest, AnotherAbiIsRefused) {
    ASSERT_TRUE(create());
    overwrite(offsetof(weir_control, abi), WEIR_TABLES_ABI + 1);
    EXPECT_NE(refusal().find("another version of weir"), std::string::npos) << refusal();
}

TEST_F(SegmentTest, ADamagedGeometryIsRefused) {
    ASSERT_TRUE(create());
    overwrite(offsetof(weir_control, flow_buckets), 1u << 20);
    EXPECT_NE(refusal().find("is damaged"), std::string::npos) << refusal();
}

TEST_F(SegmentTest, ATruncatedFileIsRefused) {
    ASSERT_TRUE(create());
    std::filesystem::resize_file(path_, 65536);
    EXPECT_NE(refusal().find("is damaged"), std::string::npos) << refusal();
}

TEST_F(SegmentTest, CreatingWhereNothingCanBeCreatedSaysWhere) {
    const auto segment = Segment::create(folder_ + "/missing/tables", geometry_, 7);
    ASSERT_FALSE(segment);
    EXPECT_NE(segment.error().find("missing/tables"), std::string::npos) << segment.error();
}

TEST_F(SegmentTest, OnlyOneDataplaneClaimsIt) {
    const auto first = create();
    ASSERT_TRUE(first);
    EXPECT_FALSE(first->claimed());
    EXPECT_TRUE(first->claim());
    EXPECT_TRUE(first->claimed());
    EXPECT_TRUE(first->claim());  // its own

    const auto second = Segment::open(path_);
    ASSERT_TRUE(second);
    EXPECT_TRUE(second->claimed());
    const Status refused = second->claim();
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().find("already serves"), std::string::npos) << refused.error();
}

TEST_F(SegmentTest, AClaimEndsWithItsProcess) {
    const auto segment = create();
    ASSERT_TRUE(segment);
    const pid_t child = ::fork();
    if (child == 0) {
        const auto own = Segment::open(path_);
        ::_exit(own && own->claim() ? 0 : 1);
    }
    int how = 0;
    ASSERT_EQ(::waitpid(child, &how, 0), child);
    EXPECT_EQ(how, 0);
    EXPECT_FALSE(segment->claimed());
    EXPECT_TRUE(segment->claim());
}

}  // namespace
}  // namespace weir::tables
