# SPDX-License-Identifier: Apache-2.0
"""IP fragments: later ones follow their datagram's first, and nothing in them is taken for a port."""

from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from lab import *

WEB = Service(turns=(0,))
DNS = Service(port=53, protocol="udp", turns=(0, 1), upstream=1, id=2)


def cut(frame_, size, pad=0):
    """The frame's IP packet in fragments of `size` payload bytes each (a multiple of 8), id and all else kept."""
    whole = Ether(frame_)
    head, payload = whole[IP].copy(), bytes(whole[IP].payload)
    head.remove_payload()
    frames = []
    for at in range(0, len(payload), size):
        piece = head.copy()
        piece.len, piece.chksum = None, None
        piece.frag = at // 8
        piece.flags = "MF" if at + size < len(payload) else 0
        frames.append(split_link(frame_)[0] + bytes(piece / Raw(payload[at : at + size])) + b"\0" * pad)
    return frames


def pieces(pair, size, **options):
    sent, received = pair
    return list(zip(cut(sent, size, **options), cut(received, size, **options)))


class Fragments:
    def __init__(self, conversation):
        self.c, self.row = conversation, conversation.row

    def ask(self, size, first="flow_hit", order=None, id=1, ip=None, **what):
        c = self.c
        parts = pieces(c.request(ip={"id": id, **(ip or {})}, **what), size)
        for number in order or range(len(parts)):
            came, leaves = parts[number]
            self.row.forward(c.port, came, c.server.out, leaves, first)
            first = "flow_hit"

    def reply(self, size, order=None, id=1, **what):
        c = self.c
        parts = pieces(c.answer(ip={"id": id}, **what), size)
        for number in order or range(len(parts)):
            came, leaves = parts[number]
            self.row.forward(c.server.out, came, c.port, leaves, "flow_hit")


@row
def fragment_both_ways(r):
    r.tables([DNS], [A, B])
    f = Fragments(Conversation(r, DNS, A))
    f.ask(512, "flow_new", payload=bytes(range(256)) * 8, id=7)
    f.reply(512, payload=bytes(range(256)) * 9, id=7)


@row
def fragment_60_kilobytes(r):
    r.tables([DNS], [A, B])
    f = Fragments(Conversation(r, DNS, A))
    f.ask(1480, "flow_new", payload=b"0123456789" * 6000, id=0xFFFF)
    f.reply(1480, payload=b"9876543210" * 6000, id=0)


@row
def fragment_of_tcp(r):
    r.tables([WEB], [A])
    c = Conversation(r, WEB, A).established()
    f = Fragments(c)
    f.ask(64, flags="PA", seq=1001, ack=5001, payload=b"x" * 300)
    f.reply(24, flags="PA", seq=5001, ack=1301, payload=b"y" * 100)
    c.ask(flags="A", seq=1301, ack=5101)


@row
def fragment_any_order_behind_the_first(r):
    r.tables([DNS], [A, B])
    f = Fragments(Conversation(r, DNS, A))
    f.ask(64, "flow_new", order=(0, 3, 1, 2, 2), payload=b"x" * 240)


@row
def fragment_payload_is_not_read_as_ports(r):
    """Two datagrams at once whose later fragments begin with the other's ports."""
    r.tables([DNS], [A, B])
    a, b = Conversation(r, DNS, A), Conversation(r, DNS, B, sport=40001)
    ports = b"\x9c\x41\x00\x35" * 64
    pa = pieces(a.request(payload=ports, ip={"id": 1}), 64)
    pb = pieces(b.request(payload=ports, ip={"id": 2}), 64)
    r.forward(LEFT, pa[0][0], RIGHT, pa[0][1], "flow_new")
    r.forward(LEFT, pb[0][0], RIGHT, pb[0][1], "flow_new")
    for (a_came, a_leaves), (b_came, b_leaves) in zip(pa[1:], pb[1:]):
        r.forward(LEFT, a_came, RIGHT, a_leaves)
        r.forward(LEFT, b_came, RIGHT, b_leaves)


