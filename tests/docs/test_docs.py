# SPDX-License-Identifier: Apache-2.0
"""What the documentation shows must work: every nginx block passes `weir -t`, every weirctl line is understood,
every link leads somewhere, every reason and message named exists. Needs a build ($WEIR_BUILD, default build)."""
import json
import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Dot1Q, Ether
from scapy.utils import wrpcap

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("WEIR_BUILD", ROOT / "build"))
WEIR = BUILD / "control" / "weir"
WEIRCTL = BUILD / "control" / "weirctl"
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
MANUALS = sorted((ROOT / "config" / "man").glob("*.[0-9]"))
TEXT = {page: page.read_text() for page in PAGES}
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
NOWHERE = ["-s", "/nonexistent/weir.sock"]


def blocks(language):
    for page in PAGES:
        for number, (kind, body) in enumerate(FENCE.findall(TEXT[page])):
            if kind == language:
                yield pytest.param(body, id=f"{page.name}-{number}")


def shell_lines(program):
    for page in PAGES:
        for kind, body in FENCE.findall(TEXT[page]):
            if kind != "sh":
                continue
            for line in body.splitlines():
                words = shlex.split(line, comments=True)
                if words and Path(words[0]).name == program:
                    yield pytest.param(words[1:], id=f"{page.name}-{line.split('#')[0].strip()}")


def run(*command):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=30)


def reasons():
    return {row["reason"] for row in json.loads(run(WEIRCTL, "-o", "json", "reasons").stdout)["reasons"]}


@pytest.mark.parametrize("body", blocks("nginx"))
def test_configuration_passes(body, tmp_path):
    file = tmp_path / "weir.conf"
    file.write_text(body)
    result = run(WEIR, "-t", "-p", tmp_path, "-c", file)
    assert result.returncode == 0, result.stderr
    assert "[warn]" not in result.stderr


@pytest.mark.parametrize("file", sorted((ROOT / "config" / "examples").glob("*.conf")), ids=lambda file: file.name)
def test_example_passes(file, tmp_path):
    result = run(WEIR, "-t", "-p", tmp_path, "-c", file)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("words", shell_lines("weir"))
def test_weir_line_is_understood(words, tmp_path):
    """With -t in front, and a configuration that exists, weir must accept the same options."""
    file = tmp_path / "weir.conf"
    file.write_text("stream { server { listen 80; proxy_pass 192.0.2.1:80; } }\n")
    words = [str(file) if word.endswith(".conf") else word for word in words]
    if "-c" not in words:
        words += ["-c", str(file)]
    result = run(WEIR, "-t", "-p", tmp_path, *words)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("words", shell_lines("weirctl"))
def test_weirctl_line_is_understood(words, tmp_path):
    """Against no balancer; a replay has the files that its line names."""
    if "xdp" in words and os.geteuid() != 0:
        pytest.skip("loading an XDP program needs root")
    files = {"/etc/weir/weir.conf": tmp_path / "weir.conf", "in.pcap": tmp_path / "in.pcap",
             "tagged.pcap": tmp_path / "tagged.pcap", "out.pcapng": tmp_path / "out.pcapng"}
    files["/etc/weir/weir.conf"].write_text("stream { server { listen 80; proxy_pass 192.0.2.11:80; } }\n")
    link = Ether(src="52:54:00:00:00:02", dst="52:54:00:00:00:10")
    syn = IP(src="192.0.2.7", dst="192.0.2.10") / TCP(sport=40000, dport=80, flags="S")
    wrpcap(str(files["in.pcap"]), link / syn)
    wrpcap(str(files["tagged.pcap"]), link / Dot1Q(vlan=10) / syn)
    result = run(WEIRCTL, *NOWHERE, *(files.get(word, word) for word in words))
    assert result.returncode == (3 if {"show", "explain"} & set(words) else 0), result.stderr
    if "replay" in words:
        assert "flow_new" in result.stdout and files["out.pcapng"].exists() == ("-w" in words)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", TEXT[page]):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_named_files_exist(page):
    for built, name in re.findall(r"\b(build/)?((?:bpf|config|control|dataplane|docs|scripts|tests)/[\w./-]*\w)", TEXT[page]):
        assert ((BUILD if built else ROOT) / name).exists(), f"{page.name} names {built}{name}"


def test_reasons_of_the_table_exist():
    section = TEXT[ROOT / "docs" / "operations.md"].split("## It does not forward")[1].split("\n## ")[0]
    cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("|")]
    named = {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}
    assert len(named) > 10
    assert named <= reasons()


def test_messages_of_the_table_exist():
    section = TEXT[ROOT / "docs" / "operations.md"].split("## Messages at start")[1]
    cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    sources = "".join(file.read_text() for file in (ROOT / "control").rglob("*.cc"))
    sources = re.sub(r'"\s*\n\s*"', "", sources).replace('\\"', '"')
    assert cells
    for cell in cells:
        for part in cell.strip(" `").split("..."):
            assert part.strip(' "') in sources, part


@pytest.mark.parametrize("page", MANUALS, ids=lambda page: page.name)
def test_manual_formats_without_complaint(page):
    result = run("man", "--warnings", "-l", page)
    assert result.returncode == 0 and not result.stderr, result.stderr


def test_manual_and_help_agree():
    text = run(WEIRCTL, "--help").stdout
    manual = (ROOT / "config" / "man" / "weirctl.8").read_text()
    for option in re.findall(r"--([a-z]+)", text):
        assert re.search(rf"-{option}\b", manual), option
