# SPDX-License-Identifier: Apache-2.0
"""QUIC: which backend a connection id names, and when it is not asked."""

import dataclasses

from scapy.layers.inet import UDP
from scapy.layers.inet6 import IPv6ExtHdrDestOpt

from lab import *

QUIC = Service(port=443, protocol="udp", turns=(0, 1), cid=(2, 1, None, 0), cid_offset=1, cid_length=1)
V1, V2, DRAFT = b"\0\0\0\1", b"\x6b\x33\x43\xcf", b"\xff\0\0\x1d"


def cid(server, length=8):
    return b"\x07" + bytes([server]) + b"\xaa" * (length - 2)


def short(server, length=8):
    return b"\x41" + cid(server, length) + b"ciphertext" * 3


def long(kind, server, version=V1, length=8):
    return bytes([0xC0 | kind << 4]) + version + bytes([length]) + cid(server, length) + b"\0" * 20


def talk(r, server, sport, reason, payload, service=QUIC):
    Conversation(r, service, server, sport=sport).ask(reason, payload=payload)


@row
def quic_id_names_the_backend(r):
    r.tables([QUIC], [A, B, C])
    talk(r, C, 50000, "flow_new", short(0))
    talk(r, B, 50001, "flow_new", short(1))
    talk(r, A, 50002, "flow_new", short(3))
    talk(r, C, 50003, "flow_new", long(2, 0))  # Handshake
    talk(r, B, 50004, "flow_new", long(3, 1, V2))  # version 2's Handshake


@row
def quic_client_moves_and_keeps_its_backend(r):
    r.tables([QUIC], [A, B, C])
    c = Conversation(r, QUIC, A)
    c.ask("flow_new", payload=long(0, 1))  # Initial: the client's own id, so round robin
    c.reply(payload=b"server's first flight")
    c.ask(payload=short(3))
    moved = Conversation(r, QUIC, A, sport=51000, client="203.0.113.77", mac="02:aa:00:00:00:99")
    moved.ask("flow_new", payload=short(3))
    moved.reply(payload=b"and it goes on")
    moved.ask(payload=short(3))


@row
def quic_made_up_ids_are_not_believed(r):
    """Initial and 0-RTT of both versions, and long headers of versions that nobody here knows."""
    r.tables([QUIC], [A, B, C])
    order = (A, B, A, B, A)
    packets = (long(0, 0), long(1, 0), long(1, 0, V2), long(2, 0, V2), long(2, 0, DRAFT))
    for i, (server, payload) in enumerate(zip(order, packets)):
        talk(r, server, 50000 + i, "flow_new", payload)


@row
def quic_unknown_ids_follow_the_flow(r):
    """A server id without a backend, or beyond the table: the flow there is, else a new one as balancing has it."""
    r.tables([QUIC], [A, B, C])
    c = Conversation(r, QUIC, C)
    c.ask("flow_new", payload=short(0))
    for server in (2, 4, 255):
        c.ask(payload=short(server))
    talk(r, A, 50001, "flow_new", short(2))
    talk(r, B, 50002, "flow_new", short(200))


@row
def quic_id_of_an_unreachable_backend(r):
    r.tables([QUIC], [A, B, backend(2, reachable=False)])
    talk(r, A, 50000, "flow_new", short(0))


@row
def quic_another_connection_of_the_same_port(r):
    """The id names another backend than the flow: a new flow takes the tuple over."""
    r.tables([QUIC], [A, B, C])
    talk(r, C, 50000, "flow_new", short(0))
    again = Conversation(r, QUIC, B, sport=50000)
    again.ask("flow_new", payload=short(1))
    again.reply(payload=b"x")
    again.ask(payload=short(1))


