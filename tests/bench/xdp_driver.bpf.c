/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What drives an XDP program under test. BPF_PROG_TEST_RUN does not reset the packet between
 * repeats, so `driver` puts the head back to where it was, writes the next frame of an array over
 * the packet and tail-calls the program; what that costs is what it takes to call `adjusting` so.
 * For live frames, `generator` does the same and sends; `reflector` is the ceiling, `sink` counts
 * what comes back. Loaded by xdp_programs.cc only.
 */
/* In this order: bpf_helpers.h uses the types of linux/bpf.h. */
/* clang-format off */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
/* clang-format on */

#include "bpf/shared/wire.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define FRAME_BYTES 60

struct frame {
    __u8 byte[64];
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct frame);
} frames SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u32);
} tested SEC(".maps");

__u32 frame_count = 1;
__u32 next_frame;
__u32 sent_to; /* the interface that live frames leave by */
__u64 received;

/* The next frame, whole, in the packet. 0: there is none. */
WEIR_INLINE int bring_frame(struct xdp_md* ctx) {
    __u32 index = next_frame;
    const int more = (int)(ctx->data_end - ctx->data) - FRAME_BYTES;

    next_frame = index + 1 < frame_count ? index + 1 : 0;
    const struct frame* frame = bpf_map_lookup_elem(&frames, &index);
    if (!frame) return 0;
    if (more != 0 && bpf_xdp_adjust_head(ctx, more)) return 0;
    void* data = (void*)(long)ctx->data;
    if (data + FRAME_BYTES > (void*)(long)ctx->data_end) return 0;
    __builtin_memcpy(data, frame->byte, FRAME_BYTES);
    return 1;
}

SEC("xdp")
int driver(struct xdp_md* ctx) {
    if (bring_frame(ctx)) bpf_tail_call(ctx, &tested, 0);
    return XDP_ABORTED;
}

SEC("xdp")
int generator(struct xdp_md* ctx) {
    return bring_frame(ctx) ? (int)bpf_redirect(sent_to, 0) : XDP_ABORTED;
}

SEC("xdp")
int empty(struct xdp_md* ctx) {
    (void)ctx;
    return XDP_TX;
}

SEC("xdp")
int adjusting(struct xdp_md* ctx) {
    return bpf_xdp_adjust_head(ctx, 0) ? XDP_ABORTED : XDP_TX;
}

SEC("xdp")
int reflector(struct xdp_md* ctx) {
    struct weir_eth* eth = (void*)(long)ctx->data;

    if ((void*)(eth + 1) > (void*)(long)ctx->data_end) return XDP_ABORTED;
    const struct weir_mac mac = eth->src;
    eth->src = eth->dst;
    eth->dst = mac;
    return XDP_TX;
}

SEC("xdp")
int sink(struct xdp_md* ctx) {
    (void)ctx;
    __sync_fetch_and_add(&received, 1);
    return XDP_DROP;
}
