// SPDX-License-Identifier: Apache-2.0
// Finds, attaches and detaches the steering programs of an interface. See steer.h.
#include "dataplane/steer.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dataplane/steer_map.h"
#include "steer_back.skel.h"
#include "steer_tc.skel.h"
#include "steer_xdp.skel.h"

namespace weir::steer {
namespace {

constexpr std::uint32_t tc_handle = 0x77656972;  // "weir"
constexpr std::uint32_t tc_priority = 7;

class Fd {
  public:
    explicit Fd(int value) : value_(value) {}
    Fd(Fd&& other) noexcept : value_(std::exchange(other.value_, -1)) {}
    ~Fd() {
        if (value_ >= 0) ::close(value_);
    }
    bool valid() const { return value_ >= 0; }
    int value() const { return value_; }

  private:
    int value_;
};

std::string interface_name(unsigned ifindex) {
    char name[IF_NAMESIZE];
    return ::if_indextoname(ifindex, name) ? name : "interface " + std::to_string(ifindex);
}

Error failure(const std::string& what, unsigned ifindex, int error) {
    return Error{what + " " + interface_name(ifindex) + " failed: " + std::strerror(-error)};
}

// The program with this id if it has this name.
Fd program_named(std::uint32_t id, std::string_view name) {
    Fd program(id == 0 ? -1 : bpf_prog_get_fd_by_id(id));
    bpf_prog_info info{};
    std::uint32_t length = sizeof(info);
    if (!program.valid() || bpf_obj_get_info_by_fd(program.value(), &info, &length) != 0 ||
        name != info.name)
        return Fd(-1);
    return program;
}

Fd xdp_program(unsigned ifindex) {
    std::uint32_t id = 0;
    if (bpf_xdp_query_id(static_cast<int>(ifindex), 0, &id) != 0) return Fd(-1);
    return program_named(id, WEIR_STEER_XDP);
}

bpf_tc_hook ingress(unsigned ifindex) {
    bpf_tc_hook hook{};
    hook.sz = sizeof(hook);
    hook.ifindex = static_cast<int>(ifindex);
    hook.attach_point = BPF_TC_INGRESS;
    return hook;
}

bpf_tc_opts place() {
    bpf_tc_opts opts{};
    opts.sz = sizeof(opts);
    opts.handle = tc_handle;
    opts.priority = tc_priority;
    return opts;
}

// libbpf logs an error for each query of an interface without clsact; here that is an answer.
class Quiet {
  public:
    Quiet() : before_(libbpf_set_print(nullptr)) {}
    ~Quiet() { libbpf_set_print(before_); }

