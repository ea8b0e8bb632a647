# SPDX-License-Identifier: Apache-2.0
"""weirctl replay and explain against what really happened. A capture of the balancer's cable, replayed on
each engine, comes to what the backends received; and explain, asked before a connection is made, names the
backend that it then reaches."""
import contextlib
import itertools
import json
import subprocess
import sys
import time

import pytest
from ground import backends, balancer, paths
from ground.capture import Tcpdump
from scapy.layers.inet import IP, TCP, UDP
from scapy.utils import PcapReader, rdpcap

RUNNERS = ["host", "xdp", "dpdk"]
UDP_PORT = 5353


@pytest.fixture(scope="module")
def place(one_armed):
    one_armed.servers = backends.start_all(one_armed.backends(backends.Nginx))
    one_armed.echoes = backends.start_all(one_armed.backends(backends.UdpEcho, port=UDP_PORT))
    return one_armed


def both(place):
    """HTTP over round robin with weights, UDP over maglev; a service of its own to wait for."""
    tcp = "".join(f"server {s.endpoint} weight={w};" for s, w in zip(place.servers, (2, 1, 1)))
    udp = "".join(f"server {s.endpoint};" for s in place.echoes)
    return (f"stream {{ upstream web {{ {tcp} }} upstream echo {{ maglev; {udp} }}\n"
            f"server {{ listen 80; proxy_pass web; }}\n"
            f"server {{ listen 53 udp; proxy_pass echo; }}\n"
            f"server {{ listen 8099; proxy_pass {place.servers[0].endpoint}; }} }}\n")


