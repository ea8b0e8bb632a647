#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# On the balancer, as root, in weir's place: testpmd only changes MACs, with as many cores. What it carries
# is the ceiling of these NICs, cores and frames; give weir's figure as a part of it. Written by scripts/pktgen.
exec dpdk-testpmd -l 0-@WORKERS@ @BALANCER_PORTS@ -- \
    --forward-mode=mac --eth-peer=0,@CLIENT_MAC@ --eth-peer=1,@BACKEND_MAC@ \
    --nb-cores=@WORKERS@ --rxq=@WORKERS@ --txq=@WORKERS@ --rss-udp --auto-start --stats-period=10
