/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The rewrite stage of an ICMP error between IPv4 and IPv6 (RFC 7915 sections 4.3 and 5.3), and the
 * choice between that and the same family (icmp_rewrite.h). rewrite.h calls this.
 *
 * Everything in front of the quoted ports is written anew, and moves; what is behind stays where it
 * is. So the message's checksum is updated by what the old headers took and the new ones give.
 * What weir has sent across had no options and no extension headers but a fragment's, so a quoted
 * packet with others is none of it (icmp_words.h). The quoted TTL is what it was; IPv6 gets a
 * fragment quoted as if it were whole.
 */
#ifndef WEIR_ICMP_TRANSLATE_H
#define WEIR_ICMP_TRANSLATE_H

#include "header.h"
#include "icmp_rewrite.h"
#include "icmp_words.h"
#include "ipv4.h"
#include "translate.h"

/* The sum of 20 bytes of a quoted header, as they are. */
WEIR_INLINE __u32 weir_quoted_sum(void* data, void* end, __u32 at) {
    const struct weir_ipv4_words* words =
        (const struct weir_ipv4_words*)weir_at(data, end, at, sizeof(*words));
    __u32 sum = 0;

    if (!words) return 0;
    for (__u32 i = 0; i < 5; i++) sum = weir_sum32(sum, words->word[i]);
    return sum;
}

/* What the ICMP header adds to the message's checksum, which is left out. */
WEIR_INLINE __u32 weir_icmp_sum(const struct weir_icmp* icmp) {
    const struct weir_be16 first = weir_be16_from((__u16)((__u32)icmp->type << 8 | icmp->code));

    return (__u32)first.raw + icmp->unused.raw + icmp->mtu.raw;
}

/* What the lengths and the protocol in the pseudo-header of an ICMPv6 message do. */
WEIR_INLINE __u32 weir_pseudo_sum(__u32 message) {
    return (__u32)weir_be16_from((__u16)message).raw + weir_be16_from(WEIR_PROTO_ICMPV6).raw;
}

/* An error of IPv6 becomes one of IPv4 (RFC 7915 section 5). A fresh IPv4 header sums to zero. */
WEIR_INLINE int weir_error_to_ipv4(const struct weir_packet* packet, const struct weir_error* error,
                                   __u32 l3, void* data, void* end) {
    const __u32 old_at = weir_l4_of(packet);
    const __u32 from_at = old_at + (__u32)sizeof(struct weir_icmp);
    const struct weir_icmp* old = (const struct weir_icmp*)weir_at(data, end, old_at, sizeof(*old));
    const struct weir_ipv6* from =
        (const struct weir_ipv6*)weir_at(data, end, from_at, sizeof(*from));
    const struct weir_extension* extension = (const struct weir_extension*)weir_at(
        data, end, from_at + (__u32)sizeof(*from), sizeof(*extension));
    struct weir_ipv4* ip = (struct weir_ipv4*)weir_at(data, end, l3, sizeof(*ip));
    struct weir_ipv4* quoted = (struct weir_ipv4*)weir_at(data, end, l3 + 28, sizeof(*quoted));
    struct weir_icmp* icmp = (struct weir_icmp*)weir_at(data, end, l3 + 20, sizeof(*icmp));
    if (!old || !from || !extension || !ip || !quoted || !icmp) return 0;

    const __u32 header = (__u32)packet->quoted_l4 - packet->l4 - (__u32)sizeof(*old);
    const __u32 length = weir_quoted_length(packet);
    const int fragment = header != sizeof(*from);
    __u32 sum = weir_quoted_sum(data, end, from_at) + weir_quoted_sum(data, end, from_at + 20);
    if (fragment)
        sum += weir_sum32(extension->fragment.raw, extension->id) +
               weir_be16_from((__u16)((__u32)extension->next << 8 | extension->length)).raw;
    sum += weir_icmp_sum(old) + weir_pseudo_sum((__u32)sizeof(*old) + header + length);
    __u32 delta = error->outer + (__u16)~weir_fold(sum);

    struct weir_icmp said = *old;
    const __u8 tos = (__u8)(from->version_class << 4 | from->class_label >> 4);
    const __u8 hops = from->hops;
    const __u16 whole = (__u16)(weir_be16_to(from->length) + sizeof(*from) - header + sizeof(*ip));
    struct weir_be16 id = {0};
    __u16 flags = WEIR_IPV4_DONT_FRAGMENT;
    if (fragment) {
        const __u32 more = weir_be16_to(extension->fragment) & WEIR_IPV6_MORE_FRAGMENTS;
        id = weir_be16_from((__u16)weir_be32_to(extension->id));
        flags = (__u16)(more ? WEIR_IPV4_MORE_FRAGMENTS : 0);
    }
    if (!weir_icmp_across(&said, 6, 0)) return 0;
    weir_write_ipv4(quoted, &error->nat.dst, &error->nat.src, tos, hops,
                    (__u8)packet->tuple.protocol, whole, id, flags);
    delta = weir_rewrite_quoted_ports(packet, data, end, error, delta + weir_icmp_sum(&said));
    said.checksum = weir_checksum_update(said.checksum, delta);
    *icmp = said;
    weir_ipv6_to_ipv4(ip, packet, &error->nat, WEIR_PROTO_ICMP, 48 + length, said.checksum);
    return 1;
}

