// SPDX-License-Identifier: Apache-2.0
// What weir-dataplane tells control about itself, beside the tables in the segment: whether it
// runs, on which ports and lcores, and the ports' own counters. weir-dataplane is the only writer;
// control and weirctl read.
//
// Text is written before `state`, which is stored with release; a reader loads `state` with
// acquire. Counters are single words, stored and loaded relaxed: each is exact, together they may
// be one second apart.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string_view>

#include "bpf/shared/tables.h"

namespace weir::tables {

inline constexpr unsigned worker_capacity = 64;

enum class DataplaneState : std::uint32_t {
    stopped = 0,  // never started, or it ended cleanly
    starting = 1,
    ready = 2,   // forwarding
    failed = 3,  // `message` says why; the process has ended or is about to
};

// How a port's packets reach this process.
enum class PortMode : std::uint32_t {
    none = 0,
    exclusive = 1,  // all of them; what is the host's goes through the TAP (pci, vdev, host link)
    selected = 2,   // AF_XDP: only what steer_xdp redirects; the kernel keeps the rest
    copied = 3,     // AF_PACKET: a copy of each; steer_tc drops the kernel's copy of what is weir's
};

inline constexpr std::int16_t no_node = -1;

// What a driver counts for one pair of queues.
struct QueueReport {
    std::uint64_t rx_packets;
    std::uint64_t rx_bytes;
    std::uint64_t tx_packets;
    std::uint64_t tx_bytes;
    std::uint64_t rx_errors;
};

inline constexpr unsigned queue_report_capacity = 16;  // as many as DPDK has (rte_eth_stats)

struct PortReport {
    char name[64];              // as the option said: interface, PCI address or vdev
    char driver[32];            // net_af_xdp, net_af_packet, net_tap, or the PCI driver's name
    char tap[16];               // the host's interface for a port of mode exclusive; empty: none
    std::uint32_t ifindex;      // of the kernel's interface of a selected or copied port, else 0
    std::uint32_t tap_ifindex;  // of `tap`, else 0
    PortMode mode;
    std::uint16_t queues;         // receive queues
    weir_mac mac;                 // packets to weir carry it as destination
    weir_mac tap_mac;             // of `tap`
    std::uint8_t made_qdisc;      // 1: clsact on the interface is weir-dataplane's and goes with it
    std::uint8_t queues_counted;  // entries of `queue`; 0: the driver does not count them
    std::uint16_t tx_queues;
    std::int16_t node;     // NUMA node of the device, or no_node
    std::uint8_t spreads;  // 1: the NIC's RSS has weir's key (rss.h)
    std::uint8_t unused[15];
    std::uint64_t rx_packets;
    std::uint64_t rx_bytes;
    std::uint64_t tx_packets;
    std::uint64_t tx_bytes;
    std::uint64_t rx_missed;     // the queue was full
    std::uint64_t rx_no_buffer;  // no packet buffer was free
    std::uint64_t rx_errors;
    std::uint64_t tx_errors;
    std::uint64_t tx_dropped;  // the worker's packets that it did not take
    QueueReport queue[queue_report_capacity];
    std::uint64_t more[19];
};
static_assert(sizeof(PortReport) == 1024, "ABI");

struct WorkerReport {
    std::uint16_t cpu;            // it is pinned to
    std::int16_t node;            // NUMA node of that CPU, or no_node
    std::uint16_t busy_permille;  // of the last seconds (load.h)
    std::uint8_t unused[10];
};
static_assert(sizeof(WorkerReport) == 16, "ABI");

struct DataplaneArea {
    DataplaneState state;
    pid_t pid;                   // 0: none
    std::uint64_t started_ns;    // CLOCK_MONOTONIC
    std::uint64_t heartbeat_ns;  // of the main thread, about once a second
    std::uint32_t workers;
    std::uint32_t huge_pages;  // 1: packet buffers are in huge pages
    char message[256];         // what it is doing, or why it failed; always terminated
    char busy_poll[8];         // as the option said
    std::uint8_t unused[216];
    WorkerReport worker[worker_capacity];
    PortReport ports[WEIR_PORT_CAPACITY];  // in the order of weir_control.ports
};
static_assert(sizeof(DataplaneArea) == 512 + 16 * worker_capacity + 1024 * WEIR_PORT_CAPACITY,
              "ABI");

// Copies as much as fits and terminates.
template <std::size_t size>
void copy_text(char (&to)[size], std::string_view text) {
    const std::size_t length = text.copy(to, size - 1);
    to[length] = '\0';
}

}  // namespace weir::tables
