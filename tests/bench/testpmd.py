# SPDX-License-Identifier: Apache-2.0
"""The peer that everybody has: DPDK's testpmd swapping MACs on a net_pcap port, packets per second of its worker's
CPU time, so that other work on the machine does not count against it."""
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

PROGRAM = shutil.which("dpdk-testpmd") or "/usr/bin/dpdk-testpmd"


def macswap(capture, seconds):
    cpus = sorted(os.sched_getaffinity(0))
    packets = Path(capture).stat().st_size // 76  # 16 of pcap and 60 of frame
    words = [PROGRAM, "--no-huge", "-m", "512", "--no-pci", "--no-telemetry", "--no-shconf", "--log-level=error",
             "--vdev", f"net_pcap0,rx_pcap={capture},infinite_rx=1",
             "--lcores", f"0@{cpus[0]},1@{cpus[-1]}", "--",
             "--forward-mode=macswap", "--no-lsc-interrupt", f"--total-num-mbufs={packets + 8192}",
             "--stats-period=1"]
    child = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        deadline = time.monotonic() + seconds + 20
        while busy_seconds(child.pid) < seconds and child.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        spent = busy_seconds(child.pid)
    finally:
        child.send_signal(signal.SIGINT)
        output, _ = child.communicate(timeout=20)
    totals = re.findall(r"RX-packets:\s*(\d+)", output)
    if not totals or spent == 0:
        raise RuntimeError(f"testpmd did not forward: {output[-500:]}")
    return int(totals[-1]) / spent


def busy_seconds(pid):
    """CPU time of its forwarding thread."""
    for task in Path(f"/proc/{pid}/task").glob("*"):
        try:
            name, fields = (task / "stat").read_text().rsplit(")", 1)
        except OSError:
            continue
        if "worker" in name:
            user, system = fields.split()[11:13]
            return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
    return 0
