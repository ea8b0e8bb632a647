/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * tc ingress on an interface whose packets the DPDK engine gets as copies (AF_PACKET, which sees
 * them first): the kernel's own copy of what is weir's is dropped. It also stands guard while the
 * XDP program is being replaced.
 */
#include "lookup.h"

#include <linux/pkt_cls.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define WEIR_STEER_HEADERS (WEIR_L4_MASK + 20u) /* the furthest that the parser looks for TCP */

SEC("tc")
int weir_steer_tc(struct __sk_buff* skb) {
    struct weir_tag outer = {0};

    if (skb->vlan_present) { /* the driver, or the kernel itself, has taken it off */
        outer.tpid.raw = (__u16)skb->vlan_proto;
        outer.tci = weir_be16_from((__u16)skb->vlan_tci);
    }
    /* Headers may lie outside the linear part; without them the parser calls the packet truncated.
     */
    bpf_skb_pull_data(skb, skb->len < WEIR_STEER_HEADERS ? skb->len : WEIR_STEER_HEADERS);
    return weir_steer_ours((void*)(long)skb->data, (void*)(long)skb->data_end, skb->len, &outer)
               ? TC_ACT_SHOT
               : TC_ACT_UNSPEC;
}
