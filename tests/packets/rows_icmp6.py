# SPDX-License-Identifier: Apache-2.0
"""ICMPv6 errors about packets of weir's: which end they go to, and what they quote when they get there.

Each error is built by scapy twice: around the packet as its sender saw it, and around the one that the other end has sent.
"""

from scapy.layers.inet6 import (
    ICMPv6DestUnreach, ICMPv6EchoReply, ICMPv6EchoRequest, ICMPv6PacketTooBig, ICMPv6ParamProblem, ICMPv6TimeExceeded,
    IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, IPv6ExtHdrRouting,
)
from scapy.packet import Raw

from lab import *

WEB = Service(addr=VIP6)
DNS = Service(addr=VIP6, port=53, protocol="udp", turns=(0,), upstream=1, id=2)
ROUTER, ROUTER_MAC = "2001:db8:ff::1", "02:cc:00:00:00:01"
INNER_ROUTER, INNER_MAC = "fd00::fe", "02:cc:00:00:00:fe"
TOO_BIG, PORT = ICMPv6PacketTooBig(mtu=1280), ICMPv6DestUnreach(code=4)
ERRORS = (
    *(ICMPv6DestUnreach(code=code) for code in range(8)), TOO_BIG, ICMPv6PacketTooBig(mtu=0xFFFFFFFF),
    ICMPv6TimeExceeded(code=0), ICMPv6TimeExceeded(code=1),
    ICMPv6ParamProblem(code=0, ptr=6), ICMPv6ParamProblem(code=1, ptr=40), ICMPv6ParamProblem(code=2, ptr=0x12345678),
)
DATA, DATA_BACK = {"flags": "A", "seq": 1001, "ack": 5001}, {"flags": "A", "seq": 5001, "ack": 1001}


def l3(frame_):
    return split_link(frame_)[1]


def hop_later6(whole):
    whole = bytearray(whole)
    whole[7] -= 1
    return bytes(whole)


def error(src_mac, dst_mac, src, dst, quoted, kind, pad=b"", port=None, **ip):
    return on_wire(port, src_mac, dst_mac, bytes(IPv6(src=src, dst=dst, **ip) / kind.copy() / Raw(quoted)), pad)


class Errors:
    """Errors about a conversation's packets, on both sides of weir."""

    def __init__(self, conversation):
        self.c = conversation

    def about_answer(self, kind, cut=None, pad=b"", outer=None, **packet):
        """A router could not bring the client what the service sent: (as it comes, as the backend must get it)."""
        c, server, outer = self.c, self.c.server, outer or {}
        backend_sent, client_gets = (l3(one) for one in c.answer(**packet))
        came = error(
            ROUTER_MAC, PORT_MAC[c.port], ROUTER, c.service.addr, client_gets[:cut], kind, pad, port=c.port, **outer
        )
        source = server.snat if server.mode == "nat" else ROUTER
        leaves = error(
            PORT_MAC[server.out], server.mac, source, server.addr, hop_later6(backend_sent)[:cut], kind, pad,
            port=server.out, **({"hlim": 63} | outer)
        )
        return came, leaves

    def about_request(self, kind, cut=None, pad=b"", outer=None, **packet):
        """A router (or the backend) could not take what weir sent: (as it comes, as the client must get it)."""
        c, server, outer = self.c, self.c.server, outer or {}
        client_sent, backend_gets = (l3(one) for one in c.request(**packet))
        to = server.snat if server.mode == "nat" else c.client
        came = error(
            INNER_MAC, PORT_MAC[server.out], INNER_ROUTER, to, backend_gets[:cut], kind, pad, port=server.out, **outer
        )
        leaves = error(
            PORT_MAC[c.port], c.mac, c.service.addr, c.client, hop_later6(client_sent)[:cut], kind, pad,
            port=c.port, **({"hlim": 63} | outer)
        )
        return came, leaves

    def to_backend(self, kind, **packet):
        came, leaves = self.about_answer(kind, **packet)
        self.c.row.forward(self.c.port, came, self.c.server.out, leaves, "icmp_error")

    def to_client(self, kind, **packet):
        came, leaves = self.about_request(kind, **packet)
        self.c.row.forward(self.c.server.out, came, self.c.port, leaves, "icmp_error")