  private:
    libbpf_print_fn_t before_;
};

Fd tc_program(unsigned ifindex) {
    const Quiet quiet;
    const bpf_tc_hook hook = ingress(ifindex);
    bpf_tc_opts opts = place();
    if (bpf_tc_query(&hook, &opts) != 0) return Fd(-1);
    return program_named(opts.prog_id, WEIR_STEER_TC);
}

// The steering map among a program's maps.
Fd map_of(const Fd& program) {
    std::uint32_t ids[8] = {};
    bpf_prog_info info{};
    std::uint32_t length = sizeof(info);
    info.nr_map_ids = std::size(ids);
    info.map_ids = reinterpret_cast<std::uintptr_t>(ids);
    if (!program.valid() || bpf_obj_get_info_by_fd(program.value(), &info, &length) != 0)
        return Fd(-1);
    for (std::uint32_t i = 0; i < std::min<std::size_t>(info.nr_map_ids, std::size(ids)); i++) {
        Fd map(bpf_map_get_fd_by_id(ids[i]));
        bpf_map_info map_info{};
        length = sizeof(map_info);
        if (map.valid() && bpf_obj_get_info_by_fd(map.value(), &map_info, &length) == 0 &&
            std::string_view(map_info.name) == WEIR_STEER_MAP)
            return map;
    }
    return Fd(-1);
}

}  // namespace

Status fill(unsigned ifindex, std::span<const weir_service> services,
            std::span<const weir_backend> backends, std::span<const weir_port> ports,
            unsigned port) {
    const Entries entries = entries_of(services, backends, ports, port);
    bool found = false;
    for (const Fd& program : {xdp_program(ifindex), tc_program(ifindex)}) {
        const Fd map = map_of(program);
        if (!map.valid()) continue;
        found = true;
        if (Status status = replace_entries(map.value(), entries); !status) return status;
    }
    if (!found) return Error{"there is no steering program on " + interface_name(ifindex)};
    return success();
}

std::span<const std::byte> xdp_object() {
    std::size_t size = 0;
    const void* bytes = steer_xdp::elf_bytes(&size);
    return {static_cast<const std::byte*>(bytes), size};
}

Status detach_xdp(unsigned ifindex) {
    const Fd program = xdp_program(ifindex);
    if (!program.valid()) return success();
    bpf_xdp_attach_opts opts{};
    opts.sz = sizeof(opts);
    opts.old_prog_fd = program.value();  // only if it is still this one
    const int error = bpf_xdp_detach(static_cast<int>(ifindex), XDP_FLAGS_REPLACE, &opts);
    if (error != 0 && error != -ENOENT)
        return failure("taking the steering program off", ifindex, error);
    return success();
}

Result<bool> attach_tc(unsigned ifindex, std::span<const weir_service> services,
                       std::span<const weir_backend> backends, std::span<const weir_port> ports,
                       unsigned port) {
    bpf_tc_hook hook = ingress(ifindex);
    bpf_tc_opts opts = place();
    int error;
    {
        const Quiet quiet;
        error = bpf_tc_hook_create(&hook);
        if (error != 0 && error != -EEXIST) return failure("adding clsact to", ifindex, error);
        if (bpf_tc_query(&hook, &opts) == 0 && !tc_program(ifindex).valid())
            return Error{interface_name(ifindex) + " has another's tc filter at priority " +
                         std::to_string(tc_priority) + "; move that one"};
    }
    const bool made = error == 0;
    steer_tc* skeleton = steer_tc__open_and_load();
    if (!skeleton) return failure("loading the steering program for", ifindex, -errno);
    if (Status status = replace_entries(bpf_map__fd(skeleton->maps.weir_steer),
                                        entries_of(services, backends, ports, port));
        !status) {
        steer_tc__destroy(skeleton);
        return Error{status.error()};
    }
    opts = place();
    opts.prog_fd = bpf_program__fd(skeleton->progs.weir_steer_tc);
    opts.flags = BPF_TC_F_REPLACE;
    error = bpf_tc_attach(&hook, &opts);
    steer_tc__destroy(skeleton);  // the filter holds the program, the program its map
    if (error != 0) return failure("attaching the steering program to", ifindex, error);
    return made;
}

Status detach_tc(unsigned ifindex, bool remove_qdisc) {
    const Quiet quiet;
    bpf_tc_hook hook = ingress(ifindex);
    if (tc_program(ifindex).valid()) {
        const bpf_tc_opts opts = place();
        const int error = bpf_tc_detach(&hook, &opts);
        if (error != 0) return failure("taking the steering program off", ifindex, error);
    }
    if (remove_qdisc) {
        hook.attach_point = static_cast<bpf_tc_attach_point>(BPF_TC_INGRESS | BPF_TC_EGRESS);
        bpf_tc_hook_destroy(&hook);  // an error: somebody else has removed it before
    }
    return success();
}

Status attach_back(unsigned host_link, std::span<const unsigned> ifindex) {
    steer_back* skeleton = steer_back__open_and_load();
    if (!skeleton) return failure("loading the steering program for", host_link, -errno);
    int error = 0;
    for (std::uint32_t port = 0; port < ifindex.size() && error == 0; port++)
        error =
            bpf_map_update_elem(bpf_map__fd(skeleton->maps.weir_back), &port, &ifindex[port], 0);
    bpf_tc_hook hook = ingress(host_link);
    if (error == 0) error = bpf_tc_hook_create(&hook);
    if (error == 0) {
        bpf_tc_opts opts = place();
        opts.prog_fd = bpf_program__fd(skeleton->progs.weir_steer_back);
        error = bpf_tc_attach(&hook, &opts);
    }
    steer_back__destroy(skeleton);  // the filter holds the program, the program its map
    if (error != 0) return failure("attaching the steering program to", host_link, error);
    return success();
}

}  // namespace weir::steer
