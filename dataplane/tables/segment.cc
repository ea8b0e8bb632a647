// SPDX-License-Identifier: Apache-2.0
// The segment's file: layout, creation, checks. See segment.h. Where it may live is placement.cc's
// concern.
#include "dataplane/tables/segment.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace weir::tables {
namespace {

struct SegmentHeader {
    std::uint64_t size;  // of the tables, as segment_size() says
    std::uint64_t layout_abi;
};

constexpr std::uint64_t layout_abi = 3;
constexpr std::size_t header_offset = sizeof(weir_control);
constexpr std::size_t area_offset = 2048;
constexpr std::size_t arrays_offset = 20480;
constexpr std::size_t array_alignment = 4096;
static_assert(header_offset + sizeof(SegmentHeader) <= area_offset, "the header precedes the area");
static_assert(area_offset + sizeof(DataplaneArea) <= arrays_offset, "the area precedes the arrays");

// The one description of the layout: visits each array of the geometry in order.
template <class Visit>
void for_each_array(const Geometry& g, View& view, Visit visit) {
    visit(view.services, 2 * std::size_t{g.services});
    visit(view.backends, 2 * std::size_t{g.backends});
    visit(view.slots, std::size_t{g.slot_lines});
    visit(view.sources, std::size_t{g.sources});
    visit(view.upstreams, std::size_t{g.upstreams});
    visit(view.workers, std::size_t{g.workers});
    visit(view.counters, std::size_t{g.workers} * g.backends);
    visit(view.flows, std::size_t{g.flow_sets} * g.flow_buckets * WEIR_FLOWS_PER_BUCKET);
    visit(view.flow_refs, std::size_t{g.flow_sets} * g.ref_buckets);
    visit(view.fragments, std::size_t{g.fragment_buckets} * WEIR_FRAGMENT_WAYS);
}

// Points the view into `base` (nullptr: only measures). Returns the size.
std::size_t lay_out(const Geometry& geometry, std::byte* base, View& view) {
    std::size_t offset = arrays_offset;
    for_each_array(geometry, view, [&]<class Record>(std::span<Record>& array, std::size_t count) {
        if (base) array = {reinterpret_cast<Record*>(base + offset), count};
        offset += count * sizeof(Record);
        offset = (offset + array_alignment - 1) / array_alignment * array_alignment;
    });
    return offset;
}

// A segment has a flow set for each worker.
Geometry geometry_of(const weir_control& control) {
    return Geometry::of(control, control.workers);
}

Error failure(const std::string& what, const std::string& path) {
    return Error{what + " \"" + path + "\" failed (" + std::to_string(errno) + ": " +
                 std::strerror(errno) + ")"};
}

std::string refusal(const weir_control& control, const SegmentHeader& header,
                    std::size_t file_size) {
    if (control.magic != WEIR_TABLES_MAGIC) return "is not a segment of weir's tables";
    if (control.abi != WEIR_TABLES_ABI || header.layout_abi != layout_abi)
        return "has tables of another version of weir (ABI " + std::to_string(control.abi) + "." +
               std::to_string(header.layout_abi) + ", this one has " +
               std::to_string(WEIR_TABLES_ABI) + "." + std::to_string(layout_abi) +
               "); stop that weir, or remove the file";
    if (header.size != segment_size(geometry_of(control)) || header.size > file_size)
        return "is damaged: its size does not fit its geometry; remove the file";
    return {};
}

struct Fd {
    int value;
    ~Fd() {
        if (value >= 0) ::close(value);
    }
    int release() { return std::exchange(value, -1); }
};

}  // namespace

std::size_t segment_size(const Geometry& geometry) {
    View view;
    return lay_out(geometry, nullptr, view);
}

