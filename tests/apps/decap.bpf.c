/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The receiving end of mode ipip and gue on a backend whose kernel has no tunnel devices: takes the
 * outer headers off, so that the kernel sees what the client sent. Any of IPv4 and IPv6 in any of
 * them, directly or behind UDP to port 6080. scripts/backend-tunnel loads it where it is told to,
 * and the scenes do. It forwards nothing and drops nothing: what it does not know is the kernel's.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/shared/packet.h"

#define GUE_PORT 6080
#define PROTO_IPIP 4
#define PROTO_IPV6 41

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct tunnel {
    __u32 length; /* of the outer headers; 0: this is no tunnel's packet */
    __u32 protocol;
};

/* The outer IP header without options or extension headers, which weir never writes. */
WEIR_INLINE struct tunnel outer_ip(void* data, void* end, __u32 type) {
    struct tunnel found = {0, 0};

    if (type == WEIR_ETH_IPV4) {
        const struct weir_ipv4* ip = weir_at(data, end, WEIR_L3, sizeof(*ip));
        if (!ip || ip->version_ihl != 0x45) return found;
        if (weir_be16_to(ip->fragment) & (WEIR_IPV4_MORE_FRAGMENTS | WEIR_IPV4_OFFSET_MASK))
            return found;
        found.length = sizeof(*ip);
        found.protocol = ip->protocol;
    }
    if (type == WEIR_ETH_IPV6) {
        const struct weir_ipv6* ip = weir_at(data, end, WEIR_L3, sizeof(*ip));
        if (!ip) return found;
        found.length = sizeof(*ip);
        found.protocol = ip->next;
    }
    return found;
}

/* The Ethernet type of what is inside, or 0; adds gue's UDP header to what comes off. */
WEIR_INLINE __u16 inner_type(void* data, void* end, struct tunnel* tunnel) {
    if (tunnel->protocol == PROTO_IPIP) return WEIR_ETH_IPV4;
    if (tunnel->protocol == PROTO_IPV6) return WEIR_ETH_IPV6;
    if (tunnel->protocol != WEIR_PROTO_UDP) return 0;
    const struct weir_udp* udp = weir_at(data, end, WEIR_L3 + tunnel->length, sizeof(*udp) + 1);
    if (!udp || weir_be16_to(udp->dport) != GUE_PORT) return 0;
    tunnel->length += sizeof(*udp);
    const __u8 version = *(const __u8*)(udp + 1) >> 4; /* variant 1 of gue is told by this */
    if (version == 4) return WEIR_ETH_IPV4;
    return version == 6 ? WEIR_ETH_IPV6 : 0;
}

SEC("xdp")
int decap(struct xdp_md* ctx) {
    void* data = (void*)(long)ctx->data;
    void* end = (void*)(long)ctx->data_end;
    const struct weir_eth* eth = weir_at(data, end, 0, sizeof(*eth));

    if (!eth) return XDP_PASS;
    struct tunnel tunnel = outer_ip(data, end, weir_be16_to(eth->type));
    if (tunnel.length == 0) return XDP_PASS;
    const __u16 type = inner_type(data, end, &tunnel);
    if (type == 0) return XDP_PASS;

    struct weir_eth link = *eth;
    link.type = weir_be16_from(type);
    if (bpf_xdp_adjust_head(ctx, (int)tunnel.length) != 0) return XDP_PASS;
    data = (void*)(long)ctx->data;
    end = (void*)(long)ctx->data_end;
    struct weir_eth* place = weir_at(data, end, 0, sizeof(*place));
    if (!place) return XDP_DROP;
    *place = link;
    return XDP_PASS;
}
