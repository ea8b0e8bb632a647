/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How the dataplane gives a packet back to the kernel that steering took for weir's, but the packet
 * program says is the host's: it goes out through the host link with a source MAC that nobody else
 * has, which names its port; steer_back.bpf.c sends it on to where it had come in, and the other
 * programs of this folder let it pass there. Nothing above Ethernet looks at that MAC.
 */
#ifndef WEIR_STEER_BACK_H
#define WEIR_STEER_BACK_H

#include "bpf/shared/types.h"
#include "bpf/shared/wire.h"

#define WEIR_STEER_BACK 0x80u /* in the last byte; below it, the port's index */

/* "weir", locally administered, as the MACs of the host link are. */
WEIR_INLINE struct weir_mac weir_steer_back_mac(__u32 port) {
    struct weir_mac mac = {{0x02, 0x77, 0x65, 0x69, 0x72, 0}};

    mac.byte[5] = (__u8)(WEIR_STEER_BACK | port);
    return mac;
}

WEIR_INLINE int weir_steer_came_back(const struct weir_mac* mac) {
    return mac->byte[0] == 0x02 && mac->byte[1] == 0x77 && mac->byte[2] == 0x65 &&
           mac->byte[3] == 0x69 && mac->byte[4] == 0x72 && (mac->byte[5] & WEIR_STEER_BACK);
}

#endif
