# SPDX-License-Identifier: Apache-2.0
"""ICMP errors between the families (RFC 7915 sections 4.2, 4.3, 5.2, 5.3).

What each type and code becomes is written down here; both messages are built by scapy, around the packet as each end knows it.
"""

from scapy.layers.inet import ICMP, IP, IPOption_NOP
from scapy.layers.inet6 import (
    ICMPv6DestUnreach, ICMPv6PacketTooBig, ICMPv6ParamProblem, ICMPv6TimeExceeded, IPv6, IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment, IPv6ExtHdrHopByHop,
)
from scapy.packet import Raw
from scapy.utils import checksum

from lab import *
from rows_translate import NEW_DNS, OLD_DNS, TABLES, four_to_six, six_to_four

ROUTER = {4: "203.0.113.1", 6: "2001:db8:ff::1"}
INNER_ROUTER = {4: "10.0.0.254", 6: "fd00::fe"}
ROUTER_MAC, INNER_MAC = "02:cc:00:00:00:01", "02:cc:00:00:00:fe"


def unreachable(code, **fields):
    return ICMP(type=3, code=code, **fields)


def at(pointer, code=0):
    """Parameter problem of IPv4."""
    return ICMP(type=12, code=code, ptr=pointer)


NO_ROUTE, PROHIBITED, PORT = (ICMPv6DestUnreach(code=code) for code in (0, 1, 4))
TO_SIX = (
    *((unreachable(code), NO_ROUTE) for code in (0, 1, 5, 6, 7, 8, 11, 12)),
    *((unreachable(code), PROHIBITED) for code in (9, 10, 13, 15)),
    (unreachable(3), PORT), (unreachable(2), ICMPv6ParamProblem(code=1, ptr=6)),
    *((unreachable(4, nexthopmtu=mtu), ICMPv6PacketTooBig(mtu=becomes))
      for mtu, becomes in ((1500, 1520), (1261, 1281), (1260, 1280), (1259, 1280), (68, 1280), (65535, 65555))),
    (ICMP(type=11, code=0), ICMPv6TimeExceeded(code=0)), (ICMP(type=11, code=1), ICMPv6TimeExceeded(code=1)),
    *((at(pointer), ICMPv6ParamProblem(code=0, ptr=becomes)) for pointer, becomes in (
        (0, 0), (1, 1), (2, 4), (3, 4), (8, 7), (9, 6), (12, 8), (15, 8), (16, 24), (19, 24))),
    (at(8, code=2), ICMPv6ParamProblem(code=0, ptr=7)),
    (unreachable(0, length=32), NO_ROUTE),  # RFC 4884: a length in another unit, of a quote that has grown
)
NOT_TO_SIX = (unreachable(14), unreachable(16), unreachable(255), at(8, code=1), at(8, code=3),
              *(at(pointer) for pointer in (4, 5, 6, 7, 10, 11, 20, 255)))
TO_FOUR = (
    *((ICMPv6DestUnreach(code=code), unreachable(becomes)) for code, becomes in ((0, 1), (1, 10), (2, 1), (3, 1), (4, 3))),
    *((ICMPv6PacketTooBig(mtu=mtu), unreachable(4, nexthopmtu=becomes)) for mtu, becomes in (
        (1500, 1480), (1280, 1260), (1000, 980), (87, 68), (0, 68), (65555, 65535), (0xFFFFFFFF, 65535))),
    (ICMPv6TimeExceeded(code=0), ICMP(type=11, code=0)), (ICMPv6TimeExceeded(code=1), ICMP(type=11, code=1)),
    *((ICMPv6ParamProblem(code=0, ptr=pointer), at(becomes)) for pointer, becomes in (
        (0, 0), (1, 1), (4, 2), (5, 2), (6, 9), (7, 8), (8, 12), (23, 12), (24, 16), (39, 16))),
    (ICMPv6ParamProblem(code=1, ptr=6), unreachable(2)),
)
NOT_TO_FOUR = (*(ICMPv6DestUnreach(code=code) for code in (5, 6, 7, 255)), ICMPv6ParamProblem(code=2),
               ICMPv6ParamProblem(code=3), *(ICMPv6ParamProblem(code=0, ptr=p) for p in (2, 3, 40, 256, 0x6000000)))


def l3(frame_):
    return split_link(frame_)[1]


def message(src, dst, kind, quoted, **ip):
    head = IPv6(src=src, dst=dst, **ip) if ":" in src else IP(src=src, dst=dst, **ip)
    return bytes(head / kind.copy() / Raw(quoted))


