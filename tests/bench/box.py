# SPDX-License-Identifier: Apache-2.0
"""The whole box: a client, a balancer and three nginx backends in network namespaces of this machine, all on its
CPUs; nginx (stream), HAProxy (tcp), nftables' DNAT and weir on both engines one after the other, in turns, round
after round. Requests on connections that stay (wrk), and one connection a request. CPU is the whole machine's: client
and backends cost all of them the same."""
import os
import re
import signal
import statistics
import sys
from pathlib import Path

import peers

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scenes"))

from ground import backends, machine, topology  # noqa: E402

KINDS = ["nginx", "haproxy", "nftables", "dpdk", "xdp"]
UNITS = {"us": 1e-3, "ms": 1, "s": 1e3, "m": 6e4}
TICK = os.sysconf("SC_CLK_TCK")


def run(quick):
    place = topology.two_armed()
    try:
        place.client.run("sysctl", "-qw", "net.ipv4.ip_local_port_range=1024 65535", "net.ipv4.tcp_tw_reuse=1")
        # A connection that rests at a backend is of the balancer that was here before; it must not meet the next.
        for host in place.hosts:
            host.run("sysctl", "-qw", "net.ipv4.tcp_max_tw_buckets=1")
        servers = [backend.endpoint for backend in backends.start_all(place.backends(backends.Nginx))]
        absent, samples = peers.missing(), {}
        for _ in range(1 if quick else 3):
            for kind in KINDS:
                if kind not in absent:
                    samples.setdefault(kind, []).append(turn(kind, place, servers, "1" if quick else "2"))
        found = [record(kind, rounds) for kind, rounds in samples.items()]
        return found + [dict(empty_record(kind), note=reason) for kind, reason in absent.items()]
    finally:
        place.close()


def turn(kind, place, servers, seconds):
    balancer = peers.make(kind, place)
    try:
        balancer.start(peers.configuration(kind, servers))
        kept = wrk(place, seconds)
        fresh = wrk(place, seconds, "-H", "Connection: close")
        balancer.stop()
    finally:
        balancer.close()
        if kind in ("dpdk", "xdp") and balancer.running():
            balancer.kill()
            for pid in machine.weir_processes(place.balancer):
                os.kill(pid, signal.SIGKILL)
            machine.sweep()
    return {"requests_per_s": kept["rate"], "p50_ms": kept["p50"], "p99_ms": kept["p99"],
            "cpu_s_per_M_requests": kept["cpu"], "connections_per_s": fresh["rate"],
            "connection_p50_ms": fresh["p50"], "connection_p99_ms": fresh["p99"],
            "cpu_s_per_M_connections": fresh["cpu"], "errors": kept["errors"] + fresh["errors"]}


def wrk(place, seconds, *more):
    before = busy_seconds()
    output = place.client.run("wrk", "-t", "1", "-c", "16", "-d", seconds, "--latency", *more, place.url()).stdout
    spent = busy_seconds() - before
    requests = int(re.search(r"(\d+) requests in", output).group(1))
    if requests == 0:
        raise RuntimeError(f"no request was answered: {output}")
    errors = sum(int(count) for count in re.findall(r"(?:connect|read|write|timeout) (\d+)", output))
    errors += sum(int(count) for count in re.findall(r"Non-2xx or 3xx responses: (\d+)", output))
    return {"rate": float(re.search(r"Requests/sec:\s+([\d.]+)", output).group(1)), "errors": errors,
            "p50": milliseconds(output, "50%"), "p99": milliseconds(output, "99%"), "cpu": spent / requests * 1e6}


def milliseconds(output, quantile):
    value, unit = re.search(rf"^\s+{quantile}\s+([\d.]+)(us|ms|s|m)$", output, re.M).groups()
    return float(value) * UNITS[unit]


def busy_seconds():
    """Of all CPUs of the machine: user, nice, system, irq, softirq."""
    fields = [int(value) for value in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
    return (fields[0] + fields[1] + fields[2] + fields[5] + fields[6]) / TICK


def empty_record(kind):
    return {"case": kind, "engine": "box", "mode": "nat", "family": "ipv4", "flows": 16, "cycles_per_packet": None,
            "ceiling_cycles": None, "ns_per_packet": None, "instructions_per_packet": None, "bytes_per_flow": None,
            "mpps": None}


def record(kind, rounds):
    medians = {key: statistics.median(one[key] for one in rounds) for key in rounds[0]}
    return dict(empty_record(kind), **medians, requests_per_s_max=max(one["requests_per_s"] for one in rounds),
                connections_per_s_max=max(one["connections_per_s"] for one in rounds), rounds=len(rounds))
