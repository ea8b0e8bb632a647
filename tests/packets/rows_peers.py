# SPDX-License-Identifier: Apache-2.0
"""ICMP errors between balancers: whom one asks, in which order, what comes of the answer, and what is none of it.

A row is one balancer; the others are what it sends to and hears from. What it sends is the error as it came, behind IP and
UDP, whose source port says which of its peers is asked (0xC000 and its place), or that it comes back (0xC100 and the place).
"""

from scapy.layers.inet import ICMP, IP, IPOption_NOP, TCP, UDP
from scapy.layers.inet6 import ICMPv6PacketTooBig, IPv6, IPv6ExtHdrDestOpt, PadN
from scapy.packet import Raw

import rows_icmp
import rows_icmp6
import rows_icmp_across as across
from lab import *

WEB = Service(turns=(0,))
WEB6 = Service(addr=VIP6, turns=(1,), upstream=1, id=2)
PORT_OF_PEERS = 6082
SELF, SELF6 = "10.0.0.1", "fd00::1"


def peer(id, addr, mac_end, snat=SELF, **changes):
    fields = {"port": PORT_OF_PEERS, "tunnel_port": PORT_OF_PEERS, "snat": snat, "mode": "gue", "out": LEFT}
    return Backend(id=id, addr=addr, mac=f"02:ee:00:00:00:{mac_end}", **(fields | changes))


P, Q = peer(5, "10.0.0.2", "02"), peer(6, "10.0.0.3", "03")
P6 = peer(7, "fd00::2", "62", snat=SELF6)
FIRST, SECOND, FIRST_BACK, SECOND_BACK = 0xC000, 0xC001, 0xC100, 0xC101


def peers(*turns):
    """The service as control writes it: at each address of the balancer's own, and where the packet program looks."""
    return [
        Service(addr=addr, port=PORT_OF_PEERS, protocol="udp", turns=turns, upstream=7, id=20 + number, stateless=True,
                peers=True)
        for number, addr in enumerate((SELF, SELF6, "::"))
    ]


def outer(src, dst, mark, whole):
    """RFC 6040: DSCP and ECN are the inner header's. DF is, too, which all errors here have set."""
    v6 = whole[0] >> 4 == 6
    inner = IPv6(whole) if v6 else IP(whole)
    tos = inner.tc if v6 else inner.tos
    datagram = UDP(sport=mark, dport=PORT_OF_PEERS, chksum=0) / Raw(whole)
    if ":" in src:
        return IPv6(src=src, dst=dst, tc=tos, hlim=64) / datagram
    return IP(src=src, dst=dst, tos=tos, ttl=64, id=0, flags="DF") / datagram


def l3(frame_):
    return split_link(frame_)[1]


def asking(to, mark, whole, port=None, label=0):
    """What this balancer sends to a peer."""
    head = outer(to.snat, to.addr, mark, whole)
    if ":" in to.addr:
        head.fl = label
    port = to.out if port is None else port
    return on_wire(port, PORT_MAC[port], to.mac, bytes(head))


def asked(by, mark, whole, port=LEFT, pad=b"", to=None):
    """What a peer sends to this one."""
    return on_wire(port, by.mac, PORT_MAC[port], bytes(outer(by.addr, to or by.snat, mark, whole)), pad)


def stranger(r, **fields):
    """An error about a flow that this balancer does not have."""
    c = Conversation(r, WEB, A, sport=40777)
    client_gets = l3(c.answer(flags="A", seq=5001, ack=1001, payload=b"z" * 30)[1])
    return IP(src=rows_icmp.ROUTER, dst=VIP, flags="DF", **fields) / ICMP(type=3, code=4, nexthopmtu=1400) / Raw(client_gets)


def from_router(whole, port=LEFT):
    return on_wire(port, rows_icmp.ROUTER_MAC, PORT_MAC[port], whole)


def known(r, service=WEB, server=A):
    """A flow of this balancer's, an error about it as it comes, and as its backend must get it."""
    e = rows_icmp.Errors(Conversation(r, service, server).established())
    came, leaves = e.about_answer({"type": 3, "code": 4, "nexthopmtu": 1280}, flags="A", seq=5001, ack=1001)
    return l3(came), leaves


