# SPDX-License-Identifier: Apache-2.0
"""scripts/pktgen on every shipped configuration: what it writes is complete, its configuration passes
`weir -t`, and its programs are well-formed. Needs a build ($WEIR_BUILD, default build)."""
import ast
import json
import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WEIR = Path(os.environ.get("WEIR_BUILD", ROOT / "build")) / "control" / "weir"
EXAMPLES = sorted((ROOT / "config" / "examples").glob("*.conf"))
SIZES = [64, 128, 256, 512, 1024, 1280, 1518]


def run(*command):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=30, check=False)


def pktgen(configuration, output, *options):
    return run(ROOT / "scripts" / "pktgen", "--weir", WEIR, "-c", configuration, "-o", output, *options)


def meaning(configuration):
    result = run(WEIR, "-J", "-c", configuration)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@pytest.fixture(params=EXAMPLES, ids=lambda file: file.name)
def written(request, tmp_path):
    output = tmp_path / "out"
    result = pktgen(request.param, output, "--address", "192.0.2.80", "--weir-mac", "02:00:00:00:00:99")
    assert result.returncode == 0, result.stderr
    return request.param, output


def test_nothing_is_left_to_fill_in(written):
    _, output = written
    names = {file.name for file in output.iterdir()}
    assert names == {"measure.conf", "balancer.sh", "pktgen.sh", "pktgen.lua", "reflector.sh", "ceiling.sh", "trex.py"}
    for file in output.iterdir():
        text = file.read_text()
        assert not re.search(r"@[A-Z_]+@", text), file.name
        assert os.access(file, os.X_OK) == text.startswith("#!"), file.name


def test_the_twin_has_every_service_and_backend(written):
    configuration, output = written
    result = run(WEIR, "-t", "-p", output, "-c", output / "measure.conf")
    assert result.returncode == 0, result.stderr
    original, twin = meaning(configuration), meaning(output / "measure.conf")
    wanted = {(one["address"] or "192.0.2.80", one["port"]) for one in original["services"] if one["family"] == "ipv4"}
    assert {(one["address"], one["port"]) for one in twin["services"]} == wanted
    assert {one["protocol"] for one in twin["services"]} == {"udp"}

    def backends(told):
        used = {one["upstream"] for one in told["services"]}
        return {(one["address"], one["port"]) for upstream in told["upstreams"] if upstream["name"] in used
                for one in upstream["backends"] if not one["down"]}
    assert backends(twin) == backends(original)
    assert twin["dataplane"] == {**original["dataplane"], "busy_poll": "on"}
    neighbours = (output / "balancer.sh").read_text()
    for address, _ in backends(original):
        assert f"neighbour {address} 02:00:00:00:00:02\n" in neighbours


def test_pktgen_visits_every_size_and_service(written):
    configuration, output = written
    lua = (output / "pktgen.lua").read_text()
    assert [int(size) for size in re.search(r"sizes = \{ (.*) \}", lua)[1].split(", ")] == SIZES
    found = set(re.findall(r'address = "([^"]+)", port = (\d+)', lua))
    assert found == {(one["address"] or "192.0.2.80", str(one["port"])) for one in meaning(configuration)["services"]
                     if one["family"] == "ipv4"}
    assert '"02:00:00:00:00:99"' in lua
    assert lua.count("(") == lua.count(")")
    code = re.sub(r"--.*", "", lua)
    assert len(re.findall(r"\b(?:function|then|do)\b", code)) == len(re.findall(r"\bend\b", code))
    assert len(re.findall(r"\brepeat\b", code)) == len(re.findall(r"\buntil\b", code))


def test_programs_are_well_formed(written):
    _, output = written
    ast.parse((output / "trex.py").read_text())
    for script in output.glob("*.sh"):
        assert run("sh", "-n", script).returncode == 0, script.name
    numbers = re.search(r"SIZES = \[(.*)\]", (output / "trex.py").read_text())[1]
    assert [int(size) for size in numbers.split(", ")] == SIZES


def test_every_flow_is_visited(tmp_path):
    """Pktgen steps through addresses and ports at once: their numbers must share no factor."""
    assert pktgen(ROOT / "config/examples/stream-udp.conf", tmp_path, "--address", "192.0.2.53",
                  "--flows", "1000000").returncode == 0
    lua = (tmp_path / "pktgen.lua").read_text()
    first, last = re.search(r'"src_ip", "198\.18\.0\.(\d+)", "198\.18\.0\.(\d+)"', lua).groups()
    low, high = re.search(r'"src_port", (\d+), (\d+)', lua).groups()
    addresses, ports = int(last) - int(first) + 1, int(high) - int(low) + 1
    assert addresses * ports >= 1_000_000
    assert addresses % 2 == 1 and ports & (ports - 1) == 0


@pytest.mark.parametrize("arguments, sentence", [
    (["-c", "/nonexistent.conf"], "open() \"/nonexistent.conf\" failed"),
    (["-c", str(ROOT / "config/examples/stream-udp.conf")], "*:53/udp has no address; say with --address"),
    (["-c", str(ROOT / "config/examples/stream-udp.conf"), "--flows", "0"], "0 flows do not fit into 198.18.0.0/16"),
    (["-c", str(ROOT / "config/examples/stream-udp.conf"), "--weir", "/nonexistent/weir"],
     "/nonexistent/weir: No such file or directory; name it with --weir"),
])
def test_says_what_is_wrong(arguments, sentence, tmp_path):
    result = run(ROOT / "scripts" / "pktgen", "--weir", WEIR, "-o", tmp_path, *arguments)
    assert result.returncode != 0
    assert sentence in result.stderr, result.stderr
