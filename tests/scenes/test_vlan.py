# SPDX-License-Identifier: Apache-2.0
"""VLANs as ports: a balancer on a stick, its clients in one VLAN and its backends in another one, inside a second tag.
weir reads and writes the tags itself; neither end knows of any."""
import collections
import json
import subprocess

import pytest
from ground import backends, balancer, expect, paths
from ground.capture import Tcpdump
from scapy.layers.inet import TCP
from scapy.layers.l2 import Dot1AD, Dot1Q
from scapy.utils import rdpcap

ECHO = 5300


@pytest.fixture(scope="module")
def place(tagged):
    tagged.servers = backends.start_all(tagged.backends(backends.Nginx))
    tagged.servers6 = [tagged.backend6(backends.Nginx, number) for number in (1, 2, 3)]
    tagged.echoes = backends.start_all(tagged.backends(backends.UdpEcho, ECHO))
    return tagged


def conf(place):
    def servers(all_of_them):
        return "".join(f"server {server.endpoint}; " for server in all_of_them)

    return f"""stream {{
    upstream four {{ {servers(place.servers)} }}
    upstream six {{ {servers(place.servers6)} }}
    upstream echo {{ {servers(place.echoes)} }}
    server {{ listen 80; proxy_pass four; }}
    server {{ listen [::]:80; proxy_pass six; }}
    server {{ listen {ECHO} udp; listen [::]:{ECHO} udp; proxy_pass echo; }}
}}
"""


def tags(file, port):
    """The tags of each TCP packet to or from a port."""
    found = set()
    for packet in rdpcap(str(file)):
        if TCP in packet and port in (packet[TCP].sport, packet[TCP].dport):
            outer = packet[Dot1AD].vlan if Dot1AD in packet else None
            found.add((outer, packet[Dot1Q].vlan if Dot1Q in packet else None))
    return found


def replays_alike(file, place, configuration):
    """What each engine makes of the trunk's capture: every connection, in and out by the right VLAN."""
    ports = " ".join(f"port {port};" for port in place.ports)
    configuration.write_text(f"dataplane {{ {ports} }}\n{conf(place)}")

    def replay(engine):
        done = subprocess.run([paths.WEIRCTL, "-o", "json", "replay", "-c", configuration, "--engine", engine, file],
                              capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        assert "10.2.0.10" in done.stderr and "VLAN 100.20 of eth0" in done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    *lines, summary = replay("host")
    assert replay("xdp") == replay("dpdk") == [*lines, summary]
    ways = collections.Counter((line["in"], line["out"][0]["port"], line["reason"]) for line in lines if line["out"])
    assert ways[("eth0.10", "eth0.20", "flow_new")] == 60
    assert ways[("eth0.10", "eth0.20", "flow_hit")] >= 60 and ways[("eth0.20", "eth0.10", "flow_hit")] >= 60
    assert len(ways) == 3 and "no_flow" not in {line["reason"] for line in lines}


@pytest.mark.parametrize("engine", balancer.ENGINES)
def test_on_a_stick(place, make_balancer, engine):
    weir = make_balancer(engine, place).start(conf(place))
    wire = Tcpdump(place.lab.namespaces[0], "balancer", place.lab.directory / f"{engine}-wire.pcap")
    for address in (place.vip, place.vip6):
        few = place.client.client("get", place.url(address=address), "-n", 30)
        expect.all_right(few, 30)
        expect.in_turn(few, 3)
    file = wire.stop()
    assert (tags(file, 80), tags(file, 8080)) == ({(None, 10)}, {(100, 20)})
    replays_alike(file, place, weir.directory / "ports.conf")
    for address in (place.vip, place.vip6):
        many = place.client.client("get", place.url(address=address), "-n", 600, "-c", 8)
        expect.all_right(many, 600)
        expect.even_shares(many, 3)
        expect.intact(place.client.client("fetch", place.url("/blob/100m", address=address)), 100)
        expect.all_right(place.client.client("udp", address, ECHO, "-n", 60, "--per-socket", 3, "--size", 1200), 60)
    expect.host_untouched(place, [])
    rows = {row["name"]: (row["driver"], row["mode"]) for row in weir.show("ports")}
    assert rows["eth0.10"] == rows["eth0.20"] == ("vlan", "tagged"), rows
    assert "port eth0.20: VLAN 100.20 of eth0" in weir.log()
    assert {row["reason"]: row["packets"] for row in weir.show("stats")}["flow_hit"] > 50_000


def test_tags_that_xdp_cannot_see_are_refused(place, make_balancer):
    place.balancer.run("ethtool", "-K", "eth0", "rxvlan", "on")
    try:
        weir = make_balancer("xdp", place)
        weir.configuration = weir.prepare(conf(place))
        weir.launch()
        assert weir.child.wait(timeout=10) == 1
        assert "turn that off: ethtool -K eth0 rxvlan off" in weir.log()
    finally:
        place.balancer.run("ethtool", "-K", "eth0", "rxvlan", "off")