/* The reverse (section 4). The new addresses are in the pseudo-header and in the quoted one. */
WEIR_INLINE int weir_error_to_ipv6(const struct weir_packet* packet, const struct weir_error* error,
                                   __u32 l3, void* data, void* end) {
    const __u32 old_at = weir_l4_of(packet);
    const __u32 from_at = old_at + (__u32)sizeof(struct weir_icmp);
    const struct weir_icmp* old = (const struct weir_icmp*)weir_at(data, end, old_at, sizeof(*old));
    const struct weir_ipv4* from =
        (const struct weir_ipv4*)weir_at(data, end, from_at, sizeof(*from));
    struct weir_icmp* icmp = (struct weir_icmp*)weir_at(data, end, l3 + 40, sizeof(*icmp));
    struct weir_ipv6* ip = (struct weir_ipv6*)weir_at(data, end, l3, sizeof(*ip));
    struct weir_ipv6* quoted = (struct weir_ipv6*)weir_at(data, end, l3 + 48, sizeof(*quoted));
    if (!old || !from || !icmp || !ip || !quoted) return 0;

    const __u32 message = 48 + weir_quoted_length(packet);
    const __u32 sum = weir_quoted_sum(data, end, from_at) + weir_icmp_sum(old);
    struct weir_icmp said = *old;
    const __u32 whole = weir_be16_to(from->length);
    const __u16 carried = (__u16)(whole - sizeof(*from));
    const __u8 tos = from->tos;
    const __u8 ttl = from->ttl;
    const __u8 protocol = (__u8)packet->tuple.protocol;
    if (!weir_icmp_across(&said, 4, whole)) return 0;
    __u32 delta =
        2 * error->outer + (__u16)~weir_fold(sum) + weir_icmp_sum(&said) + weir_pseudo_sum(message);
    delta += (__u32)weir_be16_from((__u16)(0x6000u | (__u32)tos << 4)).raw +
             weir_be16_from(carried).raw + weir_be16_from((__u16)((__u32)protocol << 8 | ttl)).raw;
    weir_write_ipv6(quoted, &error->nat.dst, &error->nat.src, tos, ttl, protocol, carried);
    said.checksum = weir_checksum_update(
        said.checksum, weir_rewrite_quoted_ports(packet, data, end, error, delta));
    *icmp = said;
    weir_write_ipv6(ip, &error->nat.src, &error->nat.dst, packet->tos, (__u8)(packet->ttl - 1),
                    WEIR_PROTO_ICMPV6, (__u16)message);
    return 1;
}

/* Returns the Ethernet type, 0: the frame has shrunk. */
WEIR_INLINE __u32 weir_rewrite_error(struct weir_env* env, const struct weir_packet* packet,
                                     __u32 l3, void* data, void* end) {
    struct weir_error error = {};
    int done;

    if (!weir_error_nat(env, packet, &error) || !weir_error_sums(packet, &error)) return 0;
    const int v4 = weir_addr_is_v4(&error.nat.dst);
    if (packet->family == 4)
        done = v4 ? weir_rewrite_error_ipv4(packet, &error, l3, data, end)
                  : weir_error_to_ipv6(packet, &error, l3, data, end);
    else
        done = v4 ? weir_error_to_ipv4(packet, &error, l3, data, end)
                  : weir_rewrite_error_ipv6(packet, &error, l3, data, end);
    if (!done) return 0;
    return v4 ? WEIR_ETH_IPV4 : WEIR_ETH_IPV6;
}

#endif
