/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What tells weir's packets from the kernel's on an interface that DPDK and the kernel share: the
 * map `weir_steer`, read by the programs of this folder and written by dataplane/steer.cc. A packet
 * is weir's if it is addressed to a service, or if it comes from a backend and is addressed to a
 * source port that weir may have used toward it.
 */
#ifndef WEIR_STEER_H
#define WEIR_STEER_H

#include "bpf/shared/types.h"

#define WEIR_STEER_MAP "weir_steer"
#define WEIR_STEER_XDP \
    "weir_steer_xdp" /* the programs' names, by which stale ones are recognized */
#define WEIR_STEER_TC "weir_steer_tc"
#define WEIR_STEER_CAPACITY 16384

enum weir_steer_kind {
    /* peer: zero; local, port, protocol: the service's; port 0: its ports are a range */
    WEIR_STEER_SERVICE = 1,
    /* peer, port: the backend's, port 0: any; local: its SNAT address; protocol: 0, any. Of a
     * transparent backend local and port are zero: any. */
    WEIR_STEER_BACKEND = 2,
};

struct weir_steer_key {
    struct weir_addr peer;
    struct weir_addr local;
    struct weir_be16 port;
    __u8 protocol;
    __u8 kind;
};
WEIR_ASSERT(sizeof(struct weir_steer_key) == 36, "no padding: a key is hashed as bytes");

/* The ports of `local` that are weir's, host order, both included. */
struct weir_steer_ports {
    __u16 low;
    __u16 high;
};

#endif
