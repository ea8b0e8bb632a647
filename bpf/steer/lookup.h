/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The map and its one question, for both steering programs. It only reads: what happens to a packet
 * of weir's is the packet program's business, in user space.
 */
#ifndef WEIR_STEER_LOOKUP_H
#define WEIR_STEER_LOOKUP_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/shared/packet.h"
#include "further.h"
#include "steer.h"

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, WEIR_STEER_CAPACITY);
    __type(key, struct weir_steer_key);
    __type(value, struct weir_steer_ports);
} weir_steer SEC(".maps");

/* 1 if the frame [data, end) of `length` bytes belongs to weir. */
WEIR_INLINE int weir_steer_ours(void* data, void* end, __u32 length) {
    struct weir_packet packet = {0};
    struct weir_steer_key key = {0};

    if (weir_parse(&packet, data, end, length, 0) != WEIR_REASON_NONE) return 0;
    key.local = packet.tuple.dst;
    key.port = packet.tuple.dport;
    key.protocol = (__u8)packet.tuple.protocol;
    key.kind = WEIR_STEER_SERVICE;
    if (bpf_map_lookup_elem(&weir_steer, &key)) return 1;

    key.peer = packet.tuple.src;
    key.port = packet.tuple.sport;
    key.protocol = 0;
    key.kind = WEIR_STEER_BACKEND;
    const struct weir_steer_ports* ports = bpf_map_lookup_elem(&weir_steer, &key);
    const __u16 port = weir_be16_to(packet.tuple.dport);
    if (ports && port >= ports->low && port <= ports->high) return 1;
    return weir_steer_further(&weir_steer, &packet.tuple);
}

#endif