def talk(r, service=WEB, server=A6, **changes):
    return Conversation(r, service, server, client=CLIENT6, **changes)


def asked(r, **changes):
    c = talk(r, DNS, **changes)
    c.ask("flow_new", payload=b"question")
    return c


@row
def icmp6_every_error(r):
    r.tables([WEB, DNS], [A6])
    e, u = Errors(talk(r).established()), Errors(asked(r))
    for kind in ERRORS:
        e.to_backend(kind, payload=b"x" * 100, **DATA_BACK)
        e.to_client(kind, payload=b"y" * 99, **DATA)
        u.to_backend(kind, payload=b"answer")
        u.to_client(kind, payload=b"question")


@row
def icmp6_error_goes_to_its_own_backend(r):
    two = Service(addr=VIP6, turns=(0, 1))
    r.tables([two], [A6, B6])
    first, second = talk(r, two).established(), talk(r, two, B6, sport=40001).established()
    for c in (second, first, second):
        Errors(c).to_backend(TOO_BIG, payload=b"x" * 1100, **DATA_BACK)
        Errors(c).to_client(TOO_BIG, payload=b"x" * 1100, **DATA)


@row
def icmp6_eight_bytes_are_enough(r):
    """A TCP header's checksum lies behind them. Half a one is left alone."""
    r.tables([WEB, DNS], [A6])
    e, u = Errors(talk(r).established()), Errors(asked(r))
    for cut in [*range(48, 57), *range(58, 80)]:
        e.to_backend(TOO_BIG, cut=cut, payload=b"z" * 20, **DATA_BACK)
        e.to_client(TOO_BIG, cut=cut, payload=b"z" * 20, **DATA)
    for cut in range(48, 54):
        u.to_backend(PORT, cut=cut, payload=b"answer")
        u.to_client(PORT, cut=cut, payload=b"question")


@row
def icmp6_padding_is_no_quote(r):
    r.tables([WEB], [A6])
    e = Errors(talk(r).established())
    for pad in (b"\0" * 4, b"\xee" * 12, b"\xee" * 40):
        e.to_backend(TOO_BIG, cut=48, pad=pad, **DATA_BACK)
        e.to_client(TOO_BIG, cut=48, pad=pad, **DATA)


@row
def icmp6_quotes_too_little(r):
    r.tables([WEB], [A6])
    e = Errors(talk(r).established())
    for cut in range(48):
        r.to_host(LEFT, e.about_answer(TOO_BIG, cut=cut, **DATA_BACK)[0], "icmp_short")
        r.to_host(RIGHT, e.about_request(TOO_BIG, cut=cut, pad=b"\xee" * 64, **DATA)[0], "icmp_short")


@row
def icmp6_cut_at_each_byte(r):
    r.tables([WEB], [A6])
    came, _ = Errors(talk(r).established()).about_answer(TOO_BIG, **DATA_BACK)
    for length in range(14, len(came)):
        r.drop(LEFT, came[:length], "truncated")


@row
def icmp6_own_header_cut(r):
    r.tables([WEB], [A6])
    for length in range(8):
        whole = bytes(IPv6(src=ROUTER, dst=VIP6, nh=58) / Raw(b"\1" * length))
        r.drop(LEFT, on_wire(LEFT, ROUTER_MAC, PORT_MAC[LEFT], whole), "truncated")
        r.drop(LEFT, on_wire(LEFT, ROUTER_MAC, PORT_MAC[LEFT], whole, pad=b"\1" * 60), "truncated")


