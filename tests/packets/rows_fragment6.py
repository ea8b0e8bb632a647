# SPDX-License-Identifier: Apache-2.0
"""Fragments of IPv6, and fragments between the families: later ones follow their datagram's first."""

from scapy.layers.inet import IP, TCP, UDP, IPOption_NOP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop
from scapy.packet import Raw

from lab import *
from rows_answer import too_big

WEB = Service(addr=VIP6)
DNS = Service(addr=VIP6, port=53, protocol="udp", turns=(0, 1), upstream=1, id=2)
OLD_DNS = Service(port=53, protocol="udp", turns=(1,), upstream=2, id=3)
ID = 0x89ABCDEF


def fragment(head, at, more, piece, next_header, id, ext=()):
    """One fragment behind `head`; `ext` are of the part that every router reads."""
    for one in ext:
        head = head / one.copy()
    return bytes(head / IPv6ExtHdrFragment(nh=next_header, offset=at // 8, m=int(more), id=id) / Raw(piece))


def cut(frame_, size, id=ID, ext=(), inner=(), pad=b"", keep_ids=True):
    """The frame's packet, which has no options and no extension headers, in fragments of `size` bytes of payload.

    `inner` are extension headers that are fragmented with it. IPv4 has the lower half of the id, and no DF.
    """
    link_, whole = split_link(frame_)
    frames = []
    if whole[0] >> 4 == 4:
        head, payload = IP(whole[:20]), whole[20:]
    else:
        head, payload = IPv6(whole[:40]), whole[40:]
        protocol = head.nh
        if inner:
            chain = inner[0].copy()
            for one in inner[1:]:
                chain = chain / one.copy()
            raw = bytes(IPv6(src="::", dst="::") / chain / Raw(b""))[40:]
            payload = raw[:-8] + bytes([protocol]) + raw[-7:] + payload
            protocol = 60
    for at in range(0, len(payload), size):
        more, piece = at + size < len(payload), payload[at : at + size]
        if whole[0] >> 4 == 4:
            one = IP(src=head.src, dst=head.dst, tos=head.tos, ttl=head.ttl, proto=head.proto, id=id & 0xFFFF,
                     flags="MF" if more else 0, frag=at // 8)
            frames.append(link_ + bytes(one / Raw(piece)) + pad)
        else:
            one = IPv6(src=head.src, dst=head.dst, tc=head.tc, fl=head.fl, hlim=head.hlim)
            frames.append(link_ + fragment(one, at, more, piece, protocol, id, ext) + pad)
    return frames


def pieces(pair, size, id=ID, **options):
    """As they come, and as they leave."""
    sent, received = pair
    was_v4 = split_link(sent)[1][0] >> 4 == 4
    return list(zip(cut(sent, size, id, **options), cut(received, size, id & 0xFFFF if was_v4 else id, **options)))


class Fragments:
    def __init__(self, conversation):
        self.c, self.row = conversation, conversation.row

    def ask(self, size, first="flow_hit", order=None, id=ID, ext=(), inner=(), pad=b"", **what):
        parts = pieces(self.c.request(**what), size, id, ext=ext, inner=inner, pad=pad)
        for number in order or range(len(parts)):
            came, leaves = parts[number]
            self.row.forward(self.c.port, came, self.c.server.out, leaves, first)
            first = "flow_hit"

    def reply(self, size, order=None, id=ID, ext=(), inner=(), pad=b"", **what):
        parts = pieces(self.c.answer(**what), size, id, ext=ext, inner=inner, pad=pad)
        for number in order or range(len(parts)):
            came, leaves = parts[number]
            self.row.forward(self.c.server.out, came, self.c.port, leaves)


def talk(r, service=DNS, server=A6, **changes):
    return Conversation(r, service, server, client=CLIENT6, **changes)


@row
def fragment6_both_ways(r):
    r.tables([DNS], [A6, B6])
    f = Fragments(talk(r))
    f.ask(512, "flow_new", payload=bytes(range(256)) * 8)
    f.reply(512, payload=bytes(range(256)) * 9)
    f.ask(1232, payload=b"0123456789" * 6000, id=0xFFFFFFFF)
    f.reply(1232, payload=b"9876543210" * 6000, id=0)


@row
def fragment6_of_tcp(r):
    r.tables([WEB], [A6])
    c = talk(r, WEB).established()
    f = Fragments(c)
    f.ask(64, flags="PA", seq=1001, ack=5001, payload=b"x" * 300)
    f.reply(24, flags="PA", seq=5001, ack=1301, payload=b"y" * 100)
    c.ask(flags="A", seq=1301, ack=5101)


@row
def fragment6_behind_and_around_extension_headers(r):
    """Behind the fragment header a later fragment has not the header that it names; the first says what it is of."""
    r.tables([DNS, WEB], [A6, B6])
    f = Fragments(talk(r))
    f.ask(64, "flow_new", payload=b"x" * 240, ext=[IPv6ExtHdrHopByHop()])
    f.ask(64, payload=b"x" * 240, ext=[IPv6ExtHdrHopByHop(), IPv6ExtHdrDestOpt()], pad=b"\xee" * 7)
    f.ask(64, payload=b"\x3a\0\0\0" * 60, inner=[IPv6ExtHdrDestOpt()])
    f.reply(64, payload=b"\x3a\0\0\0" * 60, inner=[IPv6ExtHdrDestOpt()] * 2)


@row
def fragment6_any_order_behind_the_first(r):
    r.tables([DNS], [A6, B6])
    Fragments(talk(r)).ask(64, "flow_new", order=(0, 3, 1, 2, 2), payload=b"x" * 240)


@row
def fragment6_payload_is_not_read_as_ports(r):
    """Two datagrams at once whose later fragments begin with the other's ports."""
    r.tables([DNS], [A6, B6])
    a, b = talk(r), talk(r, server=B6, sport=40001)
    ports = b"\x9c\x41\x00\x35" * 64
    pa, pb = pieces(a.request(payload=ports), 64, 1), pieces(b.request(payload=ports), 64, 2)
    r.forward(LEFT, pa[0][0], RIGHT, pa[0][1], "flow_new")
    r.forward(LEFT, pb[0][0], RIGHT, pb[0][1], "flow_new")
    for (a_came, a_leaves), (b_came, b_leaves) in zip(pa[1:], pb[1:]):
        r.forward(LEFT, a_came, RIGHT, a_leaves)
        r.forward(LEFT, b_came, RIGHT, b_leaves)


@row
def fragment6_before_its_first(r):
    """Not held: the host sees it, under a name of its own. Those behind the first pass."""
    r.tables([DNS], [A6, B6])
    parts = pieces(talk(r).request(payload=b"x" * 240), 64)
    r.to_host(LEFT, parts[1][0], "fragment")
    r.forward(LEFT, parts[0][0], RIGHT, parts[0][1], "flow_new")
    r.forward(LEFT, parts[1][0], RIGHT, parts[1][1])


@row
def fragment6_of_another_datagram(r):
    """All of source, destination and id count; the protocol that a later one names does not (RFC 8200 section 4.5)."""
    r.tables([DNS], [A6, B6])
    c = talk(r)
    parts = pieces(c.request(payload=b"x" * 240), 64)
    r.forward(LEFT, parts[0][0], RIGHT, parts[0][1], "flow_new")
    for src, dst, id in ((CLIENT6, VIP6, ID ^ 0x10000), ("2001:db8:51::8", VIP6, ID), (CLIENT6, "2001:db8:2::11", ID)):
        other = fragment(IPv6(src=src, dst=dst), 64, True, b"x" * 64, 17, ID if id == ID else id)
        r.to_host(LEFT, on_wire(LEFT, CLIENT_MAC, PORT_MAC[LEFT], other), "fragment")
    r.forward(LEFT, parts[2][0], RIGHT, parts[2][1])


@row
def fragment6_expires(r):
    r.tables([DNS], [A6, B6])
    parts = pieces(talk(r).request(payload=b"x" * 240), 64)
    r.forward(LEFT, parts[0][0], RIGHT, parts[0][1], "flow_new")
    r.age(14_000)
    r.forward(LEFT, parts[1][0], RIGHT, parts[1][1])
    r.age(1_200)
    r.to_host(LEFT, parts[2][0], "fragment")


@row
def fragment6_id_used_again(r):
    """For the next datagram, of another flow and another protocol."""
    web = Service(addr=VIP6, turns=(0,))
    r.tables([DNS, web], [A6, B6])
    a, b, t = talk(r), talk(r, server=B6, sport=40001), talk(r, web, sport=40002).established()
    Fragments(a).ask(64, "flow_new", payload=b"x" * 200)
    Fragments(b).ask(64, "flow_new", payload=b"y" * 200)
    Fragments(t).ask(64, flags="A", seq=1001, payload=b"t" * 200)
    Fragments(a).ask(64, payload=b"z" * 200)


@row
def fragment6_of_the_hosts_own(r):
    r.tables([DNS], [A6, B6])
    whole = on_wire(LEFT, CLIENT_MAC, PORT_MAC[LEFT], packet(CLIENT6, VIP6, UDP(sport=1, dport=2049), b"x" * 200))
    for part in cut(whole, 64):
        r.to_host(LEFT, part, "not_service")
    for protocol in (58, 132, 59):
        for at, more in ((0, True), (64, True), (128, False)):
            part = fragment(IPv6(src=CLIENT6, dst=VIP6), at, more, b"x" * 64, protocol, 7)
            r.to_host(LEFT, on_wire(LEFT, CLIENT_MAC, PORT_MAC[LEFT], part), "fragment")


@row
def fragment6_tiny(r):
    """RFC 7112: the first has all headers. RFC 5722: none other reaches into TCP's."""
    r.tables([WEB, DNS], [A6, B6])
    tcp = talk(r, WEB).request(flags="S", seq=1, payload=b"x" * 64)[0]
    for size in (8, 16):
        for number, part in enumerate(cut(tcp, size)[:3]):
            if number * size < 20:
                r.drop(LEFT, part, "fragment_tiny")
    r.drop(LEFT, cut(tcp, 24, inner=[IPv6ExtHdrDestOpt()])[0], "fragment_tiny")
    for length in range(0, 8):
        part = fragment(IPv6(src=CLIENT6, dst=VIP6), 0, True, b"\0" * length, 17, 7)
        r.drop(LEFT, on_wire(LEFT, CLIENT_MAC, PORT_MAC[LEFT], part), "fragment_tiny")
        part = fragment(IPv6(src=CLIENT6, dst=VIP6), 0, True, b"\x11\0" + b"\0" * length, 60, 7)
        r.drop(LEFT, on_wire(LEFT, CLIENT_MAC, PORT_MAC[LEFT], part), "fragment_tiny")


@row
def fragment6_bad_headers(r):
    r.tables([WEB, DNS], [A6, B6])
    first, second = cut(talk(r).request(payload=b"x" * 240)[0], 64)[:2]
    for part in (first, second):
        for length in range(14, len(part)):
            r.drop(LEFT, part[:length], "truncated")
    for length in range(8):  # the fragment header itself is not all there
        part = bytes(IPv6(src=CLIENT6, dst=VIP6, nh=44) / Raw(b"\x11\0\0\1\0\0\0\7"[:length]))
        r.drop(LEFT, on_wire(LEFT, CLIENT_MAC, PORT_MAC[LEFT], part, pad=b"\xee" * 60), "truncated")
    short = bytearray(first)
    short[14 + 48 + 4 : 14 + 48 + 6] = b"\0\7"  # a UDP length below its header
    r.drop(LEFT, bytes(short), "udp_header")
    tcp = bytearray(cut(talk(r, WEB).request(flags="S", payload=b"x" * 64)[0], 40)[0])
    tcp[14 + 48 + 12] = 0x40
    r.drop(LEFT, bytes(tcp), "tcp_header")
    nested = fragment(IPv6(src=CLIENT6, dst=VIP6), 0, True, b"\x11\0\0\1\0\0\0\7" + b"x" * 32, 44, 7)
    r.to_host(LEFT, on_wire(LEFT, CLIENT_MAC, PORT_MAC[LEFT], nested), "extension_headers")


@row
def fragment6_whole_in_one(r):
    """RFC 6946: such a packet is as any other, and leaves no ports behind for others of its id."""
    r.tables([DNS], [A6, B6])
    c = talk(r)
    atomic = IPv6ExtHdrFragment(id=ID)
    c.ask("flow_new", payload=b"x" * 20, ip={"ext": [atomic]})
    r.to_host(LEFT, cut(c.request(payload=b"x" * 240)[0], 64)[1], "fragment")
    c.reply(payload=b"y" * 20, ip={"ext": [IPv6ExtHdrHopByHop(), atomic]})


@row
def fragment6_hop_limit_used_up(r):
    r.tables([DNS], [A6, B6])
    c = talk(r)
    c.ask("flow_new", payload=b"x")
    for port, whole in ((LEFT, c.request(payload=b"x" * 200, ip={"hlim": 1})[0]),
                        (RIGHT, c.answer(payload=b"x" * 200, ip={"hlim": 1})[0])):
        first, *later = cut(whole, 64)
        r.forward(port, first, port, time_exceeded(first, port), "time_exceeded_sent")
        for came in later:
            r.drop(port, came, "ttl")


@row
def fragment6_across_vlans(r):
    deep = backend6(0, out=RIGHT_QINQ)
    one = Service(addr=VIP6, port=53, protocol="udp", turns=(0,), upstream=1, id=2)
    r.tables([one], [deep])
    f = Fragments(talk(r, one, deep, port=LEFT_VLAN))
    f.ask(512, "flow_new", payload=bytes(range(256)) * 8)
    f.reply(512, payload=bytes(range(256)) * 9)


@row
def fragment6_where_packets_stay_as_they_are(r):
    near = backend6(0, mode="dsr")
    r.tables([DNS], [near, B6])
    f = Fragments(talk(r, server=near))
    f.ask(512, "flow_new", payload=bytes(range(256)) * 8)


CROSSING = ([Service(addr=VIP6, port=53, protocol="udp", turns=(0,), upstream=1, id=2), OLD_DNS], [A, B6])


@row
def fragment_between_families(r):
    """RFC 7915 sections 4.1 and 5.1.1: IPv6's id is IPv4's with zeros before it, IPv4's the lower half of IPv6's."""
    r.tables(*CROSSING)
    six, four = Fragments(talk(r, CROSSING[0][0], A)), Fragments(Conversation(r, OLD_DNS, B6))
    for f in (six, four):
        f.ask(512, "flow_new", payload=bytes(range(256)) * 8, order=(0, 2, 4, 1, 3))
        f.reply(512, payload=bytes(range(256)) * 9)
        f.ask(1232, payload=b"0123456789" * 6000, id=0xFFFFFFFF)
        f.reply(1232, payload=b"9876543210" * 6000, id=0x10000)
        f.ask(64, payload=b"x" * 200, ip={"tos" if f is four else "tc": 0xB9, "ttl" if f is four else "hlim": 2})


@row
def fragment_between_families_of_tcp(r):
    services = [WEB, Service(turns=(1,), upstream=1, id=2)]
    r.tables(services, [A, B6])
    for c in (talk(r, WEB, A).established(), Conversation(r, services[1], B6).established()):
        Fragments(c).ask(64, flags="PA", seq=1001, ack=5001, payload=b"x" * 300)
        Fragments(c).reply(24, flags="PA", seq=5001, ack=1301, payload=b"y" * 100)


@row
def fragment_between_families_loses_options_and_extension_headers(r):
    r.tables(*CROSSING)
    c = talk(r, CROSSING[0][0], A)
    reason = "flow_new"
    for came, leaves in zip(cut(c.request(payload=b"x" * 200)[0], 64, ext=[IPv6ExtHdrHopByHop(), IPv6ExtHdrDestOpt()]),
                            cut(c.request(payload=b"x" * 200)[1], 64)):
        r.forward(LEFT, came, RIGHT, leaves, reason)
        reason = "flow_hit"
    c = Conversation(r, OLD_DNS, B6)
    reason = "flow_new"
    for came, leaves in zip(cut(c.request(payload=b"x" * 200)[0], 64), cut(c.request(payload=b"x" * 200)[1], 64, ID & 0xFFFF)):
        whole = IP(split_link(came)[1])
        whole.options, whole.len, whole.ihl, whole.chksum = [IPOption_NOP()] * 8, None, None, None
        r.forward(LEFT, split_link(came)[0] + bytes(whole), RIGHT, leaves, reason)
        reason = "flow_hit"


@row
def fragment_between_families_with_headers_inside(r):
    """Those that would go count in the offsets of all fragments: the host's, and no flow starts."""
    r.tables(*CROSSING)
    c = talk(r, CROSSING[0][0], A)
    for reason in ("flow_new", "flow_hit"):
        for came in cut(c.request(payload=b"x" * 200)[0], 64, inner=[IPv6ExtHdrDestOpt()]):
            r.to_host(LEFT, came, "fragment")
        c.ask(reason, payload=b"whole")
    c = Conversation(r, OLD_DNS, B6)
    c.ask("flow_new", payload=b"question")
    for came in cut(c.answer(payload=b"x" * 200)[0], 64, inner=[IPv6ExtHdrDestOpt()]):
        r.to_host(RIGHT, came, "fragment")


@row
def fragment_between_families_without_checksum(r):
    """RFC 7915 section 4.5. The later ones of such a datagram pass, and are of no use to anybody."""
    r.tables(*CROSSING)
    c = Conversation(r, OLD_DNS, B6)
    c.ask("flow_new", payload=b"computed")
    parts = pieces(c.request(payload=b"x" * 200, chksum=0), 64)
    r.drop(LEFT, parts[0][0], "udp_no_checksum")
    r.forward(LEFT, parts[1][0], RIGHT, parts[1][1])


@row
def fragment_between_families_too_long_for_the_way(r):
    """28 bytes more: IPv4 without DF, which weir would have to fragment again. Its sender hears of it."""
    tight = backend6(1, mtu=1500)
    r.tables(CROSSING[0], [A, tight])
    c = Conversation(r, OLD_DNS, tight)
    parts = pieces(c.request(payload=b"x" * 5000), 1480)
    r.forward(LEFT, parts[0][0], LEFT, too_big(parts[0][0], 1472), "too_big_sent")
    r.drop(LEFT, parts[1][0], "must_fragment")
    c.ask("flow_hit", payload=b"x" * 1400)
    for came, leaves in pieces(c.request(payload=b"x" * 5000), 1448, 5):
        r.forward(LEFT, came, RIGHT, leaves)
