// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/xdp_programs.h"

#include <bpf/bpf.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <sched.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <iostream>

#include "control/publish/xdp_fragments.h"
#include "xdp_driver.skel.h"

namespace weir::bench {
namespace {

constexpr std::size_t frame_stride = 64;  // xdp_driver.bpf.c: struct frame
constexpr unsigned frame_bytes = 60;

[[noreturn]] void fail(const std::string& what) {
    std::cerr << what << ": " << std::strerror(errno) << '\n';
    std::exit(1);
}

std::uint64_t nanoseconds(clockid_t clock) {
    timespec time{};
    ::clock_gettime(clock, &time);
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 +
           static_cast<std::uint64_t>(time.tv_nsec);
}

}  // namespace

std::uint64_t monotonic_now() {
    return nanoseconds(CLOCK_MONOTONIC);
}

XdpPrograms::XdpPrograms(std::uint32_t flows, std::uint32_t frames) {
    if (::unshare(CLONE_NEWNET) != 0) fail("unshare(CLONE_NEWNET)");
    for (const char* command : {"sysctl -qw net.ipv6.conf.default.disable_ipv6=1",
                                "ip link add bench0 type veth peer name bench1",
                                "ip link set bench0 up", "ip link set bench1 up"})
        if (std::system(command) != 0) fail(command);
    generator_ = ::if_nametoindex("bench0");
    balancer_ = ::if_nametoindex("bench1");

    tables::Geometry geometry = publish::BpfStore::geometry(flows);
    auto store = publish::BpfStore::open({"", geometry, 0x6265'6e63'6821});
    if (!store) fail(store.error());
    store_ = *std::move(store);

    driver_ = xdp_driver__open();
    if (!driver_) fail("the driver does not open");
    bpf_map__set_max_entries(driver_->maps.frames, frames);
    // A program can tail-call only what takes frames in as many buffers as it does itself.
    bpf_program* program = nullptr;
    bpf_object__for_each_program(program, driver_->obj) {
        if (publish::kernel_has_xdp_fragments())
            bpf_program__set_flags(program, BPF_F_XDP_HAS_FRAGS);
    }
    if (xdp_driver__load(driver_) != 0) fail("the driver does not load");
    driver_->bss->sent_to = generator_;
    frames_bytes_ = frames * frame_stride;
    void* place = ::mmap(nullptr, frames_bytes_, PROT_READ | PROT_WRITE, MAP_SHARED,
                         bpf_map__fd(driver_->maps.frames), 0);
    if (place == MAP_FAILED) fail("mapping the frames");
    frames_ = static_cast<std::uint8_t*>(place);
}

XdpPrograms::~XdpPrograms() {
    ::munmap(frames_, frames_bytes_);
    xdp_driver__destroy(driver_);
}

void XdpPrograms::forget_flows() const {
    std::ranges::fill(view().flows, weir_flow{});
    std::ranges::fill(view().flow_refs, weir_flow_refs{});
}

void XdpPrograms::write(std::uint32_t count,
                        const std::function<unsigned(void* at, std::uint32_t i)>& write) {
    for (std::uint32_t i = 0; i < count; i++) write(frames_ + i * frame_stride, i);
    driver_->data->frame_count = count;
    driver_->bss->next_frame = 0;
}

double XdpPrograms::run(int program, unsigned repeats, unsigned expected) const {
    std::array<std::uint8_t, frame_bytes> frame{};
    std::array<std::uint8_t, 512> out{};
    xdp_md context{};
    context.data_end = frame.size();
    context.ingress_ifindex = balancer_;
    LIBBPF_OPTS(bpf_test_run_opts, run);
    run.data_in = frame.data();
    run.data_size_in = frame.size();
    run.data_out = out.data();
    run.data_size_out = out.size();
    run.ctx_in = &context;
    run.ctx_size_in = sizeof(context);
    run.repeat = static_cast<int>(repeats);
    const std::uint64_t from = nanoseconds(CLOCK_THREAD_CPUTIME_ID);
    if (bpf_prog_test_run_opts(program, &run) != 0) fail("BPF_PROG_TEST_RUN");
    const std::uint64_t spent = nanoseconds(CLOCK_THREAD_CPUTIME_ID) - from;
    if (run.retval != expected) {
        std::cerr << "an XDP program returned " << run.retval << ", not " << expected << '\n';
        std::exit(1);
    }
    return static_cast<double>(spent) / repeats;
}

void XdpPrograms::select(int program) const {
    const std::uint32_t key = 0;
    if (bpf_map_update_elem(bpf_map__fd(driver_->maps.tested), &key, &program, BPF_ANY) != 0)
        fail("the program under test cannot be tail-called");
}

double XdpPrograms::empty(unsigned repeats) const {
    return run(bpf_program__fd(driver_->progs.empty), repeats, XDP_TX);
}

double XdpPrograms::driven_adjusting(unsigned repeats) const {
    select(bpf_program__fd(driver_->progs.adjusting));
    return run(bpf_program__fd(driver_->progs.driver), repeats, XDP_TX);
}

double XdpPrograms::driven_weir(unsigned repeats, unsigned expected) const {
    select(store_->program());
    return run(bpf_program__fd(driver_->progs.driver), repeats, expected);
}

XdpPrograms::Flood XdpPrograms::flood_reflector(unsigned frames) const {
    return flood(bpf_program__fd(driver_->progs.reflector), frames);
}

XdpPrograms::Flood XdpPrograms::flood_weir(unsigned frames) const {
    return flood(store_->program(), frames);
}

XdpPrograms::Flood XdpPrograms::flood(int program, unsigned frames) const {
    const int sink = bpf_program__fd(driver_->progs.sink);
    if (bpf_xdp_attach(static_cast<int>(generator_), sink, XDP_FLAGS_DRV_MODE, nullptr) != 0 ||
        bpf_xdp_attach(static_cast<int>(balancer_), program, XDP_FLAGS_DRV_MODE, nullptr) != 0)
        fail("attaching to the veth pair");
    driver_->bss->received = 0;
    driver_->bss->next_frame = 0;
    std::array<std::uint8_t, frame_bytes> frame{};
    xdp_md context{};
    context.data_end = frame.size();
    LIBBPF_OPTS(bpf_test_run_opts, run);
    run.data_in = frame.data();
    run.data_size_in = frame.size();
    run.ctx_in = &context;
    run.ctx_size_in = sizeof(context);
    run.repeat = static_cast<int>(frames);
    run.flags = BPF_F_TEST_XDP_LIVE_FRAMES;
    run.batch_size = 64;
    const std::uint64_t from = monotonic_now();
    if (bpf_prog_test_run_opts(bpf_program__fd(driver_->progs.generator), &run) != 0)
        fail("BPF_F_TEST_XDP_LIVE_FRAMES");
    const std::uint64_t spent = monotonic_now() - from;
    ::usleep(20'000);  // what is still in the rings
    const Flood flood{static_cast<double>(spent) / 1e9, frames, driver_->bss->received};
    bpf_xdp_detach(static_cast<int>(generator_), XDP_FLAGS_DRV_MODE, nullptr);
    bpf_xdp_detach(static_cast<int>(balancer_), XDP_FLAGS_DRV_MODE, nullptr);
    return flood;
}

}  // namespace weir::bench