@row
def fragment_before_its_first(r):
    """Not held: the host sees it, under a name of its own. Those behind the first pass."""
    r.tables([DNS], [A, B])
    parts = pieces(Conversation(r, DNS, A).request(payload=b"x" * 240, ip={"id": 9}), 64)
    r.to_host(LEFT, parts[1][0], "fragment")
    r.forward(LEFT, parts[0][0], RIGHT, parts[0][1], "flow_new")
    r.forward(LEFT, parts[1][0], RIGHT, parts[1][1])


@row
def fragment_of_another_datagram(r):
    """One that differs from the first in any one of source, destination, protocol and id does not follow it."""
    r.tables([DNS], [A, B])
    parts = pieces(Conversation(r, DNS, A).request(payload=b"x" * 240, ip={"id": 9}), 64)
    r.forward(LEFT, parts[0][0], RIGHT, parts[0][1], "flow_new")
    for change in ({"id": 10}, {"src": "198.51.100.8"}, {"dst": "192.0.2.11"}, {"proto": 6}):
        other = Ether(parts[2][0])
        for name, value in change.items():
            setattr(other[IP], name, value)
        del other[IP].chksum
        r.to_host(LEFT, bytes(other), "fragment")
    r.forward(LEFT, parts[2][0], RIGHT, parts[2][1])


@row
def fragment_expires(r):
    r.tables([DNS], [A, B])
    parts = pieces(Conversation(r, DNS, A).request(payload=b"x" * 240, ip={"id": 9}), 64)
    r.forward(LEFT, parts[0][0], RIGHT, parts[0][1], "flow_new")
    r.age(14_000)
    r.forward(LEFT, parts[1][0], RIGHT, parts[1][1])
    r.age(1_200)
    r.to_host(LEFT, parts[2][0], "fragment")


@row
def fragment_id_used_again(r):
    """The same id for the next datagram, of another flow."""
    r.tables([DNS], [A, B])
    a, b = Conversation(r, DNS, A), Conversation(r, DNS, B, sport=40001)
    Fragments(a).ask(64, "flow_new", payload=b"x" * 200, id=5)
    Fragments(b).ask(64, "flow_new", payload=b"y" * 200, id=5)
    Fragments(a).ask(64, payload=b"z" * 200, id=5)


@row
def fragment_many_datagrams(r):
    """More at once than the table of a row holds (4): the oldest give way, whoever is left is right."""
    r.tables([DNS], [A])
    one = Service(port=53, protocol="udp", turns=(0,), upstream=1, id=2)
    r.tables([one], [A])
    c = Conversation(r, one, A)
    all_parts = [pieces(c.request(payload=bytes([i]) * 200, ip={"id": i}), 64) for i in range(6)]
    for i, parts in enumerate(all_parts):
        r.forward(LEFT, parts[0][0], RIGHT, parts[0][1], "flow_hit" if i else "flow_new")
        r.age(100)
    for i, parts in enumerate(all_parts):
        for came, leaves in parts[1:]:
            if i < 2:
                r.to_host(LEFT, came, "fragment")
            else:
                r.forward(LEFT, came, RIGHT, leaves)


@row
def fragment_udp_without_checksum(r):
    r.tables([DNS], [A, B])
    f = Fragments(Conversation(r, DNS, A))
    f.ask(64, "flow_new", payload=b"x" * 200, chksum=0)
    f.reply(64, payload=b"x" * 200, chksum=0)


@row
def fragment_options_and_padding(r):
    from scapy.layers.inet import IPOption

    r.tables([DNS], [A, B])
    c = Conversation(r, DNS, A)
    for number, words in enumerate((1, 10)):
        ip = {"id": 3 + number, "options": [IPOption(b"\x01" * 4 * words)]}
        reason = "flow_hit" if number else "flow_new"
        for came, leaves in pieces(c.request(payload=b"x" * 50, ip=ip), 16, pad=20):
            r.forward(LEFT, came, RIGHT, leaves, reason)
            reason = "flow_hit"


