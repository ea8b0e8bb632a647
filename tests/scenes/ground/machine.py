# SPDX-License-Identifier: Apache-2.0
"""What weir could leave behind, as plain values that two moments can be compared by: the kernel's state
in the balancer's namespace, and what is shared by the whole machine. Read only; sweep() alone removes,
and only what a weir that was killed by a scene has left under the names of its instance."""
import json
import re
import shutil
import subprocess
from pathlib import Path

INSTANCE = "weir"
PLACES = ["/sys/fs/bpf/weir*", "/dev/shm/weir*", "/run/weir/*", "/run/dpdk/*weir*", "/dev/hugepages/*weir*",
          "/dev/hugepages/rtemap*"]


def snapshot(namespace):
    """Everything that a clean exit must restore."""
    return {**kernel_state(namespace), **shared_state(), "processes": weir_processes(namespace)}


def kernel_state(namespace):
    links = json.loads(namespace.run("ip", "-j", "-d", "link", "show").stdout)
    names = sorted(link["ifname"] for link in links)
    return {
        "interfaces": names,
        "xdp": sorted(link["ifname"] for link in links if "xdp" in link),
        "flags": {link["ifname"]: sorted(link["flags"]) for link in links},
        "promiscuity": {link["ifname"]: link.get("promiscuity") for link in links},
        "addresses": without_link_local(lines(namespace, "ip", "-o", "address", "show")),
        "routes": without_link_local(lines(namespace, "ip", "route", "show", "table", "all")),
        "rules": lines(namespace, "ip", "rule", "show"),
        "qdiscs": lines(namespace, "tc", "qdisc", "show"),
        "features": {name: lines(namespace, "ethtool", "-k", name) for name in names if name != "lo"},
        "sysctls": [line for line in lines(namespace, "sysctl", "-a", "-e", "-r", r"^net\.ipv4\.(conf|ip_)")
                    if "ip_local_port_range" in line or ".conf." in line or "ip_forward" in line],
    }


def without_link_local(shown):
    """The kernel makes IPv6 link-local addresses in its own time, a second after an interface came up."""
    return [line for line in shown if "fe80:" not in line and "ff00::/8" not in line]


def shared_state():
    memory = Path("/proc/meminfo").read_text()
    return {
        "files": sorted(str(path) for place in PLACES for path in Path("/").glob(place[1:])),
        "programs": named_objects("prog"),
        "maps": named_objects("map"),
        "hugepages": re.findall(r"^(HugePages_(?:Total|Rsvd)):\s+(\d+)", memory, re.M),
        "hugepages used": used_hugepages(memory),
        "namespaces": sorted(path.name for path in Path("/run/netns").glob("*")),
    }


def used_hugepages(memory):
    count = dict(re.findall(r"^HugePages_(Total|Free):\s+(\d+)", memory, re.M))
    return int(count["Total"]) - int(count["Free"]) if count else 0


def named_objects(kind):
    """The kernel's BPF programs or maps whose name begins with weir."""
    shown = subprocess.run(["bpftool", "-j", kind, "show"], capture_output=True, text=True, check=False)
    rows = json.loads(shown.stdout) if shown.returncode == 0 and shown.stdout.strip() else []
    return sorted(row["name"] for row in rows if row.get("name", "").startswith("weir"))


def weir_processes(namespace):
    return sorted(namespace.pids("weir") + namespace.pids("weir-dataplane"))


def lines(namespace, *command):
    return sorted(line.strip() for line in namespace.run(*command, check=False).stdout.splitlines())


def difference(before, after):
    """Sentences; empty when nothing changed."""
    found = []
    for what in before:
        if before[what] != after[what]:
            found.append(f"{what}: was {before[what]}, is {after[what]}")
    return found


def sweep():
    """After a scene whose weir could not clean up (killed and not restarted)."""
    shutil.rmtree(f"/sys/fs/bpf/weir-{INSTANCE}", ignore_errors=True)
    for path in Path("/run/weir").glob(f"{INSTANCE}.*"):
        path.unlink()
    for path in Path("/dev/shm").glob(f"{INSTANCE}-*"):
        path.unlink()
