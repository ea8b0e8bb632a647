/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the stages hand on of one packet, and how its bytes are reached. parse.h fills it in.
 */
#ifndef WEIR_PACKET_H
#define WEIR_PACKET_H

#include "reasons.h"
#include "wire.h"

/* What a packet is to weir_decide. */
enum weir_kind {
    WEIR_KIND_PLAIN = 0,      /* TCP or UDP, its ports in the tuple */
    WEIR_KIND_ICMP_ERROR = 1, /* the tuple is that of the packet inside */
    WEIR_KIND_FRAGMENT = 2,   /* not the first one: no ports but those of the first (fragment.h) */
    WEIR_KIND_FIRST_FRAGMENT = 3,
    WEIR_KIND_TO_PEER = 4,       /* an ICMP error that another balancer gets (peers.h) */
    WEIR_KIND_RESET = 5,         /* becomes an answer: a RST (answer.h) */
    WEIR_KIND_TOO_BIG = 6,       /* likewise: how long packets may be */
    WEIR_KIND_TIME_EXCEEDED = 7, /* likewise: its TTL ends here */
};

/*
 * What the stages know of one packet. Offsets are bytes from the frame's start as it arrived.
 *
 * `room` is what weir_decide asks of the engine: so many bytes (signed) are added in front of the
 * frame before weir_rewrite, which finds the old headers at data + room and writes the new ones
 * from data on. With a negative room the first -room bytes are gone by then; what is needed of them
 * is in here.
 */
struct weir_packet {
    struct weir_tuple tuple;
    __u64 hash;               /* weir_hash_tuple, set by weir_hash_packet */
    __u32 flow;               /* number, set by weir_decide when the verdict is forward */
    __u32 length;             /* of the frame, in bytes */
    __u16 l4;                 /* where TCP or UDP starts */
    __u16 l3;                 /* where the IP header starts */
    __u16 ip_length;          /* of IP header and payload */
    __s16 room;               /* see above */
    __u8 family;              /* 4 or 6 */
    __u8 kind;                /* enum weir_kind */
    __u8 tos;                 /* IPv4's TOS, IPv6's traffic class */
    __u8 ttl;                 /* or hop limit */
    __u8 tcp_flags;           /* 0 for UDP */
    __u8 in_port;             /* index into weir_control.ports */
    __u8 out_port;            /* likewise, set by weir_decide */
    __u8 from_client;         /* 1: toward the backend; 0: its reply. Set by weir_decide */
    struct weir_mac next_hop; /* set by weir_decide */
    __u8 tags;                /* how many VLAN tags it arrived with */
    __u8 priority;            /* PCP and DEI of the outer one, in the upper half */
    union {
        __u32 fragment_id; /* of a fragment: what its datagram's fragments have in common */
        __u32 source_sum;  /* of an ICMPv6 error: what its source adds to a checksum */
    };
    __u16 trim; /* bytes that the engine cuts off the end after weir_rewrite */
    union {
        __u16 mtu;       /* of an answer that says how long packets may be */
        __u16 fragment;  /* of a fragment: as IPv4's header has it, or WEIR_FRAGMENT_DEEP */
        __u16 quoted_l4; /* of an ICMP error: where the quoted packet's TCP or UDP starts */
    };
    union {
        __u32 named; /* id of the backend that the packet itself names, or WEIR_NO_BACKEND */
        __u32 peer;  /* of an ICMP error: who sent it on, and its mark, or WEIR_NO_BACKEND */
    };
    __u16 backend;      /* id; set by weir_decide when the verdict is forward */
    __u8 mode;          /* enum weir_mode: how the backend is reached; of a reply: nat */
    __u8 dont_fragment; /* IPv4: DF is set */
};
WEIR_ASSERT(sizeof(struct weir_packet) == 96,
            "no padding: BPF hands it to subprograms initialized");

/* A bit of packet->fragment: extension headers stand behind IPv6's fragment header, and count in
 * the offsets of all fragments. */
#define WEIR_FRAGMENT_DEEP 0x8000u