@row
def peers_one_after_the_other(r):
    r.tables([WEB, *peers(5, 6)], [A, P, Q])
    for tos in (0, 0xB9):
        whole = bytes(stranger(r, tos=tos))
        r.forward(LEFT, from_router(whole), LEFT, asking(P, FIRST, whole), "icmp_to_peer")
        r.forward(LEFT, asked(P, FIRST_BACK, whole), LEFT, asking(Q, SECOND, whole), "icmp_to_peer")
        r.drop(LEFT, asked(Q, SECOND_BACK, whole), "icmp_no_peer")


@row
def peers_get_an_answer(r):
    """What is not known here goes back to who asked, whatever this balancer's own list is like."""
    r.tables([WEB, *peers(5, 6)], [A, P, Q])
    whole = bytes(stranger(r))
    r.forward(LEFT, asked(P, FIRST, whole), LEFT, asking(P, FIRST_BACK, whole), "icmp_to_peer")
    r.forward(LEFT, asked(Q, FIRST, whole), LEFT, asking(Q, FIRST_BACK, whole), "icmp_to_peer")
    r.forward(LEFT, asked(Q, 0xC003, whole), LEFT, asking(Q, 0xC103, whole), "icmp_to_peer")


@row
def peers_bring_what_is_known_here(r):
    """As if it came from the wire: no byte of the way shows, TTL included."""
    r.tables([WEB, *peers(5, 6)], [A, P, Q])
    whole, leaves = known(r)
    for mark in (FIRST, SECOND, FIRST_BACK):
        r.forward(LEFT, asked(P, mark, whole), RIGHT, leaves, "icmp_error")
        r.forward(LEFT, asked(Q, mark, whole, pad=b"\xee" * 9), RIGHT, leaves + b"\xee" * 9, "icmp_error")


@row
def peers_bring_errors_of_ipv6(r):
    r.tables([WEB6, *peers(5, 7)], [B6, P, P6])
    c = Conversation(r, WEB6, B6, client=CLIENT6).established()
    came, leaves = rows_icmp6.Errors(c).about_answer(ICMPv6PacketTooBig(mtu=1280), flags="A", seq=5001, payload=b"y" * 9)
    for by in (P, P6):
        r.forward(LEFT, asked(by, FIRST, l3(came)), RIGHT, leaves, "icmp_error")
    lost = Conversation(r, WEB6, B6, client=CLIENT6, sport=40777)
    came, _ = rows_icmp6.Errors(lost).about_answer(ICMPv6PacketTooBig(mtu=1280), flags="A", seq=5001, payload=b"y" * 9)
    r.forward(LEFT, came, LEFT, asking(P, FIRST, l3(came)), "icmp_to_peer")
    hashed = model.tuple_hash(SEED, CLIENT6, 40777, VIP6, 80, "tcp")
    label = (hashed >> 4 & 15) << 16 | (hashed >> 48 ^ hashed >> 8) & 0xFFFF
    r.forward(LEFT, asked(P, FIRST_BACK, l3(came)), LEFT, asking(P6, SECOND, l3(came), label=label), "icmp_to_peer")


@row
def peers_between_families(r):
    """The flow crosses, and the error arrived at another balancer."""
    six = Service(addr=VIP6, turns=(0,), upstream=1, id=2)
    r.tables([six, *peers(5)], [A, P])
    c = Conversation(r, six, A, client=CLIENT6).established()
    for kind, becomes in (across.TO_FOUR[0], across.TO_FOUR[6]):
        came, leaves = across.Errors(c).about_answer(kind, becomes, flags="A", seq=5001, payload=b"y" * 9)
        r.forward(LEFT, asked(P, FIRST, l3(came)), RIGHT, leaves, "icmp_error")


