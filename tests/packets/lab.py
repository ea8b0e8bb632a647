# SPDX-License-Identifier: Apache-2.0
"""The words that packet rows are written in: the lab's ports and hosts, conversations, and the row itself.

A row is a function that receives a fresh Row and says what happens, step by step. Expected frames are built by scapy
from their fields, checksums included; nothing here is taken from what weir answered.
"""

import dataclasses

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6TimeExceeded, IPv6
from scapy.packet import Raw
from scapy.utils import checksum

import model

SEED = 0x0123456789ABCDEF
ENGINES = ("host", "xdp", "dpdk")
HOST_LINK, LEFT, RIGHT = 0, 1, 2  # ports: to this machine's own stack, toward clients, toward backends
LEFT_VLAN, RIGHT_QINQ = 3, 4  # ports whose frames cross LEFT and RIGHT with tags
PORT_MAC = {
    HOST_LINK: "02:00:00:00:00:01", LEFT: "02:00:00:00:01:01", RIGHT: "02:00:00:00:02:01",
    LEFT_VLAN: "02:00:00:00:01:64", RIGHT_QINQ: "02:00:00:00:02:c8",
}
WIRE = {LEFT_VLAN: LEFT, RIGHT_QINQ: RIGHT}
TAGS = {LEFT_VLAN: [(0x8100, 100)], RIGHT_QINQ: [(0x88A8, 200), (0x8100, 300)]}  # (type, VLAN id), outer first


def _port(index, mac):
    port = {"index": index, "mac": mac, "kind": "host_link" if index == HOST_LINK else "network"}
    return port | ({"parent": WIRE[index], "tags": TAGS[index]} if index in WIRE else {})


GONE = 5  # a port whose interface is not there; of rows that name it in `ports`
GONE_PORT = {"index": GONE, "mac": "02:00:00:00:05:01", "kind": "network", "interface": False}
PORTS = [_port(index, mac) for index, mac in PORT_MAC.items()]
CLIENT, CLIENT_MAC = "198.51.100.7", "02:aa:00:00:00:07"
VIP = "192.0.2.10"
CLIENT6, VIP6 = "2001:db8:51::7", "2001:db8:2::10"
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
    link_mtu: int = 0
    mss: int = 0
    tunnel_port: int = 0


def backend(number, **changes):
    return Backend(
        id=number, addr=f"10.0.0.{10 + number}", mac=f"02:bb:00:00:00:{10 + number:02x}", **changes
    )


def backend6(number, **changes):
    changes = {"snat": "fd00::1"} | changes
    return dataclasses.replace(backend(number, **changes), addr=f"fd00::{10 + number:x}")


A, B, C = backend(0), backend(1), backend(2)
A6, B6 = backend6(0), backend6(1)


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
    peers: bool = False  # its backends are other balancers
    ports: tuple = (0, 0)  # first and last of a range, with port 0


class Row:
    """Collects the steps of one row and what each must come to."""

    def __init__(self, name, engines=ENGINES, flow_buckets=16, ports=PORTS, answers=1000, proves=None):
        self.name, self.engines, self.flow_buckets, self.ports = name, engines, flow_buckets, ports
        self.answers = answers  # that weir may send of its own in a tick
        self.proves = proves  # mode and families, for docs/MODES.md
        self.generations, self.steps, self.expected = [], [], []
        self.busy = set()  # (backend address, port, protocol, source port): taken by a flow

    def tables(self, services, backends, interfaces=()):
        """Publishes a generation. Interfaces: the port, and what is known of addr4, addr6, mtu."""
        self.steps.append({"publish": len(self.generations)})
        self.expected.append(None)
        self.generations.append(
            {
                "services": [dataclasses.asdict(service) for service in services],
                "backends": [dataclasses.asdict(server) for server in backends],
                "interfaces": list(interfaces),
            }
        )

    def age(self, milliseconds):
        self.steps.append({"age_ms": milliseconds})
        self.expected.append(None)

    def _packet(self, port, frame, reason, out, host):
        self.steps.append({"port": WIRE.get(port, port), "packet": bytes(frame).hex()})
        self.expected.append({"reasons": [reason], "out": out, "host": host})

    def forward(self, port, frame, out_port, out_frame, reason="flow_hit"):
        self._packet(port, frame, reason, {"port": WIRE.get(out_port, out_port), "hex": bytes(out_frame).hex()}, None)

    def to_host(self, port, frame, reason):
        self._packet(port, frame, reason, None, {"port": WIRE.get(port, port), "hex": bytes(frame).hex()})

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


def link(src_mac, dst_mac, tags, kind, priority=0):
    """Ethernet and its tags, ahead of a packet of this type."""
    raw = bytes.fromhex((dst_mac + src_mac).replace(":", ""))
    for tpid, vlan in tags:
        raw += tpid.to_bytes(2, "big") + (priority << 13 | vlan).to_bytes(2, "big")
    return raw + kind.to_bytes(2, "big")


