# SPDX-License-Identifier: Apache-2.0
"""Runs all rows once on each engine (weir-rows) and hands the results to test_packets.py."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import lab  # noqa: E402
from print_rows import rows_json  # noqa: E402


def built(path):
    """A program of the tests, as meson has built it."""
    build = pathlib.Path(os.environ.get("WEIR_BUILD", HERE.parent.parent / "build"))
    return build / "tests" / path


@pytest.fixture(scope="session")
def results(tmp_path_factory):
    """results(engine) -> {row name: what the engine did}; each engine runs once, in one process."""
    cache = {}

    def of(engine):
        if engine not in cache:
            if engine == "xdp" and os.geteuid() != 0:
                pytest.skip("loading an XDP program needs root")
            file = tmp_path_factory.mktemp("rows") / f"{engine}.json"
            file.write_text(rows_json(engine))
            command = [built("harness/weir-rows"), "--engine", engine, file]
            done = subprocess.run(command, capture_output=True, text=True, timeout=120)
            cache[engine] = done
        done = cache[engine]
        assert done.returncode == 0, done.stderr
        return {result["name"]: result for result in json.loads(done.stdout)}

    return of


def pytest_generate_tests(metafunc):
    if {"row", "engine"} <= set(metafunc.fixturenames):
        cases = [(row, engine) for engine in lab.ENGINES for row in lab.ROWS if engine in row.engines]
        metafunc.parametrize("row,engine", cases, ids=[f"{row.name}-{engine}" for row, engine in cases])