@row
def icmp6_behind_and_around_extension_headers(r):
    """Those of the message are kept, those of the quoted packet are stepped over."""
    r.tables([WEB, DNS], [A6])
    e, u = Errors(talk(r).established()), Errors(asked(r))
    for chain in ([IPv6ExtHdrHopByHop()], [IPv6ExtHdrDestOpt()] * 2, [IPv6ExtHdrFragment(id=7)]):
        for kind in (TOO_BIG, PORT):
            e.to_backend(kind, payload=b"x" * 30, ip={"ext": chain}, **DATA_BACK)
            e.to_client(kind, payload=b"x" * 30, ip={"ext": chain}, **DATA)
            u.to_client(kind, payload=b"x" * 30, ip={"ext": chain})
    for cut in range(40, 72):  # a whole quote of these headers has 72 bytes with the ports
        came, _ = e.about_answer(TOO_BIG, cut=cut, ip={"ext": [IPv6ExtHdrDestOpt()] * 3}, **DATA_BACK)
        r.to_host(LEFT, came, "icmp_short")


@row
def icmp6_quotes_extension_headers_for_the_host(r):
    r.tables([WEB], [A6])
    e = Errors(talk(r).established())
    for chain in ([IPv6ExtHdrRouting(segleft=1)], [IPv6ExtHdrDestOpt()] * 5, [IPv6ExtHdrFragment(offset=5)]):
        came, _ = e.about_answer(TOO_BIG, ip={"ext": chain}, **DATA_BACK)
        r.to_host(LEFT, came, "icmp")


@row
def icmp6_quoted_udp_without_checksum(r):
    r.tables([DNS], [A6])
    e = Errors(asked(r))
    e.to_backend(PORT, payload=b"answer", chksum=0)
    e.to_client(PORT, payload=b"question", chksum=0)


@row
def icmp6_fields_are_kept(r):
    r.tables([WEB], [A6])
    e = Errors(talk(r).established())
    came, leaves = e.about_answer(TOO_BIG, outer={"tc": 0xC0, "fl": 0x12345}, ip={"tc": 0x2E, "fl": 0xABCDE}, **DATA_BACK)
    r.forward(LEFT, came, RIGHT, leaves, "icmp_error")
    came, leaves = e.about_request(TOO_BIG, outer={"tc": 0x01, "fl": 1}, ip={"tc": 0xFF, "fl": 2}, **DATA)
    r.forward(RIGHT, came, LEFT, leaves, "icmp_error")


@row
def icmp6_damage_stays_damage(r):
    """A message whose checksum is wrong by some number leaves wrong by the same number."""
    r.tables([WEB], [A6])
    e = Errors(talk(r).established())
    for came, leaves in (e.about_answer(TOO_BIG, payload=b"x", **DATA_BACK), e.about_answer(PORT, cut=50, **DATA_BACK)):
        came, leaves = bytearray(came), bytearray(leaves)
        for one in (came, leaves):
            one[14 + 40 + 5] ^= 0x55  # a byte that nobody else covers
        r.forward(LEFT, bytes(came), RIGHT, bytes(leaves), "icmp_error")


@row
def icmp6_of_nobody_is_the_hosts(r):
    r.tables([WEB, DNS], [A6])
    c, stranger = talk(r).established(), talk(r, sport=40009)
    for kind in ERRORS:
        r.to_host(LEFT, Errors(stranger).about_answer(kind, **DATA_BACK)[0], "icmp")
        r.to_host(RIGHT, Errors(stranger).about_request(kind, **DATA)[0], "icmp")
    # Not addressed to whom the quoted packet came from.
    _, client_gets = (l3(one) for one in c.answer(**DATA_BACK))
    r.to_host(LEFT, error(ROUTER_MAC, PORT_MAC[LEFT], ROUTER, "2001:db8:2::11", client_gets, TOO_BIG), "icmp")


@row
def icmp6_quotes_garbage(r):
    """The quoted header lies: another version, another protocol, an address that is on no wire."""
    r.tables([WEB], [A6])
    good = l3(talk(r).established().answer(**DATA_BACK)[1])

    def quote(at, value):
        bad = good[:at] + value + good[at + len(value) :]
        return error(ROUTER_MAC, PORT_MAC[LEFT], ROUTER, VIP6, bad, PORT)

    for first in (0x00, 0x45, 0x50, 0x70, 0xF0):
        r.to_host(LEFT, quote(0, bytes([first])), "icmp")
    for protocol in (1, 4, 41, 47, 50, 51, 58, 59, 135, 255):
        r.to_host(LEFT, quote(6, bytes([protocol])), "icmp")
    r.to_host(LEFT, quote(24, b"\0" * 10 + b"\xff\xff"), "icmp")