@row
def peers_where_packets_stay_as_they_are(r):
    near = backend(0, mode="dsr")
    r.tables([WEB, *peers(5)], [near, P])
    c = Conversation(r, WEB, near)
    sent, _ = c.request(flags="S", seq=1000)
    r.forward(LEFT, sent, RIGHT, on_wire(RIGHT, PORT_MAC[RIGHT], near.mac, l3(sent)), "flow_new")
    quoted = packet(VIP, CLIENT, TCP(sport=80, dport=40000, flags="SA"))
    whole = bytes(IP(src=rows_icmp.ROUTER, dst=VIP) / ICMP(type=3, code=1) / Raw(quoted))
    r.forward(LEFT, asked(P, FIRST, whole), RIGHT, on_wire(RIGHT, PORT_MAC[RIGHT], near.mac, whole), "icmp_error")


@row
def peers_across_vlans(r):
    """Peers behind one VLAN, the client behind another, the backend in QinQ."""
    deep, p = backend(0, out=RIGHT_QINQ), peer(5, "10.0.0.2", "02", out=LEFT_VLAN)
    r.tables([WEB, *peers(5)], [deep, p])
    whole, leaves = known(r, server=deep)
    r.forward(LEFT_VLAN, asked(p, FIRST, whole, port=LEFT_VLAN), RIGHT_QINQ, leaves, "icmp_error")
    lost = bytes(stranger(r))
    r.forward(LEFT, from_router(lost), LEFT_VLAN, asking(p, FIRST, lost), "icmp_to_peer")
    r.forward(LEFT_VLAN, asked(p, FIRST, lost, port=LEFT_VLAN), LEFT_VLAN, asking(p, FIRST_BACK, lost), "icmp_to_peer")


@row
def peers_are_asked_about_services_only(r):
    """The host's own errors, and those about source ports of weir's, are nobody else's."""
    r.tables([WEB, *peers(5)], [A, P])
    own = IP(src=VIP, dst=CLIENT) / TCP(sport=22, dport=5555)
    whole = bytes(IP(src=rows_icmp.ROUTER, dst=VIP, flags="DF") / ICMP(type=3, code=1) / Raw(bytes(own)))
    r.to_host(LEFT, from_router(whole), "icmp")
    # From a peer it goes back, and does not reach the host: that one has a host of its own.
    r.forward(LEFT, asked(P, FIRST, whole), LEFT, asking(P, FIRST_BACK, whole), "icmp_to_peer")


@row
def peers_none(r):
    r.tables([WEB, *peers()], [A])
    r.to_host(LEFT, from_router(bytes(stranger(r))), "icmp")
    r.tables([WEB], [A])
    r.to_host(LEFT, from_router(bytes(stranger(r))), "icmp")


@row(answers=0)
def peers_are_asked_so_often_and_no_more(r):
    """Whoever makes errors up does not get them multiplied; what peers send is bounded by themselves."""
    r.tables([WEB, *peers(5, 6)], [A, P, Q])
    whole = bytes(stranger(r))
    r.drop(LEFT, from_router(whole), "answer_limited")
    r.forward(LEFT, asked(P, FIRST, whole), LEFT, asking(P, FIRST_BACK, whole), "icmp_to_peer")


@row
def peers_list_has_changed_meanwhile(r):
    r.tables([WEB, *peers(5)], [A, P])
    whole = bytes(stranger(r))
    for place in (0, 1, 3, 4, 254, 255):
        r.drop(LEFT, asked(P, 0xC100 | place, whole), "icmp_no_peer")


@row
def peers_unreachable_and_too_far(r):
    lost = peer(5, "10.0.0.2", "02", reachable=False)
    r.tables([WEB, *peers(5)], [A, lost])
    whole = bytes(stranger(r))
    r.drop(LEFT, from_router(whole), "no_next_hop")
    r.tables([WEB, *peers(5)], [A, peer(5, "10.0.0.2", "02", mtu=100)])
    r.drop(LEFT, from_router(whole), "frag_needed")


