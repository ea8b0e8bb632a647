/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The map and its one question, for both steering programs. What happens to a packet of weir's is
 * the packet program's business, in user space. The one thing remembered here is which fragmented
 * datagrams have begun as weir's: only the first fragment has ports to tell it by.
 */
#ifndef WEIR_STEER_LOOKUP_H
#define WEIR_STEER_LOOKUP_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "back.h"
#include "bpf/shared/parse.h"
#include "steer.h"

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, WEIR_STEER_CAPACITY);
    __uint(map_flags, BPF_F_NO_PREALLOC); /* memory for those that there are */
    __type(key, struct weir_steer_key);
    __type(value, struct weir_steer_ports);
} weir_steer SEC(".maps");

/* What the fragments of a datagram have in common. */
struct weir_steer_datagram {
    struct weir_addr src;
    struct weir_addr dst;
    __u32 id;
    __u32 protocol;
};

#define WEIR_STEER_DATAGRAMS 8192

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, WEIR_STEER_DATAGRAMS);
    __type(key, struct weir_steer_datagram);
    __type(value, __u8);
} weir_datagrams SEC(".maps");

WEIR_INLINE struct weir_steer_datagram weir_steer_datagram_of(const struct weir_packet* packet) {
    struct weir_steer_datagram datagram = {0};

    datagram.src = packet->tuple.src;
    datagram.dst = packet->tuple.dst;
    datagram.id = packet->fragment_id;
    datagram.protocol = weir_fragment_protocol(packet);
    return datagram;
}

/* Whether the key is there, and has this port. */
WEIR_INLINE int weir_steer_within(const struct weir_steer_key* key, __u16 port) {
    const struct weir_steer_ports* ports = bpf_map_lookup_elem(&weir_steer, key);

    if (!ports) return 0;
    for (__u32 i = 0; i < WEIR_STEER_RANGES; i++)
        if (port >= ports->range[i].low && port <= ports->range[i].high) return 1;
    return 0;
}

/* Whether the tags are those of one of weir's ports, or there are none but a priority. `outer` is a
 * tag that the frame does not carry any more (tpid 0: none). */
WEIR_INLINE int weir_steer_vlan(const struct weir_packet* packet, const struct weir_tag* outer,
                                void* data, void* end) {
    struct weir_steer_key key = {0};
    const int taken_off = outer->tpid.raw != 0;

    if (packet->tags == 0 && !taken_off) return 1;
    if (packet->tags > 1 && taken_off) return 0;
    const struct weir_tag* tag =
        (const struct weir_tag*)weir_at(data, end, sizeof(struct weir_eth) - 2, 2 * sizeof(*tag));
    if (!tag) return 0;
    key.kind = WEIR_STEER_VLAN;
    key.peer.word[0] = weir_steer_tag(taken_off ? outer : tag);
    if (taken_off && packet->tags > 0) key.peer.word[1] = weir_steer_tag(tag);
    if (packet->tags > 1) key.peer.word[1] = weir_steer_tag(tag + 1);
    if (key.peer.word[1].raw == 0 && (key.peer.word[0].raw & WEIR_VLAN_ID_MASK) == 0) return 1;
    return bpf_map_lookup_elem(&weir_steer, &key) != 0;
}

/* 1 if a packet with these ports belongs to weir. */
WEIR_INLINE int weir_steer_knows(const struct weir_packet* packet) {
    struct weir_steer_key key = {0};

    key.local = packet->tuple.dst;
    key.port = packet->tuple.dport;
    key.protocol = (__u8)packet->tuple.protocol;
    key.kind = WEIR_STEER_SERVICE;
    if (bpf_map_lookup_elem(&weir_steer, &key)) return 1;

    const __u16 port = weir_be16_to(packet->tuple.dport);
    key.port.raw = 0;
    if (weir_steer_within(&key, port)) return 1; /* of a range of ports */

    key.peer = packet->tuple.src;
    key.protocol = 0;
    key.kind = WEIR_STEER_BACKEND;
    if (weir_steer_within(&key, port)) return 1; /* it has no port of its own */
    key.port = packet->tuple.sport;
    if (weir_steer_within(&key, port)) return 1;
    key.port.raw = 0;
    if (bpf_map_lookup_elem(&weir_steer, &key)) return 0; /* it answers the host itself */
    key.local.word[0].raw = key.local.word[1].raw = key.local.word[2].raw = 0;
    key.local.word[3].raw = 0;
    if (weir_steer_within(&key, port)) return 1; /* it answers to the clients' own addresses */
    key.port = packet->tuple.sport;
    return weir_steer_within(&key, port);
}

/* 1 if the frame [data, end) of `length` bytes belongs to weir. */
WEIR_INLINE int weir_steer_ours(void* data, void* end, __u32 length, const struct weir_tag* outer) {
    struct weir_packet packet = {0};

    const struct weir_eth* eth = (const struct weir_eth*)weir_at(data, end, 0, sizeof(*eth));
    if (!eth || weir_steer_came_back(&eth->src)) return 0;
    if (weir_parse(&packet, data, end, length, 0) != WEIR_REASON_NONE) return 0;
    if (!weir_steer_vlan(&packet, outer, data, end)) return 0;
    const struct weir_steer_datagram datagram = weir_steer_datagram_of(&packet);
    if (packet.kind == WEIR_KIND_FRAGMENT)
        return bpf_map_lookup_elem(&weir_datagrams, &datagram) != 0;
    if (!weir_steer_knows(&packet)) return 0;
    if (packet.kind == WEIR_KIND_FIRST_FRAGMENT) {
        const __u8 ours = 1;
        bpf_map_update_elem(&weir_datagrams, &datagram, &ours, BPF_ANY);
    }
    return 1;
}

#endif
