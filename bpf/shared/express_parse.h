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

/* What the steps hand on. The addresses are in the frame. */
struct weir_express {
    __u64 hash;
    __u32 ports;  /* as they lie in memory */
    __u16 length; /* of IP header and payload */
    __u8 protocol;
    __u8 tcp_flags;         /* 0 for UDP */
    __u32 at;               /* the bucket of references to look into first, or the slot */
    struct weir_flow* flow; /* the one that may be it; NULL: not known */
};

/* Where a packet comes from and goes to. */
struct weir_express_way {
    struct weir_halves src;
    struct weir_halves dst;
};

WEIR_INLINE struct weir_express_way weir_express_way_of(const struct weir_express_frame* frame,
                                                        int v6) {
    struct weir_express_way way;

    if (v6) {
        const char* src = (const char*)&frame->v6.ip.src;
        way.src.high = weir_dword_at(src);
        way.src.low = weir_dword_at(src + 8);
        way.dst.high = weir_dword_at(src + 16);
        way.dst.low = weir_dword_at(src + 24);
    } else {
        const struct weir_be32 src = {weir_word_at(&frame->v4.ip.src)};
        const struct weir_be32 dst = {weir_word_at(&frame->v4.ip.dst)};
        way.src = weir_halves_v4(src);
        way.dst = weir_halves_v4(dst);
    }
    return way;
}

/* Ports as they lie in memory, one behind the other. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define WEIR_PORTS(first, second) ((__u32)(first).raw | (__u32)(second).raw << 16)
#define WEIR_SPORT(ports) ((__u16)(ports))
#define WEIR_DPORT(ports) ((__u16)((ports) >> 16))
#define WEIR_HASHED_PORTS(ports) ((ports) << 16 | (ports) >> 16)
#else
#define WEIR_PORTS(first, second) ((__u32)(second).raw | (__u32)(first).raw << 16)
#define WEIR_SPORT(ports) ((__u16)((ports) >> 16))
#define WEIR_DPORT(ports) ((__u16)(ports))
#define WEIR_HASHED_PORTS(ports) (ports)
#endif

WEIR_INLINE struct weir_be16 weir_express_sport(const struct weir_express* x) {
    const struct weir_be16 port = {WEIR_SPORT(x->ports)};
    return port;
}

WEIR_INLINE struct weir_be16 weir_express_dport(const struct weir_express* x) {
    const struct weir_be16 port = {WEIR_DPORT(x->ports)};
    return port;
}

/* The flags with which a segment is declined at once, because it may start a flow, or have its MSS
 * lowered: as long as there is no service without flows. */
WEIR_INLINE __u8 weir_express_refuses(const struct weir_control* control) {
    return control->flags & WEIR_CONTROL_STATELESS ? 0 : WEIR_TCP_SYN;
}

/* RFC 1071, for a header without options; the words as they lie in memory. */
WEIR_INLINE int weir_express_sum_is_right(const struct weir_ipv4* ip) {
    const char* words = (const char*)ip;

    return weir_fold64((__u64)weir_word_at(words) + weir_word_at(words + 4) +
                       weir_word_at(words + 8) + weir_word_at(words + 12) +
                       weir_word_at(words + 16)) == 0xffff;
}

WEIR_INLINE int weir_express_is_for(const struct weir_express_frame* frame,
                                    const struct weir_port* in) {
    return weir_mac_equal(&frame->eth.dst, &in->mac) && in->kind != WEIR_PORT_NONE;
}

/* Notes what TCP or UDP says; how long its header is (UDP: with its payload), 0: declined. */
WEIR_INLINE __u32 weir_express_transport(struct weir_express* x, const struct weir_tcp* tcp,
                                         __u8 protocol, __u8 refused, int v6) {
    x->protocol = protocol;
    x->ports = weir_word_at(tcp);
    if (protocol == WEIR_PROTO_TCP) {
        x->tcp_flags = tcp->flags;
        if (tcp->flags & refused) return 0;
        const __u32 header = (__u32)(tcp->offset >> 4) * 4;
        return header < sizeof(*tcp) ? 0 : header;
    }
    const struct weir_udp* udp = (const struct weir_udp*)(const void*)tcp;
    x->tcp_flags = 0;
    if (protocol != WEIR_PROTO_UDP || (v6 && udp->checksum.raw == 0)) return 0; /* RFC 8200 8.1 */
    const __u32 length = weir_be16_to(udp->length);
    return length < sizeof(*udp) ? 0 : length;
}

/*
 * 1: the frame is plain IPv4 with a whole TCP or UDP header, for this port's MAC, and `x` and `way`
 * say what it carries. The whole frame has `length` bytes, WEIR_EXPRESS_LEAST are there.
 */