@row
def quic_two_byte_ids_at_an_offset(r):
    service = Service(port=443, protocol="udp", turns=(0,), cid=(0,) * 258 + (2, 1), cid_offset=3, cid_length=2)
    r.tables([service], [A, B, C])
    talk(r, C, 50000, "flow_new", b"\x41" + b"\x07zz" + b"\x01\x02" + b"rest" * 5, service)
    talk(r, B, 50001, "flow_new", b"\x41" + b"\x07zz" + b"\x01\x03" + b"rest" * 5, service)
    talk(r, A, 50002, "flow_new", b"\x41" + b"\x07zz" + b"\x01\x04" + b"rest" * 5, service)


@row
def quic_cut_at_each_byte(r):
    """Too short for its id, by the datagram or by the id's own length: the flow decides."""
    r.tables([QUIC], [A, B, C])
    c = Conversation(r, QUIC, A)
    c.ask("flow_new", payload=b"")
    for length in range(3):
        c.ask(payload=short(0)[:length], pad=b"\0" * 30)
    for length in range(8):
        c.ask(payload=long(2, 0)[:length], pad=b"\0" * 30)
    for length in range(2):
        c.ask(payload=bytes([0xE0]) + V1 + bytes([length]) + b"\x07\0" + b"\0" * 20)


QUIC6 = dataclasses.replace(QUIC, addr=VIP6)
MOVED6 = "2001:db8:77::77"


@row
def quic_over_ipv6(r):
    """The same ids, for clients and backends of IPv6, and the client moves on."""
    c6 = backend6(2)
    r.tables([QUIC6], [A6, B6, c6])
    for sport, server, payload in ((50000, c6, short(0)), (50001, B6, short(1)), (50002, A6, long(2, 3)),
                                   (50003, B6, long(3, 1, V2))):
        Conversation(r, QUIC6, server, sport=sport, client=CLIENT6).ask("flow_new", payload=payload)
    c = Conversation(r, QUIC6, A6, client=CLIENT6)
    c.ask("flow_new", payload=long(0, 1))  # Initial: round robin
    c.reply(payload=b"server's first flight")
    moved = Conversation(r, QUIC6, A6, sport=51000, client=MOVED6, mac="02:aa:00:00:00:99")
    moved.ask("flow_new", payload=short(3))
    moved.reply(payload=b"and it goes on")


@row
def quic_between_families(r):
    """Each family of client, to backends of both."""
    mixed = [A, backend6(1), backend(2)]
    r.tables([QUIC, dataclasses.replace(QUIC6, id=2)], mixed)
    for service, client in ((QUIC, CLIENT), (QUIC6, CLIENT6)):
        for sport, number in ((50000, 0), (50001, 1), (50002, 3)):
            server = mixed[{0: 2, 1: 1, 3: 0}[number]]
            c = Conversation(r, service, server, sport=sport, client=client)
            c.ask("flow_new", payload=short(number))
            c.reply(payload=b"answer")
            c.ask(payload=short(number))


@row
def quic_over_ipv6_cut_at_each_byte(r):
    r.tables([QUIC6], [A6, B6, backend6(2)])
    c = Conversation(r, QUIC6, A6, client=CLIENT6)
    c.ask("flow_new", payload=b"")
    for length in range(3):
        c.ask(payload=short(0)[:length], pad=b"\0" * 30)
    for length in range(8):
        c.ask(payload=long(2, 0)[:length], pad=b"\0" * 30)


@row
def quic_behind_extension_headers(r):
    """What nat changes behind extension headers is found there; so is the id."""
    r.tables([QUIC6], [A6, B6, backend6(2)])
    c = Conversation(r, QUIC6, B6, client=CLIENT6)
    sent = packet(CLIENT6, VIP6, UDP(sport=40000, dport=443), short(1), ext=(IPv6ExtHdrDestOpt(),))
    udp = UDP(sport=c.source, dport=8080)
    received = packet(B6.snat, B6.addr, udp, short(1), ext=(IPv6ExtHdrDestOpt(),), hlim=63)
    r.forward(LEFT, on_wire(LEFT, CLIENT_MAC, PORT_MAC[LEFT], sent), RIGHT,
              on_wire(RIGHT, PORT_MAC[RIGHT], B6.mac, received), "flow_new")
