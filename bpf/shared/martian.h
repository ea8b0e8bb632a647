/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who may start a flow: sources that cannot be answered, or whose answer would come back to a
 * service, are refused. program.h asks once a flow, so a known one pays nothing.
 */
#ifndef WEIR_MARTIAN_H
#define WEIR_MARTIAN_H

#include "reasons.h"
#include "service.h"

/* RFC 1812 section 5.3.7: nobody's address, or everybody's. */
WEIR_INLINE int weir_is_martian(const struct weir_addr* addr) {
    const __u32 word = weir_be32_to(addr->word[0]);

    if (weir_addr_is_v4(addr)) {
        const __u32 network = weir_be32_to(addr->word[3]) >> 24;
        return network == 0 || network == 127 || network >= 224;
    }
    if (word >> 24 == 0xff) return 1; /* multicast */
    return word == 0 && addr->word[1].raw == 0 && addr->word[2].raw == 0 &&
           weir_be32_to(addr->word[3]) <= 1; /* unspecified, loopback */
}

/* WEIR_REASON_NONE, or why no flow may start from the tuple's source. */
WEIR_INLINE enum weir_reason weir_check_source(struct weir_env* env,
                                               const struct weir_tuple* tuple) {
    struct weir_tuple answer;

    if (weir_addr_equal(&tuple->src, &tuple->dst)) return WEIR_REASON_LAND;
    if (weir_is_martian(&tuple->src)) return WEIR_REASON_MARTIAN;
    answer.src = tuple->dst;
    answer.dst = tuple->src;
    answer.sport = tuple->dport;
    answer.dport = tuple->sport;
    answer.protocol = tuple->protocol;
    /* Two services that answer each other would never stop. */
    return weir_is_service(env, &answer) ? WEIR_REASON_MARTIAN : WEIR_REASON_NONE;
}

#endif
