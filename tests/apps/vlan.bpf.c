/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * VLANs for kernels without VLAN devices, by tc: the scenes attach these to veths (test_vlan.py).
 * At a far end frames are tagged and untagged on their way out and in, so that the kernel there
 * knows nothing of it. On the balancer they make interfaces, each with a fixed index, that stand
 * for its VLANs of the interface with index UPPER. What has no tag is not touched.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

#include "bpf/shared/wire.h"

#define UPPER 2         /* the first interface of a namespace */
#define DEVICE 1000     /* and the VLAN's id: its device */
#define ID_MASK 0x0fffu /* without the priority */

char LICENSE[] SEC("license") = "Dual BSD/GPL";

WEIR_INLINE int tag(struct __sk_buff* skb, __u32 outer, __u32 inner) {
    if (bpf_skb_vlan_push(skb, __builtin_bswap16(WEIR_ETH_VLAN), (__u16)inner) != 0) return 0;
    return outer == 0 ||
           bpf_skb_vlan_push(skb, __builtin_bswap16(WEIR_ETH_QINQ), (__u16)outer) == 0;
}

/* The innermost id, 0 when there was no tag. */
WEIR_INLINE __u32 untag(struct __sk_buff* skb) {
    __u32 id = 0;

    for (int i = 0; i < 2; i++) {
        if (!skb->vlan_present) break;
        id = skb->vlan_tci & ID_MASK;
        if (bpf_skb_vlan_pop(skb) != 0) break;
    }
    return id;
}

SEC("far_in")
int vlan_far_in(struct __sk_buff* skb) {
    untag(skb);
    return TC_ACT_OK;
}

SEC("far_out_10")
int vlan_far_out_10(struct __sk_buff* skb) {
    return tag(skb, 0, 10) ? TC_ACT_OK : TC_ACT_SHOT;
}

SEC("far_out_100_20")
int vlan_far_out_100_20(struct __sk_buff* skb) {
    return tag(skb, 100, 20) ? TC_ACT_OK : TC_ACT_SHOT;
}

SEC("device_in")
int vlan_device_in(struct __sk_buff* skb) {
    const __u32 id = untag(skb);

    return id == 0 ? TC_ACT_OK : (int)bpf_redirect(DEVICE + id, BPF_F_INGRESS);
}

SEC("device_out_10")
int vlan_device_out_10(struct __sk_buff* skb) {
    return tag(skb, 0, 10) ? (int)bpf_redirect(UPPER, 0) : TC_ACT_SHOT;
}

SEC("device_out_100_20")
int vlan_device_out_100_20(struct __sk_buff* skb) {
    return tag(skb, 100, 20) ? (int)bpf_redirect(UPPER, 0) : TC_ACT_SHOT;
}
