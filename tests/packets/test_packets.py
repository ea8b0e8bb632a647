# SPDX-License-Identifier: Apache-2.0
"""Each row on each engine: every packet's reason, and every frame byte for byte."""

import pathlib
import re

from scapy.layers.l2 import Ether

import lab

# Reasons that need more than one packet and one worker, or an odd buffer: see tests/dataplane.
ENGINES_OWN = {"from_host", "handoff_full", "tx_full", "no_room"}


def describe(frame):
    if frame is None:
        return "nothing"
    return f"port {frame['port']}: {Ether(bytes.fromhex(frame['hex'])).summary()}\n    {frame['hex']}"


def test_row(row, engine, results, record_property):
    result = results(engine)[row.name]
    assert "error" not in result, result.get("error")
    assert len(result["steps"]) == len(row.steps)
    for number, (expected, got) in enumerate(zip(row.expected, result["steps"])):
        if expected is None:
            continue
        where = f"step {number} of {row.name} on {engine}"
        assert got["reasons"] == expected["reasons"], where
        for way in ("out", "host"):
            assert got[way] == expected[way], (
                f"{where}, {way}:\n  expected {describe(expected[way])}\n  got      {describe(got[way])}"
            )
    if row.proves:
        record_property("proves", f"{row.proves} {engine}")


def test_every_reason_has_a_row():
    root = pathlib.Path(__file__).resolve().parents[2]
    source = (root / "bpf/shared/reasons.h").read_text()
    names = set(re.findall(r'^ *X\(\w+, \w+, "(\w+)"', source, re.M))
    seen = {reason for row in lab.ROWS for step in row.expected if step for reason in step["reasons"]}
    assert len(names) > 20
    assert names - ENGINES_OWN == seen


def test_names_are_unique():
    names = [row.name for row in lab.ROWS]
    assert len(names) == len(set(names)) and len(names) >= 60
