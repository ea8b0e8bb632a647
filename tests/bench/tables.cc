// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/tables.h"

#include <sys/vfs.h>
#include <unistd.h>

#include <iostream>

namespace weir::bench {
namespace {

constexpr std::uint64_t mebibyte = 1 << 20;
constexpr std::uint64_t beside = 448 * mebibyte;  // packet buffers, in the same pages

std::uint64_t room(const Options& options) {
    std::uint64_t bytes = options.memory * mebibyte;
    struct statfs fs;
    if (!options.huge.empty() && ::statfs(options.huge.c_str(), &fs) == 0)
        bytes = std::min(bytes, static_cast<std::uint64_t>(fs.f_bavail) *
                                    static_cast<std::uint64_t>(fs.f_bsize));
    return bytes > beside ? bytes - beside : 0;
}

tables::Geometry geometry_for(std::uint64_t flows) {
    auto geometry = tables::Geometry::for_flows(static_cast<std::uint32_t>(flows), 1, 1);
    geometry.backends = 16384;
    return geometry;
}

}  // namespace

Size size_for(std::uint64_t flows, const Options& options) {
    Size size{geometry_for(flows), flows, {}};
    while (tables::segment_size(size.geometry) > room(options) && size.flows > 1024) {
        size.flows -= size.flows / 64;
        size.geometry = geometry_for(size.flows);
    }
    if (size.flows < flows)
        size.note = "shrunk from " + std::to_string(flows) + " flows to fit into " +
                    std::to_string(room(options) / mebibyte) + " MiB";
    return size;
}

double bytes_per_flow(std::uint64_t flows) {
    const tables::Geometry geometry = geometry_for(flows);
    tables::Geometry none = geometry;
    none.flow_buckets = none.ref_buckets = 0;
    const auto bytes = tables::segment_size(geometry) - tables::segment_size(none);
    return static_cast<double>(bytes) / static_cast<double>(flows);
}

tables::Segment make_tables(const tables::Geometry& geometry, const Options& options) {
    const std::string path = (options.huge.empty() ? "/dev/shm" : options.huge) + "/weir-bench-" +
                             std::to_string(::getpid());
    auto segment = tables::Segment::create(path, geometry, 0x6265'6e63'6821);
    ::unlink(path.c_str());
    if (!segment) {
        std::cerr << segment.error() << '\n';
        std::exit(1);
    }
    return std::move(*segment);
}

}  // namespace weir::bench
