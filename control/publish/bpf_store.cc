// SPDX-License-Identifier: Apache-2.0
#include "control/publish/bpf_store.h"

#include <bpf/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "bpf/weir_xdp.skel.h"
#include "control/log/log.h"
#include "control/log/system_error.h"
#include "control/publish/libbpf_messages.h"
#include "control/publish/xdp_fragments.h"

namespace weir::publish {
namespace {

struct TableMap {
    const char* name;  // of the pin
    bpf_map* map;
    std::size_t record;
    std::uint32_t records;
};

// Every table: its map, and its size in this geometry.
std::array<TableMap, 11> table_maps(const weir_xdp& skeleton, const tables::Geometry& g) {
    const auto& maps = skeleton.maps;
    return {{
        {"control", maps.data_control, sizeof(weir_control), 1},
        {"services", maps.services, sizeof(weir_service), 2 * g.services},
        {"backends", maps.backends, sizeof(weir_backend), 2 * g.backends},
        {"slots", maps.slots, sizeof(weir_slot_line), g.slot_lines},
        {"sources", maps.sources, sizeof(weir_source), g.sources},
        {"upstreams", maps.upstreams, sizeof(weir_upstream), g.upstreams},
        {"workers", maps.workers, sizeof(weir_worker), g.workers},
        {"counters", maps.counters, sizeof(weir_counters), g.workers * g.backends},
        {"flows", maps.flows, sizeof(weir_flow), g.flow_buckets * WEIR_FLOWS_PER_BUCKET},
        {"flow_refs", maps.flow_refs, sizeof(weir_flow_refs), g.ref_buckets},
        {"fragments", maps.fragments, sizeof(weir_fragment),
         g.fragment_buckets * WEIR_FRAGMENT_WAYS},
    }};
}

// Why the maps of an earlier weir cannot be used, or an empty string.
std::string mismatch(const weir_control& control, const BpfStoreOptions& options) {
    if (control.magic != WEIR_TABLES_MAGIC) return "they are not weir's, or were never finished";
    if (control.abi != WEIR_TABLES_ABI)
        return fmt::format("they have table version {}, this weir has {}", control.abi,
                           WEIR_TABLES_ABI);
    const tables::Geometry& g = options.geometry;
    if (control.workers != g.workers || control.flow_buckets != g.flow_buckets ||
        control.ref_buckets != g.ref_buckets || control.fragment_buckets != g.fragment_buckets)
        return "their sizes differ from the configured ones (`flows`)";
    if (!holds(tables::Geometry::of(control, 1), options.needs))
        return "they are too small for the configuration";
    return {};
}

// Reads the control record of a map; why not, or an empty string.
std::string record_in(int fd, weir_control& control) {
    bpf_map_info info{};
    __u32 size = sizeof(info);
    if (bpf_obj_get_info_by_fd(fd, &info, &size) != 0) return system_error(errno);
    if (info.value_size != sizeof(control)) return "\"control\" has another layout";
    const __u32 key = 0;
    return bpf_map_lookup_elem(fd, &key, &control) == 0 ? "" : system_error(errno);
}

std::string map_mismatch(int fd, const TableMap& table) {
    bpf_map_info info{};
    __u32 size = sizeof(info);
    if (bpf_obj_get_info_by_fd(fd, &info, &size) != 0) return system_error(errno);
    if (info.type != BPF_MAP_TYPE_ARRAY || info.value_size != table.record ||
        info.max_entries != table.records || !(info.map_flags & BPF_F_MMAPABLE))
        return fmt::format("\"{}\" has another layout", table.name);
    return {};
}

}  // namespace

Result<std::unique_ptr<BpfStore>> BpfStore::open(const BpfStoreOptions& options) {
    std::unique_ptr<BpfStore> store(new BpfStore);
    if (!options.instance.empty()) {
        auto pins = PinFolder::open(options.instance);
        if (!pins) return Error{pins.error()};
        store->pins_ = *std::move(pins);
    }
    Status ready = store->load(options);
    if (ready) ready = store->map_views();
    if (!ready) {
        if (store->pins_) store->pins_->remove_folder();  // unless an earlier weir's pins are there
        return Error{ready.error()};
    }
    if (!store->adopted_) {
        tables::initialize(*store->view_.control, store->geometry_, options.seed);
        if (store->pins_)
            if (auto pinned = store->pin_all(); !pinned) {
                store->destroy();
                return Error{pinned.error()};
            }
    }
    return store;
}

BpfStore::~BpfStore() {
    for (const Mapping& mapping : mappings_) munmap(mapping.place, mapping.bytes);
    if (skeleton_) weir_xdp::destroy(skeleton_);
}

tables::Geometry BpfStore::geometry(std::uint32_t flows) {
    const int cpus = libbpf_num_possible_cpus();
    return tables::Geometry::for_flows(flows, cpus > 0 ? static_cast<std::uint32_t>(cpus) : 1, 1);
}

int BpfStore::program() const {
    return bpf_program__fd(skeleton_->progs.weir_xdp);
}

void BpfStore::set_clock(std::uint64_t now) {
    skeleton_->data_clock->set_clock = now;
}

void BpfStore::destroy() {
    if (!pins_) return;
    for (const TableMap& table : table_maps(*skeleton_, {})) pins_->remove(table.name);
    pins_->remove_folder();
}

// Puts the pinned maps of an earlier weir in place of new ones. False: there are none, or none that
// fit.
bool BpfStore::adopt(const BpfStoreOptions& options) {
    auto maps = table_maps(*skeleton_, options.geometry);
    std::array<int, maps.size()> fds;
    std::size_t found = 0;
    for (std::size_t i = 0; i < maps.size(); i++) {
        fds[i] = pins_->get(maps[i].name);
        if (fds[i] >= 0) found++;
    }
    weir_control control{};
    std::string problem = found < maps.size() ? "some are missing" : record_in(fds[0], control);
    if (problem.empty()) problem = mismatch(control, options);
    const tables::Geometry geometry = tables::Geometry::of(control, 1);
    if (problem.empty()) maps = table_maps(*skeleton_, geometry);
    for (std::size_t i = 0; i < maps.size() && problem.empty(); i++)
        problem = map_mismatch(fds[i], maps[i]);
    const bool fits = problem.empty();
    if (fits) geometry_ = geometry;
    for (std::size_t i = 0; i < maps.size(); i++) {
        if (fits) bpf_map__reuse_fd(maps[i].map, fds[i]);
        if (fds[i] >= 0) close(fds[i]);  // libbpf has its own
    }
    if (fits || found == 0) return fits;
    log::warn(
        "the tables of an earlier weir in {} cannot be taken over: {}; starting afresh, its flows "
        "are lost",
        pins_->path(), problem);
    for (const TableMap& table : maps) pins_->remove(table.name);
    return false;
}

Status BpfStore::load(const BpfStoreOptions& options) {
    geometry_ = options.geometry;
    LibbpfMessages messages;
    skeleton_ = weir_xdp::open();
    if (!skeleton_)
        return Error{fmt::format("opening the XDP program failed ({}): {}", system_error(errno),
                                 messages.text())};
    adopted_ = pins_ && adopt(options);
    std::size_t bytes = 0;
    for (const TableMap& table : table_maps(*skeleton_, geometry_)) {
        bytes += table.record * table.records;
        if (table.map != skeleton_->maps.data_control)
            bpf_map__set_max_entries(table.map, table.records);
    }
    if (kernel_has_xdp_fragments()) {
        skeleton_->rodata->multi_buffer = 1;
        bpf_program__set_flags(skeleton_->progs.weir_xdp, BPF_F_XDP_HAS_FRAGS);
    }
    skeleton_->rodata->clock_is_set = options.own_clock;
    if (const int error = weir_xdp::load(skeleton_); error != 0) {
        if (error == -EPERM)
            return Error{
                "loading the XDP program is not permitted (1: Operation not permitted); run weir "
                "as root"};
        if (error == -ENOMEM)
            return Error{fmt::format(
                "the kernel has no room for tables of {} MiB (12: Cannot allocate memory); "
                "lower `flows`",
                bytes >> 20)};
        return Error{fmt::format("loading the XDP program failed ({}): {}", system_error(-error),
                                 messages.text())};
    }
    return success();
}

Status BpfStore::map_views() {
    const auto maps = table_maps(*skeleton_, geometry_);
    const std::size_t page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    auto take = [&, next = maps.begin()]<class Record>(std::span<Record>& records) mutable {
        const TableMap& table = *next++;
        const std::size_t bytes = (table.record * table.records + page - 1) & ~(page - 1);
        void* place =
            mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(table.map), 0);
        if (place == MAP_FAILED) return false;
        mappings_.push_back({place, bytes});
        records = {static_cast<Record*>(place), table.records};
        return true;
    };
    std::span<weir_control> control;
    // In the order of table_maps().
    if (!take(control) || !take(view_.services) || !take(view_.backends) || !take(view_.slots) ||
        !take(view_.sources) || !take(view_.upstreams) || !take(view_.workers) ||
        !take(view_.counters) || !take(view_.flows) || !take(view_.flow_refs) ||
        !take(view_.fragments))
        return Error{fmt::format("mmap() of a BPF map failed ({})", system_error(errno))};
    view_.control = control.data();
    return success();
}

Status BpfStore::pin_all() {
    // The control record first: without it the rest is no store, and a crash in between is noticed.
    for (const TableMap& table : table_maps(*skeleton_, {}))
        if (auto pinned = pins_->pin(bpf_map__fd(table.map), table.name); !pinned) return pinned;
    return success();
}

}  // namespace weir::publish
