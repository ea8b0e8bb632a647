# SPDX-License-Identifier: Apache-2.0
"""What weir takes before the first packet: how long until it serves after its start, and the memory that it holds, maps
and huge pages included, at its default of `flows` and at others. Measured in a scene's namespaces, from outside."""
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import box

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scenes"))

from ground import backends, balancer, machine, topology  # noqa: E402

DEFAULT = None
FLOWS = [DEFAULT, 65536, 1048576]


def run(quick):
    place = topology.two_armed()
    try:
        servers = [backend.endpoint for backend in backends.start_all(place.backends(backends.Nginx))]
        records = []
        for engine in balancer.ENGINES:
            for flows in FLOWS[:1] if quick else FLOWS:
                records.append(measure(place, servers, engine, flows))
        return records
    finally:
        place.close()


def measure(place, servers, engine, flows):
    options = f"flows {flows};" if flows else ""
    weir = balancer.WeirBalancer(place, engine, options)
    time.sleep(1)  # the kernel frees what the one before had in its own time
    maps, files, huge = map_bytes(), file_bytes(), machine.used_hugepages(Path("/proc/meminfo").read_text())
    began = time.monotonic()
    try:
        weir.configuration = weir.prepare(balancer.stream_conf(servers))
        weir.launch()
        while weir.weirctl("show", "services").returncode != 0:
            if not weir.running() or time.monotonic() - began > 15:
                raise RuntimeError(f"weir on {engine} does not start: {weir.log()}")
        control = time.monotonic() - began
        while place.client.run("curl", "-s", "-m", "0.2", place.url(), check=False).returncode != 0:
            if time.monotonic() - began > 15:
                raise RuntimeError(f"weir on {engine} does not serve: {weir.log()}")
        served = time.monotonic() - began
        now = machine.used_hugepages(Path("/proc/meminfo").read_text())
        parts = {"processes_MB": process_bytes(place) / 1e6, "maps_MB": (map_bytes() - maps) / 1e6,
                 "files_MB": (file_bytes() - files) / 1e6, "huge_MB": (now - huge) * huge_page_bytes() / 1e6}
        weir.stop()
    finally:
        weir.close()
    name = f"{engine}, default" if flows is DEFAULT else f"{engine}, flows {flows}"
    return dict(box.empty_record(name), engine="footprint", flows=flows or 262144, answers_s=control,
                serves_s=served, memory_MB=sum(parts.values()), **parts)


def process_bytes(place):
    """What weir's processes have for themselves; maps, files in /dev/shm and huge pages are counted apart."""
    total = 0
    for pid in machine.weir_processes(place.balancer):
        shared = False
        for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
            if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
                shared = "bpf-map" in line or "/dev/shm/" in line
            elif line.startswith("Pss:") and not shared:
                total += 1024 * int(line.split()[1])
    return total


def map_bytes():
    shown = subprocess.run(["bpftool", "-j", "map", "show"], capture_output=True, text=True, check=True).stdout
    return sum(int(row.get("bytes_memlock", 0)) for row in json.loads(shown))


def file_bytes():
    return sum(os.stat(path).st_blocks * 512 for path in Path("/dev/shm").glob("weir*"))


def huge_page_bytes():
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("Hugepagesize:"):
            return int(line.split()[1]) * 1024
    return 0
