// SPDX-License-Identifier: Apache-2.0
#include "control/publish/xdp_engine.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <linux/if_link.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <optional>

#include "control/log/log.h"
#include "control/log/system_error.h"

namespace weir::publish {
namespace {

// By index: a pin's name may hold no dot, an interface's may.
std::string link_name(int ifindex) {
    return fmt::format("link-{}", ifindex);
}

std::optional<int> ifindex_of_pin(const std::string& name) {
    constexpr std::string_view prefix = "link-";
    int ifindex = 0;
    if (!name.starts_with(prefix)) return std::nullopt;
    const char* end = name.data() + name.size();
    if (std::from_chars(name.data() + prefix.size(), end, ifindex).ptr != end) return std::nullopt;
    return ifindex;
}

// The interface that a link holds; 0 when the interface is gone.
int ifindex_of_link(int fd) {
    bpf_link_info info{};
    __u32 size = sizeof(info);
    if (bpf_obj_get_info_by_fd(fd, &info, &size) != 0 || info.type != BPF_LINK_TYPE_XDP) return 0;
    return static_cast<int>(info.xdp.ifindex);
}

struct Running {
    std::uint32_t id = 0;  // 0: no program
    bool generic = false;
};

Running running_on(int ifindex) {
    LIBBPF_OPTS(bpf_xdp_query_opts, query);
    if (bpf_xdp_query(ifindex, 0, &query) != 0) return {};
    const std::uint32_t id = query.prog_id       ? query.prog_id
                             : query.drv_prog_id ? query.drv_prog_id
                             : query.skb_prog_id ? query.skb_prog_id
                                                 : query.hw_prog_id;
    return {id, query.attach_mode == XDP_ATTACHED_SKB};
}

std::string program_name(std::uint32_t id) {
    const int fd = bpf_prog_get_fd_by_id(id);
    if (fd < 0) return "?";
    bpf_prog_info info{};
    __u32 size = sizeof(info);
    const bool known = bpf_obj_get_info_by_fd(fd, &info, &size) == 0;
    close(fd);
    return known ? info.name : "?";
}

int create_link(int program, int ifindex, std::uint32_t flags) {
    LIBBPF_OPTS(bpf_link_create_opts, options);
    options.flags = flags;
    return bpf_link_create(program, ifindex, BPF_XDP, &options);
}

// What an operator can do about a driver's refusal; the kernel gives no text through this call.
std::string explain_refusal(int error) {
    switch (error) {
        case EOPNOTSUPP:
            return "its driver has no native XDP";
        case EINVAL:
        case ERANGE:
        case ENOSPC:
            return fmt::format(
                "its driver refused ({}): the MTU may be too large for XDP, LRO may be on, "
                "or there are too few queues",
                system_error(error));
        case ENOMEM:
            return fmt::format("its driver found no memory ({})", system_error(error));
        default:
            return fmt::format("its driver refused ({})", system_error(error));
    }
}

}  // namespace

bool runs_generic_xdp(int ifindex) {
    return running_on(ifindex).generic;
}

Result<std::unique_ptr<XdpEngine>> XdpEngine::start(const BpfStoreOptions& options) {
    auto store = BpfStore::open(options);
    if (!store) return Error{store.error()};
    std::unique_ptr<XdpEngine> engine(new XdpEngine(*std::move(store)));
    return engine;
}

XdpEngine::~XdpEngine() {
    for (const auto& [ifindex, fd] : links_) close(fd);
}

Result<XdpEngine::Attached> XdpEngine::attach(int ifindex, const std::string& name) {
    if (links_.contains(ifindex) || take_over(ifindex)) {
        const bool generic = runs_generic_xdp(ifindex);
        return Attached{generic ? "generic" : "native",
                        generic ? "an earlier weir attached it so" : "", true};
    }
    if (const Running other = running_on(ifindex); other.id != 0)
        return Error{fmt::format(
            "interface {} already runs the XDP program \"{}\" (id {}), which is not weir's; "
            "take it off first (ip link set dev {} xdp off) or use another `port`",
            name, program_name(other.id), other.id, name)};
    return attach_new(ifindex, name);
}

bool XdpEngine::take_over(int ifindex) {
    const auto& pins = store_->pins();
    const int fd = pins ? pins->get(link_name(ifindex)) : -1;
    if (fd < 0) return false;
    if (ifindex_of_link(fd) == ifindex && bpf_link_update(fd, store_->program(), nullptr) == 0) {
        links_[ifindex] = fd;
        return true;
    }
    close(fd);
    pins->remove(
        link_name(ifindex));  // of an interface that is gone and whose number was given again
    return false;
}

Result<XdpEngine::Attached> XdpEngine::attach_new(int ifindex, const std::string& name) {
    Attached attached{"native", "", false};
    int fd = create_link(store_->program(), ifindex, XDP_FLAGS_DRV_MODE);
    if (fd < 0) {
        attached = {"generic", explain_refusal(-fd), false};
        fd = create_link(store_->program(), ifindex, XDP_FLAGS_SKB_MODE);
    }
    if (fd < 0)
        return Error{
            fmt::format("attaching XDP to interface {} failed: {}; nor does generic mode work ({})",
                        name, attached.why, system_error(-fd))};
    if (store_->pins())
        if (auto pinned = store_->pins()->pin(fd, link_name(ifindex)); !pinned) {
            close(fd);
            return Error{pinned.error()};
        }
    links_[ifindex] = fd;
    return attached;
}

void XdpEngine::detach(int ifindex) {
    const auto& pins = store_->pins();
    const auto link = links_.find(ifindex);
    const int fd = link != links_.end() ? link->second : pins ? pins->get(link_name(ifindex)) : -1;
    if (fd >= 0) {
        bpf_link_detach(fd);  // at once; unpinning alone leaves it to the kernel's leisure
        close(fd);
    }
    if (pins) pins->remove(link_name(ifindex));
    links_.erase(ifindex);
}

void XdpEngine::detach_others(std::span<const int> ifindexes) {
    if (!store_->pins()) return;
    for (const std::string& name : store_->pins()->names()) {
        const auto ifindex = ifindex_of_pin(name);
        if (!ifindex || std::ranges::find(ifindexes, *ifindex) != ifindexes.end()) continue;
        log::notice("taking the XDP program of an earlier weir off interface number {}", *ifindex);
        detach(*ifindex);
    }
}

void XdpEngine::destroy() {
    while (!links_.empty()) detach(links_.begin()->first);
    detach_others({});
    store_->destroy();
}

void XdpEngine::wait_seen() {
    // Waits for an RCU grace period; programs run inside RCU read sections. Refused with nohz_full
    // CPUs.
    if (syscall(__NR_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) == 0) return;
    usleep(
        50'000);  // XXX: a guess at the longest softirq; a map-in-map update would wait for certain
}

}  // namespace weir::publish