WEIR_INLINE int weir_express_parse_v4(struct weir_express* x, struct weir_express_way* way,
                                      const struct weir_port* in,
                                      const struct weir_express_frame* frame, __u32 length,
                                      __u8 refused) {
    const struct weir_ipv4* ip = &frame->v4.ip;

    if (frame->eth.type.raw != WEIR_SWAP16(WEIR_ETH_IPV4) || !weir_express_is_for(frame, in))
        return 0;
    const __u32 ip_length = weir_be16_to(ip->length);
    if (ip->version_ihl != 0x45 || sizeof(frame->eth) + ip_length > length || ip->ttl <= 1 ||
        (ip->fragment.raw & WEIR_SWAP16(WEIR_IPV4_MORE_FRAGMENTS | WEIR_IPV4_OFFSET_MASK)) != 0)
        return 0;
    const __u32 header = weir_express_transport(x, &frame->v4.tcp, ip->protocol, refused, 0);
    if (header == 0 || sizeof(*ip) + header > ip_length || !weir_express_sum_is_right(ip)) return 0;
    *way = weir_express_way_of(frame, 0);
    x->length = (__u16)ip_length;
    return 1;
}

/*
 * The same of IPv6; from `frame` to `end` there are WEIR_EXPRESS_LEAST_V6 bytes or more. Addresses
 * that begin with 64 zero bits are nobody's, or stand for IPv4 (RFC 4291 section 2.5): declined.
 */
WEIR_INLINE int weir_express_parse_v6(struct weir_express* x, struct weir_express_way* way,
                                      const struct weir_port* in, struct weir_express_frame* frame,
                                      void* end, __u32 length, __u8 refused) {
    const struct weir_ipv6* ip = &frame->v6.ip;

    if (frame->eth.type.raw != WEIR_SWAP16(WEIR_ETH_IPV6) || !weir_express_is_for(frame, in))
        return 0;
    const __u32 ip_length = sizeof(*ip) + weir_be16_to(ip->length);
    if (ip->version_class >> 4 != 6 || sizeof(frame->eth) + ip_length > length ||
        ip_length > 0xffff || ip->hops <= 1)
        return 0;
    if (ip->next == WEIR_PROTO_TCP && !weir_at(frame, end, 0, WEIR_EXPRESS_TCP_V6)) return 0;
    const __u32 header = weir_express_transport(x, &frame->v6.tcp, ip->next, refused, 1);
    if (header == 0 || sizeof(*ip) + header > ip_length) return 0;
    *way = weir_express_way_of(frame, 1);
    x->length = (__u16)ip_length;
    return way->src.high != 0 && way->dst.high != 0;
}

/* weir_hash_tuple of the packet. */
WEIR_INLINE __u64 weir_express_hash(const struct weir_express* x,
                                    const struct weir_express_way* way, __u64 seed, int v6) {
    const __u64 hash =
        v6 ? weir_hash_halves(weir_hash_halves(seed, way->src, 1), way->dst, 1)
           : weir_hash_v4(seed, WEIR_SECOND(way->src.low), WEIR_SECOND(way->dst.low));

    return weir_hash_ports(hash, WEIR_HASHED_PORTS(x->ports), x->protocol);
}

/* A packet to a stateless service: its slot. */
WEIR_INLINE enum weir_express_kind weir_express_slot(struct weir_express* x,
                                                     const struct weir_express_way* way,
                                                     const struct weir_service* service, int v6) {
    __u64 hash;

    if (service->slot_count == 0 || (service->flags & WEIR_SERVICE_PEERS))
        return WEIR_EXPRESS_DECLINED;
    if (service->method == WEIR_METHOD_MAGLEV_ADDRESS)
        hash = weir_hash_end(weir_hash_halves(WEIR_MAGLEV_SEED, way->src, v6));
    else if (service->method == WEIR_METHOD_MAGLEV)
        hash = weir_express_hash(x, way, WEIR_MAGLEV_SEED, v6);
    else
        return WEIR_EXPRESS_DECLINED;
    x->at = service->slot_base + (__u32)hash % service->slot_count;
    return WEIR_EXPRESS_STATELESS;
}

/* Hashes a parsed packet for what weir_service_look_up says of it, and says where to look next.
 * What differs between clients and replies is computed, not branched on: see there. */
WEIR_INLINE enum weir_express_kind weir_express_aim(struct weir_env* env, struct weir_express* x,
                                                    const struct weir_express_way* way,
                                                    const struct weir_service* service, __u32 found,
                                                    int v6) {
    const struct weir_control* control = weir_env_control(env);
    const __u32 all = 0 - found; /* mask */

    if (!service) return WEIR_EXPRESS_DECLINED;
    if (service->flags & all & (WEIR_SERVICE_STATELESS | WEIR_SERVICE_PEERS))
        return weir_express_slot(x, way, service, v6);
    if ((service->cid_count & all) | (x->tcp_flags & WEIR_TCP_SYN)) return WEIR_EXPRESS_DECLINED;
    x->hash = weir_express_hash(x, way, control->seed, v6);
    x->at = weir_first_bucket(x->hash, control->ref_buckets);
    return (enum weir_express_kind)(WEIR_EXPRESS_REPLY - found);
}

#endif