def replay(file, conf, engine, out=None):
    """The lines of `weirctl -o json replay`, and the summary."""
    command = [paths.WEIRCTL, "-o", "json", "replay", "--config", conf, "--engine", engine, file]
    done = subprocess.run([*command, *(["-w", out] if out else [])], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return lines[:-1], lines[-1]["summary"]


def untranslated(packet):
    """What NAT leaves of a packet, and where it went; checksums verified."""
    ip = packet[IP]
    raw = bytes(ip)
    rebuilt = IP(raw)
    for layer in (IP, TCP, UDP):
        if layer in rebuilt:
            del rebuilt[layer].chksum
    assert bytes(rebuilt) == raw, packet.summary()
    layer = TCP if TCP in ip else UDP
    return (ip.dst, ip[layer].dport, ip.id, ip[layer].seq if layer is TCP else 0, bytes(ip[layer].payload))


def toward(packets, servers):
    ends = {(server.address, server.port) for server in servers}
    for packet in packets:
        if IP in packet and (TCP in packet or UDP in packet):
            layer = TCP if TCP in packet else UDP
            if (packet[IP].dst, packet[layer].dport) in ends:
                yield packet


def record(place, weir, conf):
    """Traffic through a balancer that has had none, seen at its cable and at each backend's."""
    weir.start(conf, ready=8099)
    switch = next(space for space in place.lab.namespaces if space.name == "switch")
    folder = place.lab.directory
    dumps = [Tcpdump(switch, "balancer", folder / "balancer.pcap")]
    for number, host in enumerate(place.hosts, 1):
        dumps.append(Tcpdump(host, "eth0", folder / f"backend{number}.pcap"))
    assert place.client.client("get", place.url(), "-n", 40)["failures"] == []
    assert place.client.client("udp", place.vip, 53, "-n", 20)["failures"] == []
    place.client.client("fetch", place.url("/blob/1m"))
    time.sleep(1)  # the last acknowledgements
    return [dump.stop() for dump in dumps]


@pytest.mark.parametrize("engine", balancer.ENGINES)
def test_a_capture_replays_to_what_the_backends_received(place, make_balancer, engine):
    weir = make_balancer(engine, place)
    cable, *at_backends = record(place, weir, both(place))
    conf = weir.directory / f"{weir.kind}.conf"
    weir.stop()

    outs = {runner: weir.directory / f"out-{runner}.pcapng" for runner in RUNNERS}
    replayed = {runner: replay(cable, conf, runner, outs[runner]) for runner in RUNNERS}
    lines, summary = replayed["host"]
    assert replayed["xdp"] == replayed["dpdk"] == (lines, summary)
    files = [out.read_bytes() for out in outs.values()]
    assert files[0] == files[1] == files[2]

    # Every packet that a backend received of weir is one that the replay sends, to the same backend.
    received = sorted(untranslated(packet) for file in at_backends
                      for packet in toward(PcapReader(str(file)), place.servers + place.echoes)
                      if packet[IP].src == place.vip)
    sent = sorted(untranslated(packet)
                  for packet in toward(PcapReader(str(outs["host"])), place.servers + place.echoes))
    assert len(received) > 200
    assert received == sent

    # And the replies came back to the clients: none is a stranger to the replay.
    ends = {server.endpoint for server in place.servers + place.echoes}
    replies = [line for line in lines if line["source"] in ends]
    assert len(replies) > 200 and {line["reason"] for line in replies} == {"flow_hit"}
    reasons = {line["reason"] for line in lines if line["destination"] == f"{place.vip}:80"}
    assert reasons == {"flow_new", "flow_hit"}


def test_comments_tell_verdict_and_reason(place, make_balancer):
    weir = make_balancer("xdp", place)
    cable, *_ = record(place, weir, both(place))
    out = weir.directory / "comments.pcapng"
    lines, summary = replay(cable, weir.configuration, "host", out)
    comments = [packet.comment.decode() for packet in rdpcap(str(out))]
    assert len(comments) == summary["replayed"] == len(lines)
    for line, comment in zip(lines, comments):
        assert comment.startswith(f"{line['verdict']} {line['reason']}: ")


client_ports = itertools.count(21000)  # each once: the client's kernel keeps it for a minute

HOLD = r"""
import socket, sys
client = socket.create_connection((sys.argv[1], 80), source_address=("", int(sys.argv[2])))
client.sendall(b"GET / HTTP/1.1\r\nHost: scene\r\n\r\n")
print(client.recv(65536).partition(b"\r\n\r\n")[2].decode(), flush=True)
sys.stdin.readline()
"""


@contextlib.contextmanager
def connection(place, port):
    """An open connection from this port; the id of the server that answers on it."""
    command = place.client.enter(sys.executable, "-c", HOLD, place.vip, port)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        yield json.loads(child.stdout.readline())["SERVER_ID"]
        child.communicate("\n", timeout=10)


METHODS = {
    "round robin": "",
    "ip_hash": "ip_hash;",
    "maglev": "maglev;",
    "maglev of addresses": "maglev $remote_addr;",
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("engine", balancer.ENGINES)
def test_explain_is_where_connections_go(place, make_balancer, engine, method):
    servers = "".join(f"server {server.endpoint};" for server in place.servers)
    weir = make_balancer(engine, place).start(
        f"stream {{ upstream web {{ {METHODS[method]} {servers} }} server {{ listen 80; proxy_pass web; }} }}")
    numbers = {f"{server.address}:{server.port}": server.id for server in place.servers}

    def explain(client, port):
        done = weir.weirctl("-o", "json", "explain", f"{client}:{port}", f"{place.vip}:80/tcp")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    for port in itertools.islice(client_ports, 20):
        said = [explain("10.0.0.2", port) for _ in range(2)]
        assert said[0]["backend"] == said[1]["backend"], "asking changes nothing"
        assert said[0]["reason"] == "flow_new" and said[0]["flow"] is False
        with connection(place, port) as server:
            assert server == numbers[said[0]["backend"]]
            known = explain("10.0.0.2", port)
        assert known["flow"] is True and known["backend"] == said[0]["backend"]
        low, high = said[0]["source_ports"]
        assert low <= known["source_port"] <= high
    assert {row["state"] for row in weir.show("backends")} == {"up"}


@pytest.mark.parametrize("engine", balancer.ENGINES)
def test_explain_says_why_not(place, make_balancer, engine):
    weir = make_balancer(engine, place).start(
        f"stream {{ upstream dead {{ server {place.servers[0].endpoint} down; server 10.0.0.77:8080; }}"
        f" server {{ listen 81; proxy_pass dead; }}"
        f" server {{ listen 80; proxy_pass {place.servers[0].endpoint}; }} }}")
    text = weir.weirctl("explain", "10.0.0.2:4242", f"{place.vip}:81").stdout
    assert "drop (no_backend)" in text
    assert f"{place.servers[0].endpoint} is down" in text and "10.0.0.77:8080 is unreachable: " in text
    text = weir.weirctl("explain", "10.0.0.2:4242", f"{place.vip}:80/udp").stdout
    assert f"this address has {place.vip}:81/tcp, {place.vip}:80/tcp" in text
