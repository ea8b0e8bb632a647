# SPDX-License-Identifier: Apache-2.0
"""The words that packet rows are written in: the lab's ports and hosts, conversations, and the row itself.

A row is a function that receives a fresh Row and says what happens, step by step. Expected frames are built by scapy
from their fields, checksums included; nothing here is taken from what weir answered.
"""

import dataclasses

from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Raw

import model

SEED = 0x0123456789ABCDEF
ENGINES = ("host", "xdp", "dpdk")
HOST_LINK, LEFT, RIGHT = 0, 1, 2  # ports: to this machine's own stack, toward clients, toward backends
PORT_MAC = {HOST_LINK: "02:00:00:00:00:01", LEFT: "02:00:00:00:01:01", RIGHT: "02:00:00:00:02:01"}
PORTS = [
    {"index": index, "mac": mac, "kind": "host_link" if index == HOST_LINK else "network"}
    for index, mac in PORT_MAC.items()
]
CLIENT, CLIENT_MAC = "198.51.100.7", "02:aa:00:00:00:07"
VIP = "192.0.2.10"
EXPIRED = 600_400  # ms: just past the default idle time, which is kept in ticks, rounded up by at most 0.05 %


@dataclasses.dataclass(frozen=True)
class Backend:
    id: int
    addr: str
    port: int = 8080
    mac: str = "02:bb:00:00:00:00"
    out: int = RIGHT
    snat: str = "10.0.0.1"
    snat_low: int = 20000
    snat_high: int = 29999
    reachable: bool = True
    mode: str = "nat"
    down: bool = False
    reset: bool = False
    checksum: bool = False  # gue: an outer UDP checksum over IPv4 too
    mtu: int = 0
    mss: int = 0
    tunnel_port: int = 0


def backend(number, **changes):
    return Backend(
        id=number, addr=f"10.0.0.{10 + number}", mac=f"02:bb:00:00:00:{10 + number:02x}", **changes
    )


A, B, C = backend(0), backend(1), backend(2)


@dataclasses.dataclass(frozen=True)
class Service:
    addr: str = VIP
    port: int = 80
    protocol: str = "tcp"
    method: str = "round_robin"
    turns: tuple = (0,)  # backend ids, None: the slot names nobody
    slots: tuple = ()
    upstream: int = 0
    id: int = 1
    idle_ms: int = 600_000
    connect_ms: int = 60_000
    draining: bool = False
    reset_unknown: bool = False
    cid: tuple = ()  # QUIC: backend ids by server id
    cid_offset: int = 1
    cid_length: int = 1
    stateless: bool = False
    by_port: bool = False
    ports: tuple = (0, 0)  # first and last of a range, with port 0


class Row:
    """Collects the steps of one row and what each must come to."""

    def __init__(self, name, engines=ENGINES, flow_buckets=16, ports=PORTS, answers=1000):
        self.name, self.engines, self.flow_buckets, self.ports = name, engines, flow_buckets, ports
        self.answers = answers  # that weir may send of its own in a tick
        self.generations, self.steps, self.expected = [], [], []
        self.busy = set()  # (backend address, port, protocol, source port): taken by a flow

    def tables(self, services, backends):
        """Publishes a generation."""
        self.steps.append({"publish": len(self.generations)})
        self.expected.append(None)
        self.generations.append(
            {
                "services": [dataclasses.asdict(service) for service in services],
                "backends": [dataclasses.asdict(server) for server in backends],
            }
        )

    def age(self, milliseconds):
        self.steps.append({"age_ms": milliseconds})
        self.expected.append(None)

    def _packet(self, port, frame, reason, out, host):
        self.steps.append({"port": port, "packet": bytes(frame).hex()})
        self.expected.append({"reasons": [reason], "out": out, "host": host})

    def forward(self, port, frame, out_port, out_frame, reason="flow_hit"):
        self._packet(port, frame, reason, {"port": out_port, "hex": bytes(out_frame).hex()}, None)

    def to_host(self, port, frame, reason):
        self._packet(port, frame, reason, None, {"port": port, "hex": bytes(frame).hex()})

    def drop(self, port, frame, reason):
        self._packet(port, frame, reason, None, None)

    def as_json(self):
        return {
            "name": self.name,
            "seed": SEED,
            "flow_buckets": self.flow_buckets,
            "ports": self.ports,
            "answers": self.answers,
            "generations": self.generations,
            "steps": self.steps,
        }