def packet(src, dst, l4, payload=b"", ext=(), **ip):
    """An IP packet of the addresses' family; `ext` are IPv6's extension headers."""
    whole = IPv6(src=src, dst=dst, **ip) if ":" in src else IP(src=src, dst=dst, **ip)
    for header in ext:
        whole = whole / header.copy()
    whole = whole / l4.copy()
    return bytes(whole / Raw(payload)) if payload else bytes(whole)


def passed_on(src, dst, was_v6, l4, payload, ip):
    """The packet as it leaves weir with these addresses: `ip` are the fields it came with."""
    ip = dict(ip)
    left = ip.get("hlim" if was_v6 else "ttl", 64) - 1
    if was_v6 == (":" in src):
        return packet(src, dst, l4, payload, **(ip | {"hlim" if was_v6 else "ttl": left}))
    if not was_v6:  # RFC 7915 section 4.1
        return packet(src, dst, l4, payload, tc=ip.get("tos", 0), fl=0, hlim=left)
    # Section 5.1: up to 1,260 bytes DF is off, and the identification is the transport checksum.
    fields = {"tos": ip.get("tc", 0), "ttl": left, "id": 0, "flags": "DF"}
    whole = packet(src, dst, l4, payload, **fields)
    if len(whole) <= 1260:
        at = 20 + (16 if isinstance(l4, TCP) else 6)
        fields |= {"flags": 0, "id": int.from_bytes(whole[at : at + 2], "big")}
        whole = packet(src, dst, l4, payload, **fields)
    return whole


def on_wire(port, src_mac, dst_mac, whole, pad=b"", priority=0):
    kind = 0x86DD if whole[0] >> 4 == 6 else 0x0800
    return link(src_mac, dst_mac, TAGS.get(port, []), kind, priority) + whole + pad


def split_link(frame_):
    """A frame's Ethernet header with its tags, and the rest."""
    at = 14
    while frame_[at - 2 : at] in (b"\x81\x00", b"\x88\xa8"):
        at += 4
    return frame_[:at], frame_[at:]


def headers_length(whole):
    """Of an IP packet's own header and its extension headers."""
    if whole[0] >> 4 == 4:
        return (whole[0] & 15) * 4
    at, kind = 40, whole[6]
    while kind in (0, 43, 44, 60):
        at, kind = at + (8 if kind == 44 else 8 * (whole[at + 1] + 1)), whole[at]
    return at


def time_exceeded(frame_, port=LEFT, src=None):
    """The answer to a frame whose TTL ends; `src`: by default whom it was sent to."""
    head, whole = split_link(frame_)
    quoted = Raw(whole[: headers_length(whole) + 8])
    if whole[0] >> 4 == 4:
        asked = IP(whole)
        back = IP(src=src or asked.dst, dst=asked.src, id=0, flags="DF", ttl=64) / ICMP(type=11) / quoted
    else:
        asked = IPv6(whole)
        back = IPv6(src=src or asked.dst, dst=asked.src, hlim=64) / ICMPv6TimeExceeded() / quoted
    return on_wire(port, PORT_MAC[port], ":".join(f"{byte:02x}" for byte in head[6:12]), bytes(back))


def hop_later(whole):
    """An IPv4 packet behind one more router."""
    whole = bytearray(whole)
    header = (whole[0] & 15) * 4
    whole[8] -= 1
    whole[10:12] = b"\0\0"
    whole[10:12] = checksum(bytes(whole[:header])).to_bytes(2, "big")
    return bytes(whole)


def frame(src_mac, dst_mac, src, dst, l4, payload=b"", pad=b"", **ip):
    """A frame without tags."""
    return on_wire(None, src_mac, dst_mac, packet(src, dst, l4, payload, **ip), pad)


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

    def request(self, payload=b"", pad=b"", ip=None, priority=0, **fields):
        """What the client sends, and the same as its backend must receive it."""
        ip = ip or {}
        service, server = self.service, self.server
        sent = packet(self.client, service.addr, self._l4(self.sport, self.dport, fields), payload, **ip)
        received = sent
        if server.mode in ("nat", "transparent"):
            received = passed_on(
                server.snat if server.mode == "nat" else self.client, server.addr, ":" in self.client,
                self._l4(self.source, server.port or self.dport, fields), payload, ip,
            )
        priority_out = priority if self.port in TAGS else 0
        return (
            on_wire(self.port, self.mac, PORT_MAC[self.port], sent, pad, priority),
            on_wire(server.out, PORT_MAC[server.out], server.mac, received, pad, priority_out),
        )

    def answer(self, payload=b"", pad=b"", ip=None, priority=0, **fields):
        """What the backend sends, and the same as the client must receive it."""
        ip = ip or {}
        service, server = self.service, self.server
        to = server.snat if server.mode == "nat" else self.client
        sent = packet(server.addr, to, self._l4(server.port or self.dport, self.source, fields), payload, **ip)
        received = passed_on(
            service.addr, self.client, ":" in server.addr,
            self._l4(self.dport, self.sport, fields), payload, ip,
        )
        priority_out = priority if server.out in TAGS else 0
        return (
            on_wire(server.out, server.mac, PORT_MAC[server.out], sent, pad, priority),
            on_wire(self.port, PORT_MAC[self.port], self.mac, received, pad, priority_out),
        )

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
