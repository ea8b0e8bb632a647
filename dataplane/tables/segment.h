// SPDX-License-Identifier: Apache-2.0
// The shared tables in one file-backed segment, for the DPDK engine: control creates it,
// weir-dataplane and weirctl open it. It outlives all of them, so that a restarted weir-dataplane
// finds the flows and a restarted control the tables. Who opens a file that is no such segment, or
// one of another ABI, is refused with a sentence.
//
//   offset 0     weir_control       magic, ABI, geometry, ports, the generation number
//   256          SegmentHeader      whole size: a truncated file is refused
//   512          DataplaneArea      area.h
//   8192         services, backends, slots, sources, upstreams, workers, counters, flows,
//                flow_refs, fragments:
//                                   each at a page's start; the offsets follow from the geometry
//                                   alone (segment.cc)
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "dataplane/tables/area.h"
#include "dataplane/tables/result.h"
#include "dataplane/tables/view.h"

namespace weir::tables {

class Segment {
  public:
    // A fresh segment in the place of whatever was at `path` (a process that has the old one mapped
    // keeps it).
    static Result<Segment> create(const std::string& path, const Geometry& geometry,
                                  std::uint64_t seed);
    static Result<Segment> open(const std::string& path);

    // The same, but nothing can be changed through it (weirctl).
    static Result<Segment> open_read_only(const std::string& path);

    Segment(Segment&& other) noexcept;
    Segment& operator=(Segment&& other) noexcept;
    ~Segment();

    View view() const;
    DataplaneArea& area() const;
    const std::string& path() const { return path_; }
    std::size_t size() const { return size_; }
    bool huge_pages() const;
    std::size_t page() const;  // bytes

    // Makes this process the one dataplane of the segment, until it ends. An error names the one
    // that runs.
    Status claim() const;

    // Some process is the dataplane of the segment now.
    bool claimed() const;

  private:
    Segment(std::string path, int fd, void* base, std::size_t size)
        : path_(std::move(path)), fd_(fd), base_(base), size_(size) {}
    static Result<Segment> map(const std::string& path, bool writable);

    std::string path_;
    int fd_ = -1;
    void* base_ = nullptr;
    std::size_t size_ = 0;
};

// Bytes a segment of this geometry takes, before rounding to the page size of its file system.
std::size_t segment_size(const Geometry& geometry);

// Where the segment of an instance belongs: a file on hugetlbfs where one is mounted with room for
// it (and for the packet buffers beside it), else in /dev/shm.
std::string segment_path(const std::string& instance, const Geometry& geometry);

// Where one of the instance is: at one of these places, or by accident at several.
std::vector<std::string> existing_segments(const std::string& instance);

}  // namespace weir::tables
