/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The express way, first part (express.h has the picture): from a frame to what it carries, and
 * where to look for its flow.
 */
#ifndef WEIR_EXPRESS_PARSE_H
#define WEIR_EXPRESS_PARSE_H

#include "balance.h"
#include "express_rewrite.h"
#include "ipv4.h"
#include "reference.h"
#include "service.h"

/* What an express packet is so far. */
enum weir_express_kind {
    WEIR_EXPRESS_DECLINED = 0,
    WEIR_EXPRESS_CLIENT = 1,    /* to a service that has flows */
    WEIR_EXPRESS_REPLY = 2,     /* to no service: a backend's reply, or the host's */
    WEIR_EXPRESS_STATELESS = 3, /* to a service without: `at` is its slot */
};

struct weir_express {
    __u64 hash;
    struct weir_be32 src;
    struct weir_be32 dst;
    struct weir_be16 sport;
    struct weir_be16 dport;
    __u16 length; /* of IP header and payload */
    __u8 protocol;
    __u8 tcp_flags;         /* 0 for UDP */
    __u32 at;               /* the bucket of references to look into first, or the slot */
    struct weir_flow* flow; /* the one that may be it; NULL: not known */
};

/* RFC 1071, for a header without options; the words as they lie in memory. */
WEIR_INLINE int weir_express_sum_is_right(const struct weir_ipv4* ip) {
    const struct weir_ipv4_words* words = (const struct weir_ipv4_words*)(const void*)ip;

    return weir_fold64((__u64)words->word[0].raw + words->word[1].raw + words->word[2].raw +
                       words->word[3].raw + words->word[4].raw) == 0xffff;
}

/*
 * 1: the frame is plain IPv4 with a whole TCP or UDP header, for this port's MAC, and `x` says what
 * it carries. The whole frame has `length` bytes, those of *frame among them: one that is shorter,
 * which Ethernet does not have, is declined even if it is UDP.
 */
WEIR_INLINE int weir_express_parse(struct weir_express* x, const struct weir_port* in,
                                   const struct weir_express_frame* frame, __u32 length) {
    __u32 header;

    if (frame->eth.type.raw != WEIR_SWAP16(WEIR_ETH_IPV4) ||
        !weir_mac_equal(&frame->eth.dst, &in->mac) || in->kind == WEIR_PORT_NONE)
        return 0;
    const struct weir_ipv4* ip = &frame->ip;
    const __u32 ip_length = weir_be16_to(ip->length);
    if (ip->version_ihl != 0x45 || sizeof(frame->eth) + ip_length > length || ip->ttl <= 1 ||
        (ip->fragment.raw & WEIR_SWAP16(WEIR_IPV4_MORE_FRAGMENTS | WEIR_IPV4_OFFSET_MASK)) != 0)
        return 0;
    if (ip->protocol == WEIR_PROTO_TCP) {
        header = (__u32)(frame->tcp.offset >> 4) * 4;
        if (header < sizeof(frame->tcp)) return 0;
        x->tcp_flags = frame->tcp.flags;
    } else {
        if (ip->protocol != WEIR_PROTO_UDP) return 0;
        header = weir_be16_to(weir_express_udp(frame)->length);
        if (header < sizeof(struct weir_udp)) return 0;
        x->tcp_flags = 0;
    }
    if (sizeof(*ip) + header > ip_length || !weir_express_sum_is_right(ip)) return 0;
    x->src = ip->src;
    x->dst = ip->dst;
    x->sport = frame->tcp.sport;
    x->dport = frame->tcp.dport;
    x->protocol = ip->protocol;
    x->length = (__u16)ip_length;
    return 1;
}

/* A packet to a stateless service: its slot. */
WEIR_INLINE enum weir_express_kind weir_express_slot(struct weir_express* x,
                                                     const struct weir_service* service) {
    __u64 hash;

    if (service->slot_count == 0) return WEIR_EXPRESS_DECLINED;
    if (service->method == WEIR_METHOD_MAGLEV_ADDRESS)
        hash = weir_hash_end(weir_hash_mix(WEIR_MAGLEV_SEED, x->src.raw));
    else if (service->method == WEIR_METHOD_MAGLEV)
        hash = weir_hash_v4(WEIR_MAGLEV_SEED, x->src, x->dst, x->sport, x->dport, x->protocol);
    else
        return WEIR_EXPRESS_DECLINED;
    x->at = service->slot_base + (__u32)hash % service->slot_count;
    return WEIR_EXPRESS_STATELESS;
}

/* Hashes a parsed packet for what weir_service_find_v4 says of it, and says where to look next.
 * What differs between clients and replies is computed, not branched on: see there. */
WEIR_INLINE enum weir_express_kind weir_express_aim(struct weir_env* env, struct weir_express* x,
                                                    const struct weir_service* service,
                                                    __u32 found) {
    const struct weir_control* control = weir_env_control(env);
    const __u32 all = 0 - found; /* mask */

    if (!service) return WEIR_EXPRESS_DECLINED;
    x->hash = weir_hash_v4(control->seed, x->src, x->dst, x->sport, x->dport, x->protocol);
    if (service->flags & all & WEIR_SERVICE_STATELESS) return weir_express_slot(x, service);
    if ((service->cid_count & all) | (x->tcp_flags & (WEIR_TCP_SYN | WEIR_TCP_FIN | WEIR_TCP_RST)))
        return WEIR_EXPRESS_DECLINED;
    x->at = weir_first_bucket(x->hash, control->ref_buckets);
    return (enum weir_express_kind)(WEIR_EXPRESS_REPLY - found);
}

#endif