@row
def icmp6_that_is_no_error_is_the_hosts(r):
    r.tables([WEB], [A6])
    quoted = l3(talk(r).established().answer(**DATA_BACK)[1])
    for kind in (ICMPv6EchoRequest(), ICMPv6EchoReply(), ICMPv6DestUnreach(type=0), ICMPv6DestUnreach(type=5),
                 ICMPv6DestUnreach(type=127), ICMPv6DestUnreach(type=137)):
        r.to_host(LEFT, error(CLIENT_MAC, PORT_MAC[LEFT], CLIENT6, VIP6, quoted, kind), "icmp")


@row
def icmp6_hop_limit_used_up(r):
    r.tables([WEB], [A6])
    e = Errors(talk(r).established())
    for left in (0, 1):
        r.drop(LEFT, e.about_answer(TOO_BIG, outer={"hlim": left}, **DATA_BACK)[0], "ttl")
        r.drop(RIGHT, e.about_request(TOO_BIG, outer={"hlim": left}, **DATA)[0], "ttl")


@row
def icmp6_next_hop_unknown(r):
    r.tables([WEB], [A6])
    e = Errors(talk(r).established())
    r.tables([WEB], [backend6(0, reachable=False)])
    r.drop(LEFT, e.about_answer(TOO_BIG, **DATA_BACK)[0], "no_next_hop")


@row
def icmp6_across_vlans(r):
    deep = backend6(0, out=RIGHT_QINQ)
    r.tables([WEB], [deep])
    for number, port in enumerate((LEFT, LEFT_VLAN)):
        e = Errors(talk(r, server=deep, sport=40000 + number, port=port).established())
        for kind in ERRORS:
            e.to_backend(kind, payload=b"x" * 100, **DATA_BACK)
            e.to_client(kind, payload=b"y" * 99, **DATA)


@row
def icmp6_in_transparent_mode(r):
    """The backend, which has a way to the client, sees which router it was."""
    open_ = backend6(0, mode="transparent")
    r.tables([WEB], [open_])
    e = Errors(talk(r, server=open_).established())
    for kind in ERRORS:
        e.to_backend(kind, payload=b"x" * 100, **DATA_BACK)
        e.to_client(kind, payload=b"y" * 99, **DATA)


@row
def icmp6_where_packets_stay_as_they_are(r):
    """dsr and ipip: the backend has the service's address, and gets the error as it came."""
    near, far = backend6(0, mode="dsr"), backend6(1, mode="ipip")
    services = [WEB, Service(addr="2001:db8:2::11", turns=(1,), upstream=1, id=2)]
    r.tables(services, [near, far])

    for service, server in zip(services, (near, far)):
        c = talk(r, service, server)
        hashed = model.tuple_hash(SEED, CLIENT6, c.sport, service.addr, 80, "tcp")
        label = (hashed >> 4 & 15) << 16 | (hashed >> 48 ^ hashed >> 8) & 0xFFFF  # the flow's own (RFC 6438)

        def behind(came):
            whole = l3(came)
            if server.mode == "ipip":
                whole = bytes(IPv6(src=server.snat, dst=server.addr, fl=label, hlim=64, nh=41) / Raw(whole))
            return on_wire(RIGHT, PORT_MAC[RIGHT], server.mac, whole)

        sent, _ = c.request(flags="S", seq=1000)
        r.forward(LEFT, sent, RIGHT, behind(sent), "flow_new")
        for kind in ERRORS:
            client_gets = packet(service.addr, CLIENT6, TCP(sport=80, dport=40000, flags="SA"))
            came = error(ROUTER_MAC, PORT_MAC[LEFT], ROUTER, service.addr, client_gets, kind)
            r.forward(LEFT, came, RIGHT, behind(came), "icmp_error")