Result<Segment> Segment::create(const std::string& path, const Geometry& geometry,
                                std::uint64_t seed) {
    if (geometry.flow_sets != geometry.workers)
        return Error{"a segment has one flow set for each worker"};
    const std::string fresh = path + ".new";
    ::unlink(fresh.c_str());
    Fd fd{::open(fresh.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600)};
    if (fd.value < 0) return failure("creating", fresh);

    struct statfs fs;
    if (::fstatfs(fd.value, &fs) != 0) return failure("statfs of", fresh);
    const std::size_t page = static_cast<std::size_t>(fs.f_bsize);
    const std::size_t wanted = segment_size(geometry);
    const std::size_t size = (wanted + page - 1) / page * page;
    // Allocated now: later a full file system would be a SIGBUS in the middle of forwarding.
    errno = ::ftruncate(fd.value, static_cast<off_t>(size)) == 0
                ? ::posix_fallocate(fd.value, 0, static_cast<off_t>(size))
                : errno;
    if (errno != 0) {
        const Error error = failure(
            "making room (" + std::to_string(size >> 20) + " MiB; fewer `flows` need less) for",
            fresh);
        ::unlink(fresh.c_str());
        return error;
    }
    void* base = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd.value, 0);
    if (base == MAP_FAILED) {
        const Error error = failure("mapping", fresh);
        ::unlink(fresh.c_str());
        return error;
    }
    Segment segment(path, fd.release(), base, size);
    auto* bytes = static_cast<std::byte*>(base);
    *reinterpret_cast<SegmentHeader*>(bytes + header_offset) = {wanted, layout_abi};
    initialize(*reinterpret_cast<weir_control*>(bytes), geometry, seed);
    if (::rename(fresh.c_str(), path.c_str()) != 0) return failure("renaming to", path);
    return segment;
}

Result<Segment> Segment::open(const std::string& path) {
    return map(path, true);
}
Result<Segment> Segment::open_read_only(const std::string& path) {
    return map(path, false);
}

Result<Segment> Segment::map(const std::string& path, bool writable) {
    Fd fd{::open(path.c_str(), (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW)};
    if (fd.value < 0) return failure("opening", path);
    struct stat status;
    if (::fstat(fd.value, &status) != 0) return failure("stat of", path);
    const auto size = static_cast<std::size_t>(status.st_size);
    if (!S_ISREG(status.st_mode) || size < arrays_offset)
        return Error{"\"" + path + "\" is not a segment of weir's tables"};
    // /dev/shm is everybody's: tables that someone else can write are not ours.
    if (status.st_uid != ::geteuid() || (status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return Error{"\"" + path +
                     "\" belongs to another user or can be written by others; remove it"};

    void* base =
        ::mmap(nullptr, size, PROT_READ | (writable ? PROT_WRITE : 0), MAP_SHARED, fd.value, 0);
    if (base == MAP_FAILED) return failure("mapping", path);
    Segment segment(path, fd.release(), base, size);
    const auto* bytes = static_cast<const std::byte*>(base);
    const std::string reason =
        refusal(*reinterpret_cast<const weir_control*>(bytes),
                *reinterpret_cast<const SegmentHeader*>(bytes + header_offset), size);
    if (!reason.empty()) return Error{"\"" + path + "\" " + reason};
    return segment;
}

Segment::Segment(Segment&& other) noexcept
    : path_(std::move(other.path_)),
      fd_(std::exchange(other.fd_, -1)),
      base_(std::exchange(other.base_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

Segment& Segment::operator=(Segment&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(fd_, other.fd_);
    std::swap(base_, other.base_);
    std::swap(size_, other.size_);
    return *this;
}

Segment::~Segment() {
    if (base_) ::munmap(base_, size_);
    if (fd_ >= 0) ::close(fd_);
}

View Segment::view() const {
    auto* bytes = static_cast<std::byte*>(base_);
    View view;
    view.control = reinterpret_cast<weir_control*>(bytes);
    lay_out(geometry_of(*view.control), bytes, view);
    return view;
}

DataplaneArea& Segment::area() const {
    return *reinterpret_cast<DataplaneArea*>(static_cast<std::byte*>(base_) + area_offset);
}

bool Segment::huge_pages() const {
    struct statfs fs;
    return ::fstatfs(fd_, &fs) == 0 && fs.f_type == HUGETLBFS_MAGIC;
}

std::size_t Segment::page() const {
    struct statfs fs;
    return ::fstatfs(fd_, &fs) == 0 ? static_cast<std::size_t>(fs.f_bsize) : 0;
}

Status Segment::claim() const {
    // The lock belongs to the open file, so it ends with the process, however that ends. claimed()
    // elsewhere holds it for a moment.
    for (int attempt = 0; attempt < 20; attempt++) {
        if (::flock(fd_, LOCK_EX | LOCK_NB) == 0) return success();
        if (errno != EWOULDBLOCK) return failure("locking", path_);
        ::usleep(10'000);
    }
    return Error{"another weir-dataplane (pid " + std::to_string(area().pid) +
                 ") already serves the tables \"" + path_ + "\""};
}

bool Segment::claimed() const {
    // Another open file: a lock of fd_ itself would be taken over instead of refused.
    const std::string self = "/proc/self/fd/" + std::to_string(fd_);
    const Fd probe{::open(self.c_str(), O_RDONLY | O_CLOEXEC)};
    return probe.value >= 0 && ::flock(probe.value, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

}  // namespace weir::tables