#define WEIR_L3 14u         /* behind Ethernet without tags */
#define WEIR_L3_MASK 0x7fu  /* offsets are masked where they are used: the verifier forgets */
#define WEIR_L4_MASK 0x1ffu /* what was checked before */

/* What tells datagrams of one source, destination and id apart: of IPv6 nothing (RFC 8200 section
 * 4.5), since only the first fragment says which protocol it is. */
WEIR_INLINE __u32 weir_fragment_protocol(const struct weir_packet* packet) {
    return packet->family == 4 ? packet->tuple.protocol : WEIR_EXTENSION_FRAGMENT;
}

/* A pointer to `size` bytes at `offset`, or NULL when the frame is shorter. */
WEIR_INLINE void* weir_at(void* data, void* end, __u32 offset, __u32 size) {
    char* place = (char*)data + offset;

    if (place + size > (char*)end) place = 0;
#ifdef __bpf__
    /* The caller's check for NULL must look at this very register: the verifier does not see that
     * the comparison above, which clang would rather do again, says the same. */
    __asm__ volatile("" : "+r"(place));
#endif
    return place;
}

WEIR_INLINE enum weir_reason weir_parse_ports(struct weir_packet* packet, void* data, void* end,
                                              __u32 l4_length) {
    if (packet->tuple.protocol == WEIR_PROTO_TCP) {
        const struct weir_tcp* tcp =
            (const struct weir_tcp*)weir_at(data, end, packet->l4 & WEIR_L4_MASK, sizeof(*tcp));
        if (!tcp || l4_length < sizeof(*tcp)) return WEIR_REASON_TRUNCATED;
        const __u32 header = (__u32)(tcp->offset >> 4) * 4;
        if (header < sizeof(*tcp)) return WEIR_REASON_TCP_HEADER;
        if (header > l4_length)
            return packet->kind == WEIR_KIND_PLAIN ? WEIR_REASON_TCP_HEADER : WEIR_REASON_TRUNCATED;
        packet->tuple.sport = tcp->sport;
        packet->tuple.dport = tcp->dport;
        packet->tcp_flags = tcp->flags;
        return WEIR_REASON_NONE;
    }
    const struct weir_udp* udp =
        (const struct weir_udp*)weir_at(data, end, packet->l4 & WEIR_L4_MASK, sizeof(*udp));
    if (!udp || l4_length < sizeof(*udp)) return WEIR_REASON_TRUNCATED;
    const __u32 length = weir_be16_to(udp->length);
    /* A first fragment has a part of what its length says. */
    if (length < sizeof(*udp) || (length > l4_length && packet->kind == WEIR_KIND_PLAIN))
        return WEIR_REASON_UDP_HEADER;
    packet->tuple.sport = udp->sport;
    packet->tuple.dport = udp->dport;
    packet->tcp_flags = 0;
    return WEIR_REASON_NONE;
}

/*
 * A fragment, `offset` times eight bytes into its datagram, `length` bytes of which it has. The
 * first one must have the whole transport header, and no later one may reach into TCP's (RFC 1858
 * section 3, RFC 3128). Fragments of other protocols are the host's.
 */
WEIR_INLINE enum weir_reason weir_parse_fragment(struct weir_packet* packet, void* data, void* end,
                                                 __u32 offset, __u32 length) {
    const int tcp = packet->tuple.protocol == WEIR_PROTO_TCP;

    if (!tcp && packet->tuple.protocol != WEIR_PROTO_UDP) return WEIR_REASON_FRAGMENT;
    if (offset != 0) {
        packet->kind = WEIR_KIND_FRAGMENT;
        packet->tuple.sport.raw = 0;
        packet->tuple.dport.raw = 0;
        packet->tcp_flags = 0;
        return tcp && offset * 8 < sizeof(struct weir_tcp) ? WEIR_REASON_FRAGMENT_TINY
                                                           : WEIR_REASON_NONE;
    }
    packet->kind = WEIR_KIND_FIRST_FRAGMENT;
    const enum weir_reason reason = weir_parse_ports(packet, data, end, length);
    if (reason == WEIR_REASON_TRUNCATED) return WEIR_REASON_FRAGMENT_TINY;
    return reason;
}

#endif
