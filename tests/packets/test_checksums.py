# SPDX-License-Identifier: Apache-2.0
"""What leaves weir has right checksums, whatever the row says: judged by scapy (tests/wire/checksums.py). And what came
in damaged leaves damaged: weir updates checksums, and never makes a wrong one right."""

import json
import pathlib
import subprocess
import sys

import pytest

import lab
from conftest import built

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "wire"))

from checksums import Reassembly, check_frame  # noqa: E402

ANSWERS = {"reset_sent", "too_big_sent", "time_exceeded_sent"}  # weir's own packets
# A row in which a packet with a wrong checksum is sent on says so by its name; here are the others: what has no
# checksum where it should.
WITHOUT = {"icmp6_quoted_udp_without_checksum", "tunnel_gue_checksum_is_zero_where_nothing_vouches_for_the_packet"}


def transport(names):
    return [name for name in names if name != "ip"]


@pytest.mark.parametrize("engine", lab.ENGINES)
def test_of_what_leaves(engine, results):
    seen, damaged_rows = {}, set()
    for row in lab.ROWS:
        if engine not in row.engines:
            continue
        came, left = Reassembly(), Reassembly()
        for number, (step, got) in enumerate(zip(row.steps, results(engine)[row.name]["steps"])):
            if not got:
                continue
            before = check_frame(bytes.fromhex(step["packet"]))
            came.add(bytes.fromhex(step["packet"]), before)
            if not got["out"]:
                continue
            after = check_frame(bytes.fromhex(got["out"]["hex"]))
            left.add(bytes.fromhex(got["out"]["hex"]), after)
            where = f"step {number} of {row.name} on {engine}: {got['out']['hex']}"
            if not before.wrong or set(got["reasons"]) & ANSWERS:
                assert not after.wrong, where
            else:
                damaged_rows.add(row.name)
                assert transport(before.wrong) and transport(after.wrong), where
            for name in after.right:
                seen[name] = seen.get(name, 0) + 1
    assert damaged_rows >= WITHOUT | {"tcp_damage_stays_visible", "icmp_damage_stays_visible"}
    assert all("damage" in name for name in damaged_rows - WITHOUT), damaged_rows
    least = {"ip": 1500, "tcp": 1000, "udp": 200, "icmp": 200, "quoted ip": 200, "quoted tcp": 100, "quoted udp": 20,
             "inner ip": 150, "inner tcp": 100, "inner udp": 50, "reassembled tcp": 3, "reassembled udp": 10}
    assert all(seen.get(name, 0) >= count for name, count in least.items()), seen


def damaged(frame):
    """The frame with a bit of its last transport checksum turned over, or None where it has none to be judged."""
    checked = check_frame(frame)
    if checked.wrong or not transport(checked.right):
        return None
    for at in range(len(frame) - 1, 14, -1):
        spoilt = bytearray(frame)
        spoilt[at] ^= 0x10
        wrong = check_frame(bytes(spoilt)).wrong
        if transport(wrong) and "ip" not in wrong:
            return bytes(spoilt)
    return None


def test_damage_stays_visible(tmp_path):
    """Each row once more, every packet with a bit turned over that only its transport checksum tells of."""
    rows = []
    for row in lab.ROWS:
        one = row.as_json()
        for step in one["steps"]:
            spoilt = damaged(bytes.fromhex(step["packet"])) if "packet" in step and len(step["packet"]) < 3000 else None
            if spoilt:
                step |= {"packet": spoilt.hex(), "damaged": True}
        rows.append(one)
    file = tmp_path / "damaged.json"
    file.write_text(json.dumps(rows))
    command = [built("harness/weir-rows"), "--engine", "host", file]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    count = 0
    for one, result in zip(rows, json.loads(done.stdout)):
        for number, (step, got) in enumerate(zip(one["steps"], result["steps"])):
            if not step.get("damaged") or not got["out"] or set(got["reasons"]) & ANSWERS:
                continue
            count += 1
            assert check_frame(bytes.fromhex(got["out"]["hex"])).wrong, (
                f"step {number} of {one['name']} hides damage: {step['packet']} became {got['out']['hex']}"
            )
    assert count > 1000, count