@row
def fragment_of_the_hosts_own(r):
    """Datagrams of nobody's service go to the host, all of them."""
    r.tables([DNS], [A, B])
    whole = Ether(src=CLIENT_MAC, dst=PORT_MAC[LEFT]) / IP(src=CLIENT, dst=VIP, id=4) / UDP(sport=1, dport=2049)
    for part in cut(bytes(whole / Raw(b"x" * 200)), 64):
        r.to_host(LEFT, part, "not_service")
    icmp = Ether(src=CLIENT_MAC, dst=PORT_MAC[LEFT]) / IP(src=CLIENT, dst=VIP, id=4, proto=1) / Raw(b"x" * 200)
    for part in cut(bytes(icmp), 64):
        r.to_host(LEFT, part, "fragment")


@row
def fragment_tiny(r):
    """RFC 1858: the first has the whole header, none other reaches into it."""
    r.tables([WEB, DNS], [A, B])
    tcp = Conversation(r, WEB, A).request(flags="S", seq=1, payload=b"x" * 64)[0]
    for size in (8, 16):
        for number, part in enumerate(cut(tcp, size)[:3]):
            if number == 0 or number * size < 20:
                r.drop(LEFT, part, "fragment_tiny")
    # The data offset says 40 bytes, the fragment has 24.
    options = Ether(src=CLIENT_MAC, dst=PORT_MAC[LEFT]) / IP(src=CLIENT, dst=VIP) / TCP(
        sport=40000, dport=80, flags="S", options=[("NOP", None)] * 20
    )
    r.drop(LEFT, cut(bytes(options / Raw(b"x" * 64)), 24)[0], "fragment_tiny")
    udp = Ether(src=CLIENT_MAC, dst=PORT_MAC[LEFT]) / IP(src=CLIENT, dst=VIP, proto=17, flags="MF") / Raw(b"\0\1\0")
    r.drop(LEFT, bytes(udp), "fragment_tiny")


@row
def fragment_bad_headers(r):
    r.tables([WEB, DNS], [A, B])
    first = cut(Conversation(r, DNS, A).request(payload=b"x" * 240)[0], 64)[0]
    for length in range(14, len(first)):
        r.drop(LEFT, first[:length], "truncated")
    short = bytearray(first)
    short[38:40] = b"\0\7"  # a UDP length below its header
    r.drop(LEFT, bytes(short), "udp_header")
    tcp = bytearray(cut(Conversation(r, WEB, A).request(flags="S", payload=b"x" * 64)[0], 40)[0])
    tcp[46] = 0x40
    r.drop(LEFT, bytes(tcp), "tcp_header")


@row
def fragment_tcp_of_no_flow(r):
    r.tables([WEB], [A])
    parts = pieces(Conversation(r, WEB, A).request(flags="A", payload=b"x" * 240), 64)
    for came, _ in parts:
        r.drop(LEFT, came, "no_flow")


@row
def fragment_across_vlans(r):
    deep = backend(0, out=RIGHT_QINQ)
    one = Service(port=53, protocol="udp", turns=(0,), upstream=1, id=2)
    r.tables([one], [deep])
    f = Fragments(Conversation(r, one, deep, port=LEFT_VLAN))
    f.ask(512, "flow_new", payload=bytes(range(256)) * 8, id=7)
    f.reply(512, payload=bytes(range(256)) * 9, id=7)


@row
def fragment_ttl_used_up(r):
    r.tables([DNS], [A, B])
    c = Conversation(r, DNS, A)
    c.ask("flow_new", payload=b"x")
    for port, whole in ((LEFT, c.request(payload=b"x" * 200, ip={"id": 3, "ttl": 1})),
                        (RIGHT, c.answer(payload=b"x" * 200, ip={"id": 3, "ttl": 1}))):
        first, *later = [came for came, _ in pieces(whole, 64)]
        r.forward(port, first, port, time_exceeded(first, port), "time_exceeded_sent")
        for came in later:
            r.drop(port, came, "ttl")
