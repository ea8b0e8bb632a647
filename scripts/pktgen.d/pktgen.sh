#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# On the generator, as root: Pktgen-DPDK 23.06.1 with both ports, running pktgen.lua. With "two-way" the
# second port belongs to reflector.sh instead, and replies are counted. Written by scripts/pktgen.
set -e
cd "$(dirname "$0")"
if [ "$1" = two-way ]; then
    export MEASURE=two-way
    exec pktgen -l 0-@CORES@ -a @CLIENT_PCI@ --file-prefix clients -- -P -m "[@FIRST_CORES@].0" -f pktgen.lua
fi
export MEASURE=one-way
exec pktgen -l 0-@LAST_CORE@ -a @CLIENT_PCI@ -a @BACKEND_PCI@ -- -P \
    -m "[@FIRST_CORES@].0,[@SECOND_CORES@].1" -f pktgen.lua
