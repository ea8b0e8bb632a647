/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Headers as they stand on the wire. Multi-byte fields are weir_be16/weir_be32, all packed to
 * alignment 2 or less, because an IP header behind Ethernet's 14 bytes is not 4-aligned.
 */
#ifndef WEIR_WIRE_H
#define WEIR_WIRE_H

#include "types.h"

#define WEIR_PACKED __attribute__((packed, aligned(2)))

/* IEEE 802.3 */
struct weir_eth {
    struct weir_mac dst;
    struct weir_mac src;
    struct weir_be16 type;
} WEIR_PACKED;
WEIR_ASSERT(sizeof(struct weir_eth) == 14, "IEEE 802.3 header");

/* IEEE 802.1Q: stands where Ethernet has its type, which follows the last tag. */
struct weir_tag {
    struct weir_be16 tpid; /* WEIR_ETH_VLAN or WEIR_ETH_QINQ */
    struct weir_be16 tci;  /* PCP << 13 | DEI << 12 | VLAN id */
} WEIR_PACKED;
WEIR_ASSERT(sizeof(struct weir_tag) == 4, "IEEE 802.1Q tag");

#define WEIR_TAGS 2u /* QinQ */
#define WEIR_VLAN_ID_MASK 0x0fff

#define WEIR_ETH_IPV4 0x0800
#define WEIR_ETH_ARP 0x0806
#define WEIR_ETH_IPV6 0x86dd
#define WEIR_ETH_VLAN 0x8100
#define WEIR_ETH_QINQ 0x88a8

/* RFC 791 section 3.1 */
struct weir_ipv4 {
    __u8 version_ihl; /* version << 4 | header length in 32-bit words */
    __u8 tos;
    struct weir_be16 length; /* header and payload, in bytes */
    struct weir_be16 id;
    struct weir_be16 fragment; /* flags << 13 | offset in 8-byte units */
    __u8 ttl;
    __u8 protocol;
    struct weir_be16 checksum;
    struct weir_be32 src;
    struct weir_be32 dst;
} WEIR_PACKED;
WEIR_ASSERT(sizeof(struct weir_ipv4) == 20, "RFC 791 header without options");

#define WEIR_IPV4_DONT_FRAGMENT 0x4000
#define WEIR_IPV4_MORE_FRAGMENTS 0x2000
#define WEIR_IPV4_OFFSET_MASK 0x1fff

/* RFC 8200 section 3 */
struct weir_ipv6 {
    __u8 version_class; /* version << 4 | upper half of the traffic class */
    __u8 class_label;   /* lower half << 4 | upper bits of the flow label */
    struct weir_be16 label;
    struct weir_be16 length; /* of what follows this header */
    __u8 next;
    __u8 hops;
    struct weir_addr src;
    struct weir_addr dst;
} WEIR_PACKED;
WEIR_ASSERT(sizeof(struct weir_ipv6) == 40, "RFC 8200 header");

/* RFC 8200 section 4: what the extension headers that weir walks have in common. */
struct weir_extension {
    __u8 next;
    __u8 length;               /* in 8 bytes, the first 8 not counted; not in a fragment header */
    struct weir_be16 fragment; /* of a fragment header: offset in 8-byte units << 3 | more */
    struct weir_be32 id;       /* of a fragment header */
} WEIR_PACKED;
WEIR_ASSERT(sizeof(struct weir_extension) == 8, "the shortest extension header");

#define WEIR_IPV6_LEAST_MTU 1280u /* section 5: every link takes so much */
#define WEIR_IPV6_LEAST_AS_IPV4 \
    (WEIR_IPV6_LEAST_MTU - 20u) /* what that is once the header has shrunk (RFC 7915) */

#define WEIR_EXTENSION_HOP_BY_HOP 0
#define WEIR_EXTENSION_ROUTING 43
#define WEIR_EXTENSION_FRAGMENT 44
#define WEIR_EXTENSION_DESTINATION 60
#define WEIR_IPV6_OFFSET_MASK 0xfff8
#define WEIR_IPV6_MORE_FRAGMENTS 0x0001

/* RFC 9293 section 3.1 */
struct weir_tcp {
    struct weir_be16 sport;
    struct weir_be16 dport;
    struct weir_be32 seq;
    struct weir_be32 ack;
    __u8 offset; /* data offset in 32-bit words << 4 */
    __u8 flags;
    struct weir_be16 window;
    struct weir_be16 checksum;
    struct weir_be16 urgent;
} WEIR_PACKED;
WEIR_ASSERT(sizeof(struct weir_tcp) == 20, "RFC 9293 header without options");

#define WEIR_TCP_FIN 0x01
#define WEIR_TCP_SYN 0x02
#define WEIR_TCP_RST 0x04
#define WEIR_TCP_ACK 0x10

/* RFC 768 */
struct weir_udp {
    struct weir_be16 sport;
    struct weir_be16 dport;
    struct weir_be16 length;
    struct weir_be16 checksum; /* 0: none was computed */
} WEIR_PACKED;
WEIR_ASSERT(sizeof(struct weir_udp) == 8, "RFC 768 header");

/* RFC 792 */
struct weir_icmp {
    __u8 type;
    __u8 code;
    struct weir_be16 checksum; /* of the whole message */
    struct weir_be16 unused;
    struct weir_be16 mtu; /* of the next hop; unreachable, code 4 (RFC 1191 section 4) */
} WEIR_PACKED;
WEIR_ASSERT(sizeof(struct weir_icmp) == 8, "RFC 792 header");

#define WEIR_ICMP_UNREACHABLE 3
#define WEIR_ICMP_HOST 1 /* its codes */
#define WEIR_ICMP_PROTOCOL 2
#define WEIR_ICMP_PORT 3
#define WEIR_ICMP_TOO_BIG 4 /* fragmentation needed and DF set */
#define WEIR_ICMP_HOST_PROHIBITED 10
#define WEIR_ICMP_TIME_EXCEEDED 11
#define WEIR_ICMP_PARAMETER 12

/* RFC 4443 section 3: laid out as RFC 792's; of a too-big message the last four bytes are one
 * number. */
#define WEIR_ICMP6_UNREACHABLE 1
#define WEIR_ICMP6_NO_ROUTE 0 /* its codes */
#define WEIR_ICMP6_PROHIBITED 1
#define WEIR_ICMP6_PORT 4
#define WEIR_ICMP6_TOO_BIG 2
#define WEIR_ICMP6_TIME_EXCEEDED 3
#define WEIR_ICMP6_PARAMETER 4
#define WEIR_ICMP6_NEXT_HEADER 1 /* a code of it: unrecognized */

/* What an ICMP error quotes of TCP or UDP at the least. */
struct weir_quoted_ports {
    struct weir_be16 sport;
    struct weir_be16 dport;
    struct weir_be32 rest;
} WEIR_PACKED;
WEIR_ASSERT(sizeof(struct weir_quoted_ports) == 8, "RFC 792: eight bytes are quoted");

#endif
