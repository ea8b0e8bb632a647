#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# On the balancer, as root, before a measurement: weir with the measured twin of the configuration, and
# the generator's MAC for every backend. Stop it with weir -s stop. Written by scripts/pktgen.
set -e
cd "$(dirname "$0")"
weir -t -p "$PWD" -c measure.conf
weir -p "$PWD" -c measure.conf

neighbour() { # ADDRESS MAC; only now: the interface may be a TAP of weir's
    device=$(ip -o route get "$1" | sed -n 's/.* dev \([^ ]*\).*/\1/p')
    if [ "$device" = lo ] || [ -z "$device" ]; then
        echo "$1 is this host, or has no route: what goes there is not measured" >&2
    else
        ip neighbour replace "$1" lladdr "$2" nud permanent dev "$device"
    fi
}
@NEIGHBOURS@
weirctl show ports
weirctl show workers
