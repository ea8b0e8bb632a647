/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * XDP on an interface that the DPDK engine shares with the kernel: what is weir's goes to the
 * AF_XDP socket of the queue, the rest to the kernel. DPDK's net_af_xdp loads it and fills
 * `xsks_map`. While no socket is there (the dataplane was killed and comes back), weir's packets
 * are dropped: to the kernel they would be strangers that it answers with RST, and every connection
 * would be lost.
 */
#include "lookup.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define WEIR_STEER_QUEUES 128

struct {
    __uint(type, BPF_MAP_TYPE_XSKMAP);
    __uint(max_entries, WEIR_STEER_QUEUES);
    __type(key, __u32);
    __type(value, __u32);
} xsks_map SEC(".maps");

SEC("xdp")
int weir_steer_xdp(struct xdp_md* ctx) {
    void* data = (void*)(long)ctx->data;
    void* end = (void*)(long)ctx->data_end;

    const struct weir_tag none = {0};
    if (!weir_steer_ours(data, end, (__u32)(end - data), &none)) return XDP_PASS;
    return (int)bpf_redirect_map(&xsks_map, ctx->rx_queue_index, XDP_DROP);
}
