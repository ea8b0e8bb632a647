/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * tc ingress on the host link of the DPDK engine: frames that the dataplane gives back (back.h)
 * come in again where they first did, so that the kernel's routes, filters and sockets see them as
 * if weir were not there. All others are the host link's own.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

#include "back.h"
#include "bpf/shared/packet.h"
#include "bpf/shared/tables.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, WEIR_PORT_CAPACITY);
    __type(key, __u32);
    __type(value, __u32);
} weir_back SEC(".maps"); /* by port: the interface, 0: none */

SEC("tc")
int weir_steer_back(struct __sk_buff* skb) {
    const struct weir_eth* eth = (const struct weir_eth*)weir_at(
        (void*)(long)skb->data, (void*)(long)skb->data_end, 0, sizeof(*eth));

    if (!eth || !weir_steer_came_back(&eth->src)) return TC_ACT_UNSPEC;
    const __u32 port = eth->src.byte[5] & ~WEIR_STEER_BACK;
    const __u32* ifindex = bpf_map_lookup_elem(&weir_back, &port);
    if (!ifindex || *ifindex == 0) return TC_ACT_SHOT;
    return (int)bpf_redirect(*ifindex, BPF_F_INGRESS);
}
