// SPDX-License-Identifier: Apache-2.0
#include "dataplane/device.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace weir {
namespace {

constexpr unsigned buffer_cache = 128;
constexpr std::uint16_t descriptors = 1024;
// What is longer arrives in a chain of buffers: Ethernet, two tags and a checksum come on top.
constexpr std::uint16_t largest_in_one_buffer = RTE_MBUF_DEFAULT_DATAROOM - 14 - 8 - 4;

Error failure(const std::string& what, const std::string& name, int error) {
    return Error{what + " " + name + " failed: " + rte_strerror(error < 0 ? -error : error)};
}

Status set_up_queues(Device& device, unsigned buffers) {
    std::uint16_t rx = descriptors;
    std::uint16_t tx = descriptors;
    if (const int error = rte_eth_dev_adjust_nb_rx_tx_desc(device.eth, &rx, &tx); error != 0)
        return failure("queues of", device.name, error);
    for (std::uint16_t queue = 0; queue < device.rx_queues; queue++) {
        const std::string pool_name =
            "pool_" + std::to_string(device.eth) + "_" + std::to_string(queue);
        rte_mempool* pool = rte_pktmbuf_pool_create(pool_name.c_str(), buffers, buffer_cache, 0,
                                                    RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
        if (!pool) return failure("packet buffers of", device.name, rte_errno);
        if (const int error =
                rte_eth_rx_queue_setup(device.eth, queue, rx, SOCKET_ID_ANY, nullptr, pool);
            error != 0)
            return failure("receive queue of", device.name, error);
    }
    for (std::uint16_t queue = 0; queue < device.tx_queues; queue++) {
        if (const int error = rte_eth_tx_queue_setup(device.eth, queue, tx, SOCKET_ID_ANY, nullptr);
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

}  // namespace

Result<Device> start_device(const std::string& name, unsigned rx_queues, unsigned workers,
                            unsigned buffers) {
    Device device;
    device.name = name;
    if (rte_eth_dev_get_port_by_name(name.c_str(), &device.eth) != 0)
        return Error{"DPDK has no driver for " + name +
                     " (a PCI device must be bound to vfio-pci, or have a bifurcated driver)"};
    rte_eth_dev_info info;
    if (const int error = rte_eth_dev_info_get(device.eth, &info); error != 0)
        return failure("asking", name, error);
    device.rx_queues =
        static_cast<std::uint16_t>(std::clamp<unsigned>(rx_queues, 1, info.max_rx_queues));
    device.tx_queues = static_cast<std::uint16_t>(
        std::clamp<unsigned>(std::max(workers, rx_queues), 1, info.max_tx_queues));
    // Drivers of combined channels (AF_XDP) want as many of one kind as of the other.
    if (info.max_tx_queues == info.max_rx_queues && info.max_rx_queues == device.rx_queues)
        device.tx_queues = device.rx_queues;
    rte_eth_conf conf{};
    if (device.rx_queues > 1 && info.flow_type_rss_offloads != 0) {
        conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
        conf.rx_adv_conf.rss_conf.rss_hf =
            info.flow_type_rss_offloads & (RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP);
    }
    device.takes_segments = (info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS) != 0;
    if (device.takes_segments) conf.txmode.offloads = RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
    std::uint16_t mtu = 0;
    if (rte_eth_dev_get_mtu(device.eth, &mtu) == 0 && mtu > largest_in_one_buffer &&
        (info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER) != 0)
        conf.rxmode.offloads |= RTE_ETH_RX_OFFLOAD_SCATTER;
    if (const int error =
            rte_eth_dev_configure(device.eth, device.rx_queues, device.tx_queues, &conf);
        error != 0)
        return failure("configuring", name, error);
    auto status = set_up_queues(device, buffers);
    if (status)
        if (const int error = rte_eth_dev_start(device.eth); error != 0)
            status = failure("starting", name, error);
    if (!status) {
        rte_eth_dev_close(device.eth);
        free_pools(device);
        return Error{status.error()};
    }
    return device;
}

Result<Device> start_vdev(const std::string& name, const std::string& arguments, unsigned rx_queues,
                          unsigned workers, unsigned buffers) {
    if (const int error = rte_eal_hotplug_add("vdev", name.c_str(), arguments.c_str()); error != 0)
        return failure("creating", name + " (" + arguments + ")", error);
    auto device = start_device(name, rx_queues, workers, buffers);
    if (!device) rte_eal_hotplug_remove("vdev", name.c_str());
    return device;
}

void stop_device(const Device& device) {
    rte_eth_dev_stop(device.eth);
    rte_eth_dev_close(device.eth);
    rte_eal_hotplug_remove("vdev", device.name.c_str());  // an error: it was no vdev
}

weir_mac mac_of(const Device& device) {
    rte_ether_addr address{};
    rte_eth_macaddr_get(device.eth, &address);
    weir_mac mac;
    std::memcpy(mac.byte, address.addr_bytes, sizeof(mac.byte));
    return mac;
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
