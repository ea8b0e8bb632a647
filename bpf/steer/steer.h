/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What tells weir's packets from the kernel's on an interface that DPDK and the kernel share: the
 * map `weir_steer`, read by the programs of this folder and written by dataplane/steer.cc. A packet
 * is weir's if it is addressed to a service, or if it comes from a backend and is addressed to a
 * source port that weir may have used toward it; a tagged one only if its VLAN is a port of weir's.
 */
#ifndef WEIR_STEER_H
#define WEIR_STEER_H

#include "bpf/shared/types.h"
#include "bpf/shared/wire.h"

#define WEIR_STEER_MAP "weir_steer"
#define WEIR_STEER_XDP \
    "weir_steer_xdp" /* the programs' names, by which stale ones are recognized */
#define WEIR_STEER_TC "weir_steer_tc"
#define WEIR_STEER_CAPACITY 262144 /* all services, and two for each backend */

enum weir_steer_kind {
    /* peer: zero; local, port, protocol: the service's; port 0: its ports are ranges */
    WEIR_STEER_SERVICE = 1,
    /* peer, port: the backend's, port 0: any; local: its SNAT address; protocol: 0, any. Of a
     * transparent backend local is zero: any; but there also is a key of port 0 with the host's
     * address and no ports, because what the host asks it (a health check) is the host's. */
    WEIR_STEER_BACKEND = 2,
    /* peer: its tags, outer one first, in words (weir_steer_tag); rest: zero */
    WEIR_STEER_VLAN = 3,
};

struct weir_steer_key {
    struct weir_addr peer;
    struct weir_addr local;
    struct weir_be16 port;
    __u8 protocol;
    __u8 kind;
};
WEIR_ASSERT(sizeof(struct weir_steer_key) == 36, "no padding: a key is hashed as bytes");

/* A tag as a word of a key; 0: none. */
WEIR_INLINE struct weir_be32 weir_steer_tag(const struct weir_tag* tag) {
    struct weir_be32 word;
    word.raw = (__u32)tag->tpid.raw << 16 | (weir_be16_to(tag->tci) & WEIR_VLAN_ID_MASK);
    return word;
}

#define WEIR_STEER_RANGES 8u

/* The ports of `local` that are weir's: ranges in host order, both ends included. Those that are
 * not needed are 1 to 0. */
struct weir_steer_ports {
    struct {
        __u16 low;
        __u16 high;
    } range[WEIR_STEER_RANGES];
};

#endif
