// SPDX-License-Identifier: Apache-2.0
#include "dataplane/device.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <vector>

#include "dataplane/socket_drops.h"

namespace weir {
namespace {

constexpr unsigned buffer_cache = 128;
constexpr std::uint16_t descriptors = 1024;
// What is longer arrives in a chain of buffers: Ethernet, two tags and a checksum come on top.
constexpr std::uint16_t largest_in_one_buffer = RTE_MBUF_DEFAULT_DATAROOM - 14 - 8 - 4;

Error failure(const std::string& what, const std::string& name, int error) {
    return Error{what + " " + name + " failed: " + rte_strerror(error < 0 ? -error : error)};
}

// Of the device, for memory that it writes and its workers read.
unsigned socket_of(const Device& device) {
    const int socket = rte_eth_dev_socket_id(device.eth);
    return socket < 0 ? static_cast<unsigned>(SOCKET_ID_ANY) : static_cast<unsigned>(socket);
}

// On ordinary pages rte_pktmbuf_pool_create() lets no buffer cross a page border. net_af_xdp takes
// the buffers to lie in one row: it would register too little memory, and each buffer beyond it
// that it gives to the kernel would be lost, until none is left. No device does DMA there.
rte_mempool* packet_buffers(const std::string& name, unsigned buffers, int socket) {
    if (rte_eal_has_hugepages())
        return rte_pktmbuf_pool_create(name.c_str(), buffers, buffer_cache, 0,
                                       RTE_MBUF_DEFAULT_BUF_SIZE, socket);
    rte_mempool* pool = rte_mempool_create_empty(
        name.c_str(), buffers, sizeof(rte_mbuf) + RTE_MBUF_DEFAULT_BUF_SIZE, buffer_cache,
        sizeof(rte_pktmbuf_pool_private), socket, RTE_MEMPOOL_F_NO_IOVA_CONTIG);
    if (!pool) return nullptr;
    rte_pktmbuf_pool_init(pool, nullptr);
    if (rte_mempool_populate_default(pool) < 0) {
        rte_mempool_free(pool);
        return nullptr;
    }
    rte_mempool_obj_iter(pool, rte_pktmbuf_init, nullptr);
    return pool;
}

Status set_up_queues(Device& device, unsigned buffers) {
    const unsigned socket = socket_of(device);
    device.locks.clear();
    std::uint16_t rx = descriptors;
    std::uint16_t tx = descriptors;
    if (const int error = rte_eth_dev_adjust_nb_rx_tx_desc(device.eth, &rx, &tx); error != 0)
        return failure("queues of", device.name, error);
    for (std::uint16_t queue = 0; queue < device.rx_queues; queue++) {
        const std::string pool_name =
            "pool_" + std::to_string(device.eth) + "_" + std::to_string(queue);
        rte_mempool* pool = rte_mempool_lookup(pool_name.c_str());  // of an attempt before
        if (!pool) pool = packet_buffers(pool_name, buffers, static_cast<int>(socket));
        if (!pool) return failure("packet buffers of", device.name, rte_errno);
        if (const int error = rte_eth_rx_queue_setup(device.eth, queue, rx, socket, nullptr, pool);
            error != 0)
            return failure("receive queue of", device.name, error);
    }
    for (std::uint16_t queue = 0; queue < device.tx_queues; queue++) {
        if (const int error = rte_eth_tx_queue_setup(device.eth, queue, tx, socket, nullptr);
            error != 0)
            return failure("transmit queue of", device.name, error);
        rte_spinlock_init(&device.locks.emplace_back());
    }
    return success();
}

void free_pools(const Device& device) {
    for (std::uint16_t queue = 0; queue < device.rx_queues; queue++) {
        const std::string name = "pool_" + std::to_string(device.eth) + "_" + std::to_string(queue);
        rte_mempool_free(rte_mempool_lookup(name.c_str()));
    }
}

// A driver that does not say takes the usual one.
std::uint8_t key_size(const rte_eth_dev_info& info) {
    return info.hash_key_size == 0 ? 40 : info.hash_key_size;
}

// Over both addresses and both ports, TCP and UDP alike, with a key as long as the device's.
bool loads_our_hash(const rte_eth_dev_info& info, const Rss* rss) {
    constexpr std::uint64_t needed = RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV4_UDP;
    return rss && (info.flow_type_rss_offloads & needed) == needed &&
           key_size(info) <= Rss::key_bytes && key_size(info) >= 40 &&
           info.reta_size % Rss::buckets == 0 && info.reta_size > 0;
}

rte_eth_rss_conf hash_of(const rte_eth_dev_info& info, const Rss* rss) {
    rte_eth_rss_conf hash{};
    hash.rss_hf =
        info.flow_type_rss_offloads & (RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP);
    if (!loads_our_hash(info, rss)) return hash;
    hash.rss_key = const_cast<std::uint8_t*>(rss->key().data());  // DPDK only reads it
    hash.rss_key_len = key_size(info);
    return hash;
}

void spread(rte_eth_conf& conf, const rte_eth_dev_info& info, const Rss* rss) {
    if (info.flow_type_rss_offloads == 0) return;
    conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
    conf.rx_adv_conf.rss_conf = hash_of(info, rss);
    if (loads_our_hash(info, rss))
        conf.rxmode.offloads |= info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_RSS_HASH;
}

// Worker w polls queue w where there are as many queues as workers, so its packets go there.
bool redirect(const Device& device, const rte_eth_dev_info& info, const Rss& rss) {
    rte_eth_rss_conf hash = hash_of(info, &rss);
    if (rte_eth_dev_rss_hash_update(device.eth, &hash) != 0) return false;
    std::vector<rte_eth_rss_reta_entry64> table(info.reta_size / RTE_ETH_RETA_GROUP_SIZE);
    for (rte_eth_rss_reta_entry64& group : table) {
        group.mask = ~std::uint64_t{0};
        for (unsigned i = 0; i < RTE_ETH_RETA_GROUP_SIZE; i++)
            group.reta[i] = static_cast<std::uint16_t>(rss.worker_of(i) % device.rx_queues);
    }
    static_assert(Rss::buckets == RTE_ETH_RETA_GROUP_SIZE, "each group is the same");
    return rte_eth_dev_rss_reta_update(device.eth, table.data(), info.reta_size) == 0;
}

// Receive interrupts: a device that has none for want of vectors works without.
Status configure_and_start(Device& device, rte_eth_conf conf, const DeviceOptions& options) {
    conf.intr_conf.rxq = options.interrupts ? 1 : 0;
    Status status = success();
    if (const int error =
            rte_eth_dev_configure(device.eth, device.rx_queues, device.tx_queues, &conf);
        error != 0)
        status = failure("configuring", device.name, error);
    if (status) status = set_up_queues(device, options.buffers);
    if (status)
        if (const int error = rte_eth_dev_start(device.eth); error != 0)
            status = failure("starting", device.name, error);
    if (status || !options.interrupts) return status;
    DeviceOptions without = options;
    without.interrupts = false;
    return configure_and_start(device, conf, without);
}

}  // namespace

Result<Device> start_device(const std::string& name, const DeviceOptions& options) {
    Device device;
    device.name = name;
    if (rte_eth_dev_get_port_by_name(name.c_str(), &device.eth) != 0)
        return Error{"DPDK has no driver for " + name +
                     " (a PCI device must be bound to vfio-pci, or have a bifurcated driver)"};
    rte_eth_dev_info info;
    if (const int error = rte_eth_dev_info_get(device.eth, &info); error != 0)
        return failure("asking", name, error);
    device.rx_queues =
        static_cast<std::uint16_t>(std::clamp<unsigned>(options.rx_queues, 1, info.max_rx_queues));
    device.tx_queues = static_cast<std::uint16_t>(
        std::clamp<unsigned>(std::max(options.workers, options.rx_queues), 1, info.max_tx_queues));
    // Drivers of combined channels (AF_XDP) want as many of one kind as of the other.
    if (info.max_tx_queues == info.max_rx_queues && info.max_rx_queues == device.rx_queues)
        device.tx_queues = device.rx_queues;
    rte_eth_conf conf{};
    if (device.rx_queues > 1) spread(conf, info, options.rss);
    device.takes_segments = (info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS) != 0;
    if (device.takes_segments) conf.txmode.offloads = RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
    std::uint16_t mtu = 0;
    if (rte_eth_dev_get_mtu(device.eth, &mtu) == 0 && mtu > largest_in_one_buffer &&
        (info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER) != 0)
        conf.rxmode.offloads |= RTE_ETH_RX_OFFLOAD_SCATTER;
    if (const auto status = configure_and_start(device, conf, options); !status) {
        rte_eth_dev_close(device.eth);
        free_pools(device);
        return Error{status.error()};
    }
    device.spreads = device.rx_queues > 1 && loads_our_hash(info, options.rss) &&
                     redirect(device, info, *options.rss);
    return device;
}

Result<Device> start_vdev(const std::string& name, const std::string& arguments,
                          const DeviceOptions& options) {
    const std::vector<int> others = SocketDrops::sockets();
    if (const int error = rte_eal_hotplug_add("vdev", name.c_str(), arguments.c_str()); error != 0)
        return failure("creating", name + " (" + arguments + ")", error);
    auto device = start_device(name, options);
    if (!device) {
        rte_eal_hotplug_remove("vdev", name.c_str());
        return device;
    }
    std::vector<int> own;
    std::ranges::set_difference(SocketDrops::sockets(), others, std::back_inserter(own));
    device->drops = SocketDrops(std::move(own));
    return device;
}

void stop_device(const Device& device) {
    rte_eth_dev_stop(device.eth);
    rte_eth_dev_close(device.eth);
    free_pools(device);
    rte_eal_hotplug_remove("vdev", device.name.c_str());  // an error: it was no vdev
}

weir_mac mac_of(const Device& device) {
    rte_ether_addr address{};
    rte_eth_macaddr_get(device.eth, &address);
    weir_mac mac;
    std::memcpy(mac.byte, address.addr_bytes, sizeof(mac.byte));
    return mac;
}

bool counts_queues(const Device& device) {
    std::uint64_t id = 0;
    return rte_eth_xstats_get_id_by_name(device.eth, "rx_q0_packets", &id) == 0;
}

unsigned queues_of(const std::string& interface) {
    ethtool_channels channels{};
    ifreq request{};
    channels.cmd = ETHTOOL_GCHANNELS;
    interface.copy(request.ifr_name, IFNAMSIZ - 1);
    request.ifr_data = reinterpret_cast<char*>(&channels);
    const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const int result = ::ioctl(socket, SIOCETHTOOL, &request);
    ::close(socket);
    return result != 0 ? 1 : std::max(1u, channels.combined_count + channels.rx_count);
}

}  // namespace weir
