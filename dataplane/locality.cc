// SPDX-License-Identifier: Apache-2.0
#include "dataplane/locality.h"

#include <algorithm>

namespace weir {
namespace {

template <class Record>
Status move_share(std::span<Record> all, std::size_t shares, std::size_t index, std::size_t page,
                  int node) {
    const std::size_t share = all.size() / shares;
    return numa::move_to_node(std::as_writable_bytes(all.subspan(index * share, share)), page,
                              node);
}

}  // namespace

Status settle(const tables::Segment& segment, unsigned index, const numa::Cpu& cpu) {
    tables::WorkerReport& report = segment.area().worker[index];
    report.cpu = static_cast<std::uint16_t>(cpu.number);
    report.node = static_cast<std::int16_t>(cpu.node);
    if (!numa::several_nodes()) return success();
    const tables::View view = segment.view();
    const std::size_t workers = view.workers.size();
    const std::size_t page = segment.page();
    auto status = move_share(view.flows, workers, index, page, cpu.node);
    if (status) status = move_share(view.flow_refs, workers, index, page, cpu.node);
    return status;
}

std::vector<std::string> far_ports(unsigned index, const numa::Cpu& cpu,
                                   std::span<const RxQueue> queues,
                                   std::span<const tables::PortReport> ports) {
    std::vector<std::string> sentences;
    for (const RxQueue& queue : queues) {
        const tables::PortReport& port = ports[queue.port];
        if (queue.from_host || port.node == numa::no_node || port.node == cpu.node) continue;
        std::string sentence = "worker " + std::to_string(index) + " (CPU " +
                               std::to_string(cpu.number) + ", NUMA node " +
                               std::to_string(cpu.node) + ") polls port " + port.name +
                               " on node " + std::to_string(port.node) +
                               ": its packets cross between the nodes; fewer workers, or more CPUs "
                               "of that node for weir, avoid it";
        if (std::ranges::find(sentences, sentence) == sentences.end())
            sentences.push_back(std::move(sentence));
    }
    return sentences;
}

}  // namespace weir
