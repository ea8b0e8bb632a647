# SPDX-License-Identifier: Apache-2.0
"""UDP through weir: sessions, and the two special values of its checksum (RFC 768)."""

from lab import *

DNS = Service(port=53, protocol="udp", turns=(0, 1), idle_ms=10_000)


@row
def udp_both_ways(r):
    r.tables([DNS], [A, B])
    c = Conversation(r, DNS, A)
    c.ask("flow_new", payload=b"question")
    c.reply(payload=b"answer!")
    c.ask(payload=b"again")
    c.reply(payload=b"")
    Conversation(r, DNS, B, sport=40001).ask("flow_new", payload=b"")


@row
def udp_checksum_zero_stays_zero(r):
    r.tables([DNS], [A, B])
    c = Conversation(r, DNS, A)
    c.ask("flow_new", payload=b"none computed", chksum=0)
    c.reply(payload=b"nor here", chksum=0)


def checksum_of(packet):
    return packet[14 + 20 + 6 : 14 + 20 + 8]


@row
def udp_checksum_that_becomes_zero_is_sent_as_ffff(r):
    r.tables([DNS], [A, B])
    c = Conversation(r, DNS, A)
    _, received = c.request(payload=b"\0\0x")
    payload = checksum_of(received) + b"x"  # what was left over of the sum
    sent, received = c.request(payload=payload)
    assert checksum_of(received) == b"\xff\xff" and checksum_of(sent) != b"\xff\xff"
    r.forward(LEFT, sent, RIGHT, received, "flow_new")


@row
def udp_checksum_that_was_ffff(r):
    r.tables([DNS], [A, B])
    c = Conversation(r, DNS, A)
    sent, _ = c.request(payload=b"\0\0x")
    sent, received = c.request(payload=checksum_of(sent) + b"x")
    assert checksum_of(sent) == b"\xff\xff" and checksum_of(received) != b"\xff\xff"
    r.forward(LEFT, sent, RIGHT, received, "flow_new")


@row
def udp_every_parity(r):
    r.tables([DNS], [A, B])
    c = Conversation(r, DNS, A)
    c.ask("flow_new", payload=b"x")
    for length in (0, 1, 2, 3, 17, 18, 1471, 1472):
        c.ask(payload=bytes(range(256)) * 6 if length > 1400 and length % 2 else b"\xfe" * length)
        c.reply(payload=b"\x01" * length)


@row
def udp_padding_and_trailing_bytes(r):
    """A UDP length below the IP payload's is legal; the rest travels along."""
    r.tables([DNS], [A, B])
    c = Conversation(r, DNS, A)
    c.ask("flow_new", payload=b"abc", pad=b"\xee" * 15)
    c.ask(payload=b"abcdefgh", len=12, chksum=0)


@row
def udp_session_expires_and_starts_anew(r):
    r.tables([DNS], [A, B])
    c = Conversation(r, DNS, A)
    c.ask("flow_new", payload=b"1")
    r.age(9_000)
    c.ask(payload=b"2")
    r.age(9_000)
    c.reply(payload=b"3")
    r.age(10_100)
    sent, _ = c.answer(payload=b"late")
    r.to_host(RIGHT, sent, "not_service")
    Conversation(r, DNS, B).ask("flow_new", payload=b"4")


@row
def udp_and_tcp_of_one_port_are_two_services(r):
    web = Service(port=53, turns=(0,), upstream=1, id=2)
    r.tables([DNS, web], [A, B])
    Conversation(r, web, A).opened()
    Conversation(r, DNS, A).ask("flow_new", payload=b"q")
