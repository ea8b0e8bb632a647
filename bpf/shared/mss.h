/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The MSS clamp: the maximum segment size that a SYN or SYN-ACK announces is lowered to what the
 * way to the backend takes, in the directions that weir sees. weir_rewrite calls it before it
 * changes anything else. A segment without the option is left alone: its sender will then get no
 * more than 536 or 1220 bytes (RFC 9293 section 3.7.1), which fits everywhere.
 */
#ifndef WEIR_MSS_H
#define WEIR_MSS_H

#include "checksum.h"
#include "env.h"
#include "packet.h"

#define WEIR_OPTION_BYTES 40u /* RFC 9293 section 3.1: 15 words at most, 5 of them no options */
#define WEIR_OPTION_END 0
#define WEIR_OPTION_NOP 1
#define WEIR_OPTION_MSS 2
#define WEIR_OPTION_MSS_LENGTH 4

struct weir_options {
    __u8 byte[WEIR_OPTION_BYTES]; /* zero behind the header's end, which is "end of options" */
};

/* Where the MSS stands among the options, or 0: there is none, or they are malformed before it. */
WEIR_SUBPROGRAM int weir_mss_find(const struct weir_options* options) {
    __u32 at = 0;

    if (!options) return 0;
    for (__u32 i = 0; i < WEIR_OPTION_BYTES; i++) {
        if (at > WEIR_OPTION_BYTES - WEIR_OPTION_MSS_LENGTH) return 0;
        const __u8 kind = options->byte[at];
        const __u8 length = options->byte[at + 1];
        if (kind == WEIR_OPTION_END) return 0;
        if (kind == WEIR_OPTION_NOP) {
            at++;
            continue;
        }
        if (kind == WEIR_OPTION_MSS) return length == WEIR_OPTION_MSS_LENGTH ? (int)at + 2 : 0;
        if (length < 2) return 0;
        at += length;
    }
    return 0;
}

/* Lowers the MSS of the SYN whose TCP header stands at `l4`. */
WEIR_INLINE void weir_mss_clamp(__u16 mss, __u32 l4, void* data, void* end) {
    struct weir_tcp* tcp = (struct weir_tcp*)weir_at(data, end, l4, sizeof(*tcp));
    struct weir_options options = {{0}};

    if (!tcp) return;
    const __u32 count = (__u32)(tcp->offset >> 4) - 5u; /* words; parse has seen 5 to 15 */
    for (__u32 i = 0; i < WEIR_OPTION_BYTES / 4; i++) {
        const __u8* word = (const __u8*)weir_at(data, end, l4 + (__u32)sizeof(*tcp) + i * 4, 4);
        if (i >= count || !word) break;
        options.byte[i * 4] = word[0];
        options.byte[i * 4 + 1] = word[1];
        options.byte[i * 4 + 2] = word[2];
        options.byte[i * 4 + 3] = word[3];
    }
    const __u32 found = (__u32)weir_mss_find(&options) & 0x3fu;
    if (found == 0) return;
    __u8* place = (__u8*)weir_at(data, end, l4 + (__u32)sizeof(*tcp) + found, 2);
    if (!place) return;
    const __u16 old_mss = (__u16)(place[0] << 8 | place[1]);
    if (old_mss <= mss) return;
    place[0] = (__u8)(mss >> 8);
    place[1] = (__u8)mss;
    struct weir_be16 before = weir_be16_from(old_mss);
    struct weir_be16 after = weir_be16_from(mss);
    if (found & 1) { /* it lies across two words of the sum (RFC 1071 section 2(B)) */
        before.raw = WEIR_SWAP16(before.raw);
        after.raw = WEIR_SWAP16(after.raw);
    }
    tcp->checksum = weir_checksum_update(tcp->checksum, weir_delta16(0, before, after));
}

#endif
