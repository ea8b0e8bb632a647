/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * VLANs: a tagged frame belongs to the port that stands for its tags (tables.h), and leaves with
 * those of the port it leaves by. decide asks the first question, rewrite the second; frames
 * without tags pay one branch each.
 */
#ifndef WEIR_VLAN_H
#define WEIR_VLAN_H

#include "env.h"
#include "packet.h"

WEIR_INLINE __u32 weir_vlan_id(struct weir_be16 tci) {
    return weir_be16_to(tci) & WEIR_VLAN_ID_MASK;
}

WEIR_INLINE int weir_same_tag(const struct weir_tag* a, const struct weir_tag* b) {
    return a->tpid.raw == b->tpid.raw && weir_vlan_id(a->tci) == weir_vlan_id(b->tci);
}

/*
 * Makes packet->in_port the port of the frame's tags; 0 when there is none. A tag with id 0 says
 * the priority only (IEEE 802.1Q section 6.9.1): alone, it leaves the frame where it came in.
 */
WEIR_INLINE int weir_enter_vlan(struct weir_env* env, struct weir_packet* packet, void* data,
                                void* end) {
    const struct weir_control* control = weir_env_control(env);
    const struct weir_tag* tag =
        (const struct weir_tag*)weir_at(data, end, sizeof(struct weir_eth) - 2, 2 * sizeof(*tag));

    if (!tag) return 0;
    if (packet->tags == 1 && weir_vlan_id(tag->tci) == 0) return 1;
    for (__u32 i = 0; i < WEIR_PORT_CAPACITY; i++) {
        const struct weir_port* port = &control->ports[i];
        if (port->tags != packet->tags || port->parent != packet->in_port) continue;
        if (!weir_same_tag(&port->tag[0], tag)) continue;
        if (packet->tags > 1 && !weir_same_tag(&port->tag[1], tag + 1)) continue;
        packet->in_port = (__u8)i;
        return 1;
    }
    return 0;
}

/* Where the IP header starts in frames that leave by this port. */
WEIR_INLINE __u32 weir_l3_on(const struct weir_port* port) {
    return WEIR_L3 + (__u32)port->tags * sizeof(struct weir_tag);
}

/* By how much the frame's tags grow on the way out of packet->out_port. */
WEIR_INLINE __s32 weir_tag_room(struct weir_env* env, const struct weir_packet* packet) {
    const struct weir_port* port =
        &weir_env_control(env)->ports[packet->out_port & (WEIR_PORT_CAPACITY - 1)];
    return ((__s32)port->tags - (__s32)packet->tags) * (__s32)sizeof(struct weir_tag);
}

/* Writes Ethernet and tags for the port and next hop. 0 (and nothing written): no room. */
WEIR_INLINE int weir_write_link(const struct weir_packet* packet, const struct weir_port* port,
                                __u32 type, void* data, void* end) {
    struct weir_eth* eth = (struct weir_eth*)weir_at(data, end, 0, sizeof(*eth));
    const __u32 tags = port->tags;

    if (!eth) return 0;
    if (tags > 0) {
        struct weir_tag* tag =
            (struct weir_tag*)weir_at(data, end, sizeof(*eth) - 2, 2 * sizeof(*tag) + 2);
        if (!tag) return 0;
        const __u32 priority = (__u32)packet->priority << 8;
        tag[0].tpid = port->tag[0].tpid;
        tag[0].tci = weir_be16_from((__u16)(priority | weir_vlan_id(port->tag[0].tci)));
        if (tags > 1) {
            tag[1].tpid = port->tag[1].tpid;
            tag[1].tci = weir_be16_from((__u16)(priority | weir_vlan_id(port->tag[1].tci)));
        }
        tag[tags > 1 ? 2 : 1].tpid = weir_be16_from((__u16)type); /* the type's place */
    } else {
        eth->type = weir_be16_from((__u16)type);
    }
    eth->dst = packet->next_hop;
    eth->src = port->mac;
    return 1;
}

#endif
