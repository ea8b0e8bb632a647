# SPDX-License-Identifier: Apache-2.0
"""The benchmark runs: every case is there, its numbers are numbers. Nothing here is timed; the quick mode measures
each case for a moment only. Run by scripts/test, as root."""
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FIELDS = ["case", "engine", "mode", "family", "flows", "cycles_per_packet", "ceiling_cycles", "ns_per_packet",
          "instructions_per_packet", "bytes_per_flow", "mpps"]
CASES = {
    "dpdk": {"hit", "budget", "not_service", "syn_flood", "new_flow", "connection"},
    "dpdk-pcap": {"hit", "not_service"},
    "instructions": {"hit", "not_service", "new_flow", "syn_flood", "half_open"},
    "flow table": {"weir_lookup", "rte_hash_lookup", "weir_insert", "rte_hash_insert", "weir_refusals"},
    "control": {"maglev_65537", "maglev_655373", "one_backend_changes"},
    "xdp": {"hit", "end_to_end", "not_service", "new_flow"},
    "box": {"nginx", "haproxy", "nftables", "dpdk", "xdp"},
    "footprint": {"dpdk, default", "xdp, default"},
}
# What a case is about: never missing.
ESSENTIAL = {"dpdk": ["cycles_per_packet", "bytes_per_flow"], "dpdk-pcap": ["mpps", "ceiling_cycles", "testpmd_mpps"],
             "instructions": ["instructions_per_packet"], "xdp": ["ns_per_packet"],
             "box": ["requests_per_s", "connections_per_s", "p50_ms", "p99_ms"],
             "footprint": ["serves_s", "memory_MB"]}


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    if os.geteuid() != 0:
        pytest.skip("the benchmark takes huge pages and makes network namespaces: run as root")
    out = tmp_path_factory.mktemp("bench") / "out.json"
    result = subprocess.run([sys.executable, "-B", HERE / "run.py", "--quick", "--json", out],
                            capture_output=True, text=True, timeout=900, check=False)
    assert result.returncode == 0, result.stderr
    return json.loads(out.read_text())


@pytest.mark.parametrize("engine", CASES)
def test_every_case_is_there(records, engine):
    assert {record["case"] for record in records if record["engine"] == engine} == CASES[engine]


def test_records_have_all_fields(records):
    for record in records:
        assert all(field in record for field in FIELDS), record


def test_numbers_are_numbers(records):
    for record in records:
        for key, value in record.items():
            assert value is None or isinstance(value, str) or math.isfinite(value), (record["case"], key)
        for key in ESSENTIAL.get(record["engine"], []):
            assert record[key] is not None and record[key] > 0, (record["case"], key, record)


def test_tables_are_written_between_the_marks(tmp_path):
    sys.path.insert(0, str(HERE))
    import report
    record = dict.fromkeys(FIELDS) | {"case": "hit", "engine": "dpdk", "flows": 1000, "mpps": 12.5, "note": "so"}
    page = tmp_path / "page.md"
    page.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    report.into_page(page, [record])
    text = page.read_text()
    assert text.startswith("before\n") and text.endswith("\nafter\n")
    assert "old" not in text and "| hit | 1,000 | 12.5 | so |" in text
    with pytest.raises(RuntimeError):
        page.write_text("no marks")
        report.into_page(page, [record])
