# SPDX-License-Identifier: Apache-2.0
"""What scripts/bench runs, in order: a name, and a function from the context of run.py to records."""
import json
import re
import tempfile

import box as whole_box
import callgrind
import footprint as memory_and_start
import testpmd


def worker(context):
    return context.program("bench-worker")


def pcap(context):
    """weir on a net_pcap port, then testpmd's macswap on the same files."""
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as folder:
        records = context.program("bench-pcap", "--file", folder)
        for record in records:
            capture = record.pop("note")
            peer = testpmd.macswap(capture, 0.5 if context.quick else 2)
            record["testpmd_mpps"] = peer / 1e6
            record["of_testpmd"] = record["mpps"] / record["testpmd_mpps"]
    return records


TRACED = ["nat/ipv4/hit", "nat/ipv4/not_service", "nat/ipv4/new_flow", "nat/ipv4/syn_flood", "nat/ipv4/half_open",
          "dsr/ipv4/hit", "dsr/ipv4/new_flow", "dsr-stateless/ipv4/hit", "nat/ipv6/hit", "dsr/ipv6/hit",
          "dsr-stateless/ipv6/hit"]


def instructions(context):
    """Callgrind's count of instructions on a fixed trace, in all and by stage."""
    records = []
    for case in TRACED:
        words = [context.build / "tests" / "bench" / "bench-trace", "--only", case, "--memory", "1024"]
        printed, total, called = callgrind.count(words, "weir::bench::measured(*")
        record = json.loads(printed)
        packets = record.pop("packets")
        record["instructions_per_packet"] = total / packets
        for name, cost in called.items():
            if stage := re.match(r"weir::stage::(\w+)\(", name):
                record[f"in_{stage.group(1)}"] = cost / packets
        records.append(record)
    return records


def flow_table(context):
    """Google Benchmark's records in our form."""
    records = []
    for row in json.loads(context.output("bench-flow-table"))["benchmarks"]:
        name = row["name"].split("/")[0]
        record = {"case": name, "engine": "flow table", "mode": "table", "family": "ipv4",
                  "flows": int(row["flows"]), "cycles_per_packet": None, "ceiling_cycles": None,
                  "ns_per_packet": None, "instructions_per_packet": None, "bytes_per_flow": None, "mpps": None}
        if "error_message" in row:
            record["note"] = row["error_message"]
        elif "refused_share" in row:
            record["ns_per_packet"] = 1e9 / row["items_per_second"]
            record.update({key: row[key] for key in ("inserts", "refused", "refused_share")})
        else:
            record["ns_per_packet"] = 1e9 / row["items_per_second"]
            record["mpps"] = row["items_per_second"] / 1e6
            record.update({key: row[key] for key in ("found", "refused") if key in row})
        records.append(record)
    return records


def control(context):
    return context.program("bench-publish")


def xdp(context):
    return context.program("bench-xdp")


def box(context):
    return whole_box.run(context.quick)


def footprint(context):
    return memory_and_start.run(context.quick)


ALL = [
    ("worker", worker),
    ("pcap", pcap),
    ("instructions", instructions),
    ("flow-table", flow_table),
    ("control", control),
    ("xdp", xdp),
    ("box", box),
    ("footprint", footprint),
]