def arrived(src, dst, kind, quoted, tos=0, left=63):
    """The message as weir makes it: what becomes IPv4 of up to 1,260 bytes gets its checksum as id, and no DF."""
    if ":" in src:
        return message(src, dst, kind, quoted, tc=tos, hlim=left)
    whole = message(src, dst, kind, quoted, tos=tos, ttl=left, id=0, flags="DF")
    if len(whole) <= 1260:
        whole = message(src, dst, kind, quoted, tos=tos, ttl=left, id=int.from_bytes(whole[22:24], "big"))
    return whole


def quoted_as(src, dst, l4, payload, tos, left, **ip):
    """A quoted packet of weir's in the other family; its TTL is not touched (section 4.3)."""
    if ":" in src:
        return packet(src, dst, l4, payload, tc=tos, hlim=left)
    return packet(src, dst, l4, payload, tos=tos, ttl=left, **({"id": 0, "flags": "DF"} | ip))


class Errors:
    def __init__(self, c):
        self.c, self.v6 = c, ":" in c.client
        self.near, self.far = (6, 4) if self.v6 else (4, 6)

    def about_answer(self, kind, becomes, cut=None, pad=b"", ip=None, tos=0, left=63, payload=b"", **fields):
        """From the client's side: what comes, and what the backend gets."""
        c, server = self.c, self.c.server
        sent = packet(c.service.addr, c.client, c._l4(c.dport, c.sport, fields), payload,
                      **{"tc" if self.v6 else "tos": tos, "hlim" if self.v6 else "ttl": left})
        meant = quoted_as(server.addr, server.snat, c._l4(server.port, c.source, fields), payload, tos, left)
        cut = cut and cut + len(sent) - len(c._l4(1, 1, fields)) - len(payload)
        cut_far = cut and cut + len(meant) - len(sent)
        came = message(ROUTER[self.near], c.service.addr, kind, sent[:cut], **(ip or {}))
        leaves = becomes and arrived(server.snat, server.addr, becomes, meant[:cut_far], **self._outer(ip))
        return (on_wire(c.port, ROUTER_MAC, PORT_MAC[c.port], came, pad),
                leaves and on_wire(server.out, PORT_MAC[server.out], server.mac, leaves, pad))

    def about_request(self, kind, becomes, cut=None, pad=b"", ip=None, tos=0, left=63, payload=b"", **fields):
        """From the backend's side: what comes, and what the client gets."""
        c, server = self.c, self.c.server
        sent = packet(server.snat, server.addr, c._l4(c.source, server.port, fields), payload,
                      **{"tos" if self.v6 else "tc": tos, "ttl" if self.v6 else "hlim": left})
        meant = quoted_as(c.client, c.service.addr, c._l4(c.sport, c.dport, fields), payload, tos, left)
        cut = cut and cut + len(sent) - len(c._l4(1, 1, fields)) - len(payload)
        cut_far = cut and cut + len(meant) - len(sent)
        came = message(INNER_ROUTER[self.far], server.snat, kind, sent[:cut], **(ip or {}))
        leaves = becomes and arrived(c.service.addr, c.client, becomes, meant[:cut_far], **self._outer(ip))
        return (on_wire(server.out, INNER_MAC, PORT_MAC[server.out], came, pad),
                leaves and on_wire(c.port, PORT_MAC[c.port], c.mac, leaves, pad))

    @staticmethod
    def _outer(ip):
        ip = ip or {}
        left = ip.get("ttl", ip.get("hlim", 64))
        return {"tos": ip.get("tos", ip.get("tc", 0)), "left": left - 1}

    def to_backend(self, kind, becomes, **what):
        came, leaves = self.about_answer(kind, becomes, **what)
        self.c.row.forward(self.c.port, came, self.c.server.out, leaves, "icmp_error")

    def to_client(self, kind, becomes, **what):
        came, leaves = self.about_request(kind, becomes, **what)
        self.c.row.forward(self.c.server.out, came, self.c.port, leaves, "icmp_error")


def both(r, **changes):
    """Errors of flows from IPv6 to IPv4, and the reverse."""
    return Errors(six_to_four(r, **changes).established()), Errors(four_to_six(r, **changes).established())


@row
def across_every_error(r):
    r.tables(*TABLES)
    new, old = both(r)
    for kind, becomes in TO_SIX:
        new.to_client(kind, becomes, flags="A", seq=1001, payload=b"x" * 99)
        old.to_backend(kind, becomes, flags="A", seq=5001, payload=b"y" * 100)
    for kind, becomes in TO_FOUR:
        old.to_client(kind, becomes, flags="A", seq=1001, payload=b"x" * 99)
        new.to_backend(kind, becomes, flags="A", seq=5001, payload=b"y" * 100)


