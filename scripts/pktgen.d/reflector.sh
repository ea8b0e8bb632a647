#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# On the generator, as root, for two-way measurements: every backend at once. testpmd swaps the addresses
# and ports of each packet, which is a backend's answer. Written by scripts/pktgen.
exec dpdk-testpmd -l 0,@SECOND_CORES@ -a @BACKEND_PCI@ --file-prefix backends -- \
    --forward-mode=5tswap --nb-cores=@CORES@ --rxq=@CORES@ --txq=@CORES@ --rss-udp --auto-start --stats-period=10
