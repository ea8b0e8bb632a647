# SPDX-License-Identifier: Apache-2.0
"""The packet fuzzer for a moment: the host build, under sanitizers, against each engine. See tests/fuzz/."""

import os
import shutil
import subprocess

import pytest

from conftest import built
from print_rows import rows_json

SEED = os.environ.get("WEIR_FUZZ_SEED", "1")
LIMITS = {"xdp": ["--cases", "30000", "--seconds", "15"], "dpdk": ["--cases", "3000", "--seconds", "4"]}


@pytest.mark.parametrize("engine", LIMITS)
def test_engines_agree(engine, tmp_path):
    if engine == "xdp" and os.geteuid() != 0:
        pytest.skip("loading an XDP program needs root")
    rows = tmp_path / "rows.json"
    rows.write_text(rows_json())
    finding = built("fuzz") / f"finding-{engine}.json"
    finding.unlink(missing_ok=True)
    command = [built("fuzz/weir-fuzz"), "--engine", engine, "--seed", SEED, *LIMITS[engine], "--save", finding, rows]
    done = subprocess.run(command, capture_output=True, text=True, timeout=150)
    assert done.returncode == 0, (
        f"{done.stdout}\n{done.stderr}\nrun again: {built('fuzz/weir-fuzz')} --engine {engine} --replay {finding}"
    )
    assert "agree" in done.stdout and not finding.exists()
    whole = subprocess.run([*command[:3], "--replay", rows], capture_output=True, text=True, timeout=60)
    assert whole.returncode == 0 and "no difference" in whole.stdout, whole.stdout + whole.stderr


def test_workers_agree(tmp_path):
    """Two workers come to the same as the host build alone, where no source port is chosen: whichever of them a
    packet reaches, it is handed over to the one that has its flow."""
    rows, finding = tmp_path / "rows.json", built("fuzz") / "finding-workers.json"
    rows.write_text(rows_json())
    finding.unlink(missing_ok=True)
    command = [built("fuzz/weir-fuzz"), "--engine", "dpdk", "--workers", "2"]
    limits = ["--seed", SEED, "--cases", "3000", "--seconds", "4"]
    done = subprocess.run([*command, *limits, "--save", finding, rows], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, (
        f"{done.stdout}\n{done.stderr}\nrun again: {' '.join(map(str, command))} --replay {finding}"
    )
    assert "agree" in done.stdout and not finding.exists()


def test_coverage_guides_the_same_cases(tmp_path):
    """libFuzzer's target, for a moment."""
    if not shutil.which("clang++"):
        pytest.skip("libFuzzer comes with clang++, which is not here")
    if os.geteuid() != 0:
        pytest.skip("loading an XDP program needs root")
    rows, finding = tmp_path / "rows.json", built("fuzz") / "finding-coverage.json"
    rows.write_text(rows_json())
    finding.unlink(missing_ok=True)
    done = subprocess.run(
        [built("fuzz/packet_fuzz"), "-runs=2000", f"-seed={SEED}", "-max_len=512", f"-artifact_prefix={tmp_path}/"],
        env=os.environ | {"WEIR_FUZZ_ROWS": str(rows), "WEIR_FUZZ_SAVE": str(finding)},
        capture_output=True, text=True, timeout=120, cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert "Done 2000 runs" in done.stderr and not finding.exists()