@row
def peers_strays(r):
    """From nobody on the list; no error inside; broken inside."""
    r.tables([WEB, *peers(5)], [A, P])
    whole, _ = known(r)
    for by in (Q, peer(5, "10.0.0.9", "02"), A):
        r.drop(LEFT, asked(by, FIRST, whole, to=SELF), "peer_stray")
    syn = packet(CLIENT, VIP, TCP(sport=40001, dport=80, flags="S"))
    echo = bytes(IP(src=CLIENT, dst=VIP) / ICMP(type=8) / Raw(b"x" * 40))
    for inside in (b"", b"\x45", b"\x60", b"\0" * 60, b"\xff" * 60, syn, echo):
        datagram = UDP(sport=FIRST, dport=PORT_OF_PEERS, chksum=0) / Raw(inside)
        came = on_wire(LEFT, P.mac, PORT_MAC[LEFT], bytes(IP(src=P.addr, dst=SELF) / datagram))
        r.drop(LEFT, came, "peer_stray")
    for cut in range(1, len(whole)):
        datagram = UDP(sport=FIRST, dport=PORT_OF_PEERS, chksum=0) / Raw(whole[:cut])
        came = on_wire(LEFT, P.mac, PORT_MAC[LEFT], bytes(IP(src=P.addr, dst=SELF) / datagram))
        r.drop(LEFT, came, "peer_stray")
    twice = bytes(outer(P.addr, SELF, FIRST, whole))
    r.drop(LEFT, asked(P, FIRST, twice), "peer_stray")


@row
def peers_fragments_are_strays(r):
    r.tables([WEB, *peers(5)], [A, P])
    datagram = bytes(UDP(sport=FIRST, dport=PORT_OF_PEERS, len=88, chksum=0) / Raw(b"x" * 80))
    for at, more in ((0, True), (64, False)):
        part = IP(src=P.addr, dst=SELF, id=7, proto=17, flags="MF" if more else 0, frag=at // 8)
        came = on_wire(LEFT, P.mac, PORT_MAC[LEFT], bytes(part / Raw(datagram[at : at + 64])))
        r.drop(LEFT, came, "peer_stray")


@row
def peers_port_of_other_services(r):
    """Where no peers are configured, the port is any other."""
    dns = Service(port=PORT_OF_PEERS, protocol="udp", turns=(0,), upstream=1, id=2)
    r.tables([dns, *peers(5)], [A, P])
    c = Conversation(r, dns, A)
    c.ask("flow_new", payload=bytes(stranger(r)))
    c.reply(payload=b"answer")
    r.to_host(LEFT, asked(P, FIRST, bytes(stranger(r)), to="192.0.2.99"), "not_service")


@row
def peers_behind_options_and_extension_headers(r):
    r.tables([WEB, *peers(5, 7)], [A, P, P6])
    whole, leaves = known(r)
    datagram = UDP(sport=FIRST, dport=PORT_OF_PEERS, chksum=0) / Raw(whole)
    for options in (4, 40):
        came = bytes(IP(src=P.addr, dst=SELF, options=[IPOption_NOP()] * options) / datagram)
        r.forward(LEFT, on_wire(LEFT, P.mac, PORT_MAC[LEFT], came), RIGHT, leaves, "icmp_error")
    came = bytes(IPv6(src=P6.addr, dst=SELF6) / IPv6ExtHdrDestOpt() / datagram)
    r.forward(LEFT, on_wire(LEFT, P6.mac, PORT_MAC[LEFT], came), RIGHT, leaves, "icmp_error")
    came = bytes(IPv6(src=P6.addr, dst=SELF6) / IPv6ExtHdrDestOpt() / IPv6ExtHdrDestOpt() / IPv6ExtHdrDestOpt()
                 / IPv6ExtHdrDestOpt() / IPv6ExtHdrDestOpt() / datagram)
    r.to_host(LEFT, on_wire(LEFT, P6.mac, PORT_MAC[LEFT], came), "extension_headers")
    for length, far in ((60, False), (68, True)):  # where the error starts too far into the frame
        options = IPv6ExtHdrDestOpt(options=[PadN(optdata=b"\0" * length)])
        came = on_wire(LEFT, P6.mac, PORT_MAC[LEFT], bytes(IPv6(src=P6.addr, dst=SELF6) / options / datagram))
        if far:
            r.drop(LEFT, came, "peer_stray")
        else:
            r.forward(LEFT, came, RIGHT, leaves, "icmp_error")
