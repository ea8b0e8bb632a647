# SPDX-License-Identifier: Apache-2.0
"""Between the families (RFC 7915): IPv6 clients of IPv4 servers, and the reverse."""

from scapy.layers.inet import IPOption_NOP
from scapy.layers.inet6 import IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop

from lab import *

NEW = Service(addr=VIP6, turns=(0,))  # IPv6 in front of IPv4
OLD = Service(addr=VIP, turns=(1,), upstream=1, id=2)  # and the reverse
NEW_DNS = Service(addr=VIP6, protocol="udp", port=53, turns=(0,), upstream=2, id=3)
OLD_DNS = Service(addr=VIP, protocol="udp", port=53, turns=(1,), upstream=3, id=4)
TABLES = ([NEW, OLD, NEW_DNS, OLD_DNS], [A, B6])


def six_to_four(r, service=NEW, **changes):
    return Conversation(r, service, A, client=CLIENT6, **changes)


def four_to_six(r, service=OLD, **changes):
    return Conversation(r, service, B6, **changes)


@row
def translate_tcp(r):
    r.tables(*TABLES)
    for c in (six_to_four(r), four_to_six(r)):
        c.established()
        for payload in (b"x", b"xy", bytes(range(256)) * 5):
            c.ask(flags="PA", seq=1001, payload=payload)
            c.reply(flags="PA", seq=5001, payload=payload)


@row
def translate_udp(r):
    r.tables(*TABLES)
    for c in (six_to_four(r, NEW_DNS), four_to_six(r, OLD_DNS)):
        c.ask("flow_new", payload=b"question")
        c.reply(payload=b"answer!")
        c.ask(payload=b"")


@row
def translate_dont_fragment_by_length(r):
    """Section 5.1: IPv4 of up to 1,260 bytes may be fragmented, longer ones may not."""
    r.tables(*TABLES)
    c = six_to_four(r).established()
    for length in (1219, 1220, 1221, 1440):
        c.ask(flags="A", payload=bytes(length))
    c = four_to_six(r).established()
    for length in (1219, 1220, 1221, 1440):
        c.reply(flags="A", payload=bytes(length))


@row
def translate_fields(r):
    r.tables(*TABLES)
    c = six_to_four(r)
    c.ask("flow_new", flags="S", ip={"tc": 0xB9, "fl": 0xABCDE, "hlim": 2})
    c.reply(flags="SA", ip={"tos": 0x47, "id": 9, "flags": "DF", "ttl": 255})
    c = four_to_six(r)
    c.ask("flow_new", flags="S", ip={"tos": 0xB9, "id": 9, "flags": "DF", "ttl": 2})
    c.reply(flags="SA", ip={"tc": 0x47, "fl": 1, "hlim": 255})


@row
def translate_drops_options(r):
    r.tables(*TABLES)
    c = four_to_six(r)
    for number, count in enumerate((1, 5, 40)):
        sent, _ = c.request(flags="S", ip={"options": [IPOption_NOP()] * count})
        _, received = c.request(flags="S")
        r.forward(LEFT, sent, RIGHT, received, "flow_hit" if number else "flow_new")


@row
def translate_drops_extension_headers(r):
    r.tables(*TABLES)
    c = six_to_four(r)
    chains = ([IPv6ExtHdrHopByHop()], [IPv6ExtHdrDestOpt()] * 3, [IPv6ExtHdrFragment(id=7)])
    for number, chain in enumerate(chains):
        sent, _ = c.request(flags="S", ip={"ext": chain})
        _, received = c.request(flags="S")
        r.forward(LEFT, sent, RIGHT, received, "flow_hit" if number else "flow_new")


@row
def translate_udp_without_checksum(r):
    r.tables(*TABLES)
    c = four_to_six(r, OLD_DNS)
    c.ask("flow_new", payload=b"computed")
    sent, _ = c.request(payload=b"none", chksum=0)
    r.drop(LEFT, sent, "udp_no_checksum")
    sent, _ = c.answer(payload=b"none", chksum=0)
    r.drop(RIGHT, sent, "udp_no_checksum")
    c = six_to_four(r, NEW_DNS)
    c.ask("flow_new", payload=b"computed")
    sent, _ = c.answer(payload=b"none", chksum=0)
    r.drop(RIGHT, sent, "udp_no_checksum")


@row
def translate_udp_checksum_that_becomes_zero(r):
    r.tables(*TABLES)
    c = four_to_six(r, OLD_DNS)
    _, received = c.request(payload=b"\0\0x")
    sent, received = c.request(payload=received[14 + 40 + 6 : 14 + 40 + 8] + b"x")
    assert received[14 + 40 + 6 : 14 + 40 + 8] == b"\xff\xff"
    r.forward(LEFT, sent, RIGHT, received, "flow_new")


@row
def translate_keeps_padding(r):
    r.tables(*TABLES)
    c = four_to_six(r)
    c.ask("flow_new", flags="S", pad=bytes(range(6)))
    c.reply(flags="SA", pad=b"\xee" * 3)


@row
def translate_between_vlans(r):
    deep = (backend(0, out=RIGHT_QINQ), backend6(1, out=RIGHT_QINQ))
    r.tables(TABLES[0], deep)
    Conversation(r, NEW, deep[0], client=CLIENT6, port=LEFT_VLAN).established()
    Conversation(r, OLD, deep[1], port=LEFT_VLAN).established()
    Conversation(r, NEW, deep[0], client=CLIENT6, sport=40001).established()
    Conversation(r, OLD, deep[1], sport=40001).established()


@row
def translate_one_client_of_both(r):
    """Both families of one name, one backend: two flows that do not meet."""
    services = [NEW, Service(turns=(0,), upstream=1, id=2)]
    r.tables(services, [A])
    six, four = six_to_four(r), Conversation(r, services[1], A)
    six.established()
    four.established()
    six.reply(flags="A", payload=b"six")
    four.reply(flags="A", payload=b"four")