@row
def across_there_are_no_words_for(r):
    r.tables(*TABLES)
    new, old = both(r)
    for kind in NOT_TO_SIX:
        r.drop(RIGHT, new.about_request(kind, None, flags="A")[0], "icmp_untranslatable")
        r.drop(LEFT, old.about_answer(kind, None, flags="A")[0], "icmp_untranslatable")
    for kind in NOT_TO_FOUR:
        r.drop(RIGHT, old.about_request(kind, None, flags="A")[0], "icmp_untranslatable")
        r.drop(LEFT, new.about_answer(kind, None, flags="A")[0], "icmp_untranslatable")


@row
def across_a_router_that_names_no_mtu(r):
    """RFC 1191 section 7.1: the next plateau below the packet's length."""
    r.tables(*TABLES)
    new, _ = both(r)
    for length, mtu in ((60, 1280), (1492, 1280), (1493, 1512), (2002, 1512), (2003, 2022), (4353, 4372), (8167, 8186),
                        (17915, 17934), (32001, 32020), (65535, 32020)):
        came, leaves = new.about_request(unreachable(4), ICMPv6PacketTooBig(mtu=mtu), flags="A", cut=8)
        came, leaves = split_link(came), split_link(leaves)
        quoted = bytearray(came[1][28:])
        quoted[2:4], quoted[10:12] = length.to_bytes(2, "big"), b"\0\0"
        quoted[10:12] = checksum(bytes(quoted[:20])).to_bytes(2, "big")
        meant = bytearray(leaves[1][48:])
        meant[4:6] = (length - 20).to_bytes(2, "big")
        whole = message(INNER_ROUTER[4], A.snat, unreachable(4), bytes(quoted))
        expected = message(VIP6, CLIENT6, ICMPv6PacketTooBig(mtu=mtu), bytes(meant), hlim=63)
        r.forward(RIGHT, came[0] + whole, LEFT, leaves[0] + expected, "icmp_error")


@row
def across_eight_bytes_are_enough(r):
    r.tables(*TABLES)
    new, old = both(r)
    for cut in [*range(8, 17), *range(18, 40)]:
        new.to_client(*TO_SIX[0], cut=cut, flags="A", payload=b"z" * 20)
        old.to_client(*TO_FOUR[0], cut=cut, flags="A", payload=b"z" * 20)
        new.to_backend(*TO_FOUR[0], cut=cut, flags="A", payload=b"z" * 20)
        old.to_backend(*TO_SIX[0], cut=cut, flags="A", payload=b"z" * 20)


@row
def across_udp(r):
    r.tables(*TABLES)
    for c, there, back in ((six_to_four(r, NEW_DNS), TO_FOUR, TO_SIX), (four_to_six(r, OLD_DNS), TO_SIX, TO_FOUR)):
        c.ask("flow_new", payload=b"question")
        for cut in (None, *range(8, 14)):
            Errors(c).to_backend(*there[0], cut=cut, payload=b"answer")
            Errors(c).to_client(*back[0], cut=cut, payload=b"question")


@row
def across_padding_is_no_quote(r):
    r.tables(*TABLES)
    new, old = both(r)
    for pad in (b"\0" * 4, b"\xee" * 40):
        for e, kinds in ((new, TO_SIX), (old, TO_FOUR)):
            e.to_client(*kinds[0], cut=8, pad=pad, flags="A")


@row
def across_fields(r):
    """Traffic class and TTL of the message and of the quote; options and extension headers of the message end here."""
    r.tables(*TABLES)
    new, old = both(r)
    new.to_client(*TO_SIX[0], ip={"tos": 0xC0, "ttl": 2, "id": 7, "flags": "DF"}, tos=0x2E, left=1, flags="A")
    old.to_client(*TO_FOUR[0], ip={"tc": 0xC0, "hlim": 2, "fl": 0x12345}, tos=0x2E, left=0, flags="A")
    new.to_client(*TO_SIX[0], ip={"options": [IPOption_NOP()] * 8}, flags="A")
    for e, left in ((new, "ttl"), (old, "hlim")):
        kind = (TO_SIX if left == "ttl" else TO_FOUR)[0][0]
        r.drop(RIGHT, e.about_request(kind, None, ip={left: 1}, flags="A")[0], "ttl")
    sent = packet(B6.snat, B6.addr, TCP(sport=old.c.source, dport=8080, flags="A"), hlim=63)
    came = bytes(IPv6(src=INNER_ROUTER[6], dst=B6.snat) / IPv6ExtHdrDestOpt() / TO_FOUR[0][0].copy() / Raw(sent))
    _, leaves = old.about_request(*TO_FOUR[0], flags="A")
    r.forward(RIGHT, on_wire(RIGHT, INNER_MAC, PORT_MAC[RIGHT], came), LEFT, leaves, "icmp_error")