def frame(src_mac, dst_mac, src, dst, l4, payload=b"", pad=b"", **ip):
    packet = Ether(src=src_mac, dst=dst_mac) / IP(src=src, dst=dst, **ip) / l4
    if payload:
        packet = packet / Raw(payload)
    return bytes(packet) + pad


class Conversation:
    """A client, the service it speaks to, and the backend that shall answer; knows both sides of weir."""

    def __init__(
        self, row, service, server, sport=40000, client=CLIENT, mac=CLIENT_MAC, port=LEFT, used=None, dport=None
    ):
        self.row, self.service, self.server = row, service, server
        self.client, self.sport, self.mac, self.port = client, sport, mac, port
        self.dport = dport or service.port
        self.layer = TCP if service.protocol == "tcp" else UDP
        if used is not None:
            self.source = used
        else:
            self.source = self._source_port() if server.mode == "nat" else sport

    def _source_port(self):
        service, server = self.service, self.server
        flow_hash = model.tuple_hash(
            SEED, self.client, self.sport, service.addr, self.dport, service.protocol
        )
        for port in model.snat_ports(flow_hash, server.snat_low, server.snat_high):
            key = (server.addr, server.port, server.snat, service.protocol, port)
            if key not in self.row.busy:
                self.row.busy.add(key)
                return port
        return None

    def _l4(self, sport, dport, fields):
        return self.layer(sport=sport, dport=dport, **fields)

    def request(self, payload=b"", pad=b"", ip=None, **fields):
        """What the client sends, and the same as its backend must receive it."""
        ip = ip or {}
        service, server = self.service, self.server
        sent = frame(
            self.mac, PORT_MAC[self.port], self.client, service.addr,
            self._l4(self.sport, self.dport, fields), payload, pad, **ip,
        )
        src, dst, dport = self._seen_by_backend()
        received = frame(
            PORT_MAC[server.out], server.mac, src, dst,
            self._l4(self.source, dport, fields), payload, pad, **ip,
        )
        return sent, received

    def _seen_by_backend(self):
        """(source, destination, destination port) of what the backend receives, by its mode."""
        server = self.server
        if server.mode in ("nat", "transparent"):
            source = server.snat if server.mode == "nat" else self.client
            return source, server.addr, server.port or self.dport
        return self.client, self.service.addr, self.dport

    def answer(self, payload=b"", pad=b"", ip=None, **fields):
        """What the backend sends, and the same as the client must receive it."""
        ip = ip or {}
        service, server = self.service, self.server
        sent = frame(
            server.mac, PORT_MAC[server.out], server.addr,
            server.snat if server.mode == "nat" else self.client,
            self._l4(server.port or self.dport, self.source, fields), payload, pad, **ip,
        )
        received = frame(
            PORT_MAC[self.port], self.mac, service.addr, self.client,
            self._l4(self.dport, self.sport, fields), payload, pad, **ip,
        )
        return sent, received

    def ask(self, reason="flow_hit", **what):
        sent, received = self.request(**what)
        self.row.forward(self.port, sent, self.server.out, received, reason)

    def reply(self, reason="flow_hit", **what):
        sent, received = self.answer(**what)
        self.row.forward(self.server.out, sent, self.port, received, reason)

    def opened(self):
        """Sends a SYN; the flow is new."""
        self.ask("flow_new", flags="S", seq=1000)
        return self

    def established(self):
        self.opened()
        self.reply(flags="SA", seq=5000, ack=1001)
        self.ask(flags="A", seq=1001, ack=5001)
        return self


ROWS = []


def row(function=None, **options):
    """Registers a row; its name is the function's."""

    def register(function):
        one = Row(function.__name__, **options)
        function(one)
        ROWS.append(one)
        return function

    return register(function) if function else register
