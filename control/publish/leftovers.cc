// SPDX-License-Identifier: Apache-2.0
#include "control/publish/leftovers.h"

#include <bpf/bpf.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "control/log/log.h"
#include "control/net/host_link.h"
#include "control/net/netlink.h"
#include "control/publish/bpffs.h"
#include "control/publish/link_names.h"
#include "dataplane/steer.h"
#include "dataplane/tables/segment.h"

namespace weir::publish {
namespace {

using namespace std::chrono_literals;

// True once no process has the segment any more.
bool end_dataplane(const tables::Segment& segment) {
    for (const int number : {SIGTERM, SIGKILL}) {
        if (!segment.claimed()) return true;
        const pid_t pid = segment.area().pid;
        if (pid <= 0) return false;  // it has only just started, and does not say who it is
        ::kill(pid, number);
        for (auto waited = 0ms; waited < 3s && segment.claimed(); waited += 10ms)
            std::this_thread::sleep_for(10ms);
    }
    return !segment.claimed();
}

void take_steering_off(const tables::Segment& segment) {
    for (const tables::PortReport& report : segment.area().ports) {
        if (report.ifindex == 0) continue;
        for (const auto& status : {steer::detach_xdp(report.ifindex),
                                   steer::detach_tc(report.ifindex, report.made_qdisc != 0)})
            if (!status) log::warn("{}", status.error());
    }
}

}  // namespace

void remove_dpdk_folder(const std::string& instance) {
    std::error_code ignored;
    std::filesystem::remove_all("/run/dpdk/weir-" + instance, ignored);
}

void remove_dpdk_leftovers(const std::string& instance) {
    for (const std::string& path : tables::existing_segments(instance)) {
        log::notice("removing what an earlier weir has left with engine dpdk; its flows end");
        if (const auto segment = tables::Segment::open(path)) {
            if (!end_dataplane(*segment))
                log::error("weir-dataplane (pid {}) does not end", segment->area().pid);
            take_steering_off(*segment);
        } else {
            log::warn("{}", segment.error());
        }
        ::unlink(path.c_str());
        remove_dpdk_folder(instance);
    }
}

void remove_xdp_leftovers(const std::string& instance) {
    if (!PinFolder::exists(instance)) return;
    log::notice("removing what an earlier weir has left with engine xdp; its flows end");
    if (const auto pins = PinFolder::open(instance)) {
        for (const std::string& name : pins->names()) {
            if (const int fd = pins->get(name); fd >= 0) {
                bpf_link_detach(fd);  // no link: an error, and nothing happens
                ::close(fd);
            }
            pins->remove(name);
        }
        pins->remove_folder();
    } else {
        log::warn("{}", pins.error());
    }
    auto netlink = Netlink::open();
    if (!netlink) return;
    if (const auto status = remove_host_link(*netlink, link_names(instance).host); !status)
        log::warn("{}", status.error());
}

}  // namespace weir::publish