@row
def across_length_decides_about_df(r):
    """Section 5.1, for the message as for any packet."""
    r.tables(*TABLES)
    _, old = both(r)
    for payload in (1171, 1172, 1173, 1180):  # 20 + 8 + 20 + 20 more are 1,239 to 1,248; and on
        old.to_client(*TO_FOUR[0], flags="A", payload=b"x" * payload)
    for payload in (1191, 1192, 1193, 1200):
        old.to_client(*TO_FOUR[0], flags="A", payload=b"x" * payload)


@row
def across_damage_stays_damage(r):
    r.tables(*TABLES)
    new, old = both(r)
    for e, kinds in ((new, TO_SIX), (old, TO_FOUR)):
        came, leaves = (bytearray(one) for one in e.about_request(*kinds[0], flags="A", payload=b"xy"))
        came[-1] ^= 0x55
        leaves[-1] ^= 0x55
        r.forward(RIGHT, bytes(came), LEFT, bytes(leaves), "icmp_error")


@row
def across_a_quoted_fragment(r):
    """Of IPv6 it has a header of its own, which says the datagram's id."""
    r.tables(*TABLES)
    _, old = both(r)
    l4 = TCP(sport=old.c.source, dport=8080, flags="A", seq=1001)
    for more in (0, 1):
        ext = [IPv6ExtHdrFragment(id=0xABCD1234, m=more)]
        sent = packet(B6.snat, B6.addr, l4, b"x" * 36, ext=ext, hlim=63)
        came = message(INNER_ROUTER[6], B6.snat, ICMPv6TimeExceeded(code=1), sent)
        meant = packet(CLIENT, VIP, TCP(sport=40000, dport=80, flags="A", seq=1001), b"x" * 36,
                       ttl=63, id=0x1234, flags="MF" if more else 0)
        # The checksum that scapy computes is the whole packet's; so is the one that is quoted.
        leaves = arrived(VIP, CLIENT, ICMP(type=11, code=1), meant)
        r.forward(RIGHT, on_wire(RIGHT, INNER_MAC, PORT_MAC[RIGHT], came), LEFT,
                  on_wire(LEFT, PORT_MAC[LEFT], CLIENT_MAC, leaves), "icmp_error")


@row
def across_quotes_headers_that_weir_does_not_send(r):
    r.tables(*TABLES)
    new, old = both(r)
    l4 = TCP(sport=old.c.source, dport=8080, flags="A")
    for ext in ([IPv6ExtHdrHopByHop()], [IPv6ExtHdrDestOpt()], [IPv6ExtHdrFragment(), IPv6ExtHdrDestOpt()]):
        came = message(INNER_ROUTER[6], B6.snat, ICMPv6DestUnreach(), packet(B6.snat, B6.addr, l4, ext=ext))
        r.drop(RIGHT, on_wire(RIGHT, INNER_MAC, PORT_MAC[RIGHT], came), "icmp_untranslatable")
    sent = packet(A.snat, A.addr, TCP(sport=new.c.source, dport=8080), options=[IPOption_NOP()] * 4)
    came = message(INNER_ROUTER[4], A.snat, unreachable(1), sent)
    r.drop(RIGHT, on_wire(RIGHT, INNER_MAC, PORT_MAC[RIGHT], came), "icmp_untranslatable")


@row
def across_vlans_too(r):
    deep = (backend(0, out=RIGHT_QINQ), backend6(1, out=RIGHT_QINQ))
    r.tables(TABLES[0], deep)
    new = Errors(Conversation(r, TABLES[0][0], deep[0], client=CLIENT6, port=LEFT_VLAN).established())
    old = Errors(Conversation(r, TABLES[0][1], deep[1], port=LEFT_VLAN).established())
    new.to_client(*TO_SIX[0], flags="A", payload=b"x")
    new.to_backend(*TO_FOUR[0], flags="A", payload=b"x")
    old.to_client(*TO_FOUR[0], flags="A", payload=b"x")
    old.to_backend(*TO_SIX[0], flags="A", payload=b"x")
