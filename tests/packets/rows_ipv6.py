# SPDX-License-Identifier: Apache-2.0
"""IPv6 through weir (NAT66), its extension headers, and what is left to the host."""

from scapy.layers.inet6 import (
    ICMPv6EchoRequest, ICMPv6ND_NS, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting, PadN,
)

from lab import *

WEB = Service(addr=VIP6)
DNS = Service(addr=VIP6, port=53, protocol="udp", turns=(0,), upstream=1, id=2)
HOP_BY_HOP, OPTIONS = IPv6ExtHdrHopByHop(), IPv6ExtHdrDestOpt()
ARRIVED, ON_ITS_WAY = IPv6ExtHdrRouting(segleft=0), IPv6ExtHdrRouting(segleft=1)
WHOLE = IPv6ExtHdrFragment(id=7)
SYN = TCP(sport=40000, dport=80, flags="S")


def talk(r, service=WEB, server=A6, **changes):
    return Conversation(r, service, server, client=CLIENT6, **changes)


def to_vip6(l4, ext=(), payload=b"", **ip):
    return on_wire(LEFT, CLIENT_MAC, PORT_MAC[LEFT], packet(CLIENT6, VIP6, l4, payload, ext=ext, **ip))


def to_vip6_version(version):
    sent = bytearray(to_vip6(SYN))
    sent[14] = version << 4 | sent[14] & 15
    return bytes(sent)


@row
def ipv6_tcp_both_ways(r):
    r.tables([WEB], [A6])
    c = talk(r).established()
    for payload in (b"x", b"xy", bytes(1439), b"\xff" * 1440):
        c.ask(flags="PA", seq=1001, payload=payload)
        c.reply(flags="PA", seq=5001, payload=payload)
    c.ask(flags="FA")
    c.reply(flags="FA")


@row
def ipv6_udp_both_ways(r):
    r.tables([WEB, DNS], [A6])
    c = talk(r, DNS)
    c.ask("flow_new", payload=b"question")
    c.reply(payload=b"answer!")
    c.ask(payload=b"")


@row
def ipv6_fields_are_kept(r):
    r.tables([WEB], [A6])
    c = talk(r)
    c.ask("flow_new", flags="S", ip={"tc": 0xB9, "fl": 0xABCDE, "hlim": 2})
    c.reply(flags="SA", ip={"tc": 3, "fl": 1, "hlim": 255})


@row
def ipv6_round_robin_and_two_clients(r):
    service = Service(addr=VIP6, turns=(0, 1))
    r.tables([service], [A6, B6])
    talk(r, service, A6).established()
    talk(r, service, B6, sport=40001).established()
    Conversation(r, service, A6, client="2001:db8:51::8").established()


@row
def ipv6_maglev(r):
    slots = tuple(i % 2 for i in range(251))
    service = Service(addr=VIP6, method="maglev", slots=slots, turns=(0, 1))
    r.tables([service], [A6, B6])
    for sport in range(40000, 40008):
        slot = model.maglev_slot(251, CLIENT6, sport, VIP6, 80, "tcp")
        talk(r, service, (A6, B6)[slots[slot]], sport=sport).opened()


@row
def ipv6_ip_hash(r):
    service = Service(addr=VIP6, method="ip_hash", slots=(0, 1), turns=(0, 1))
    r.tables([service], [A6, B6])
    for last in range(1, 9):
        client = f"2001:db8:51::{last}"
        slot = next(model.ip_hash_slots(2, client))
        Conversation(r, service, (A6, B6)[slot], client=client).opened()


@row
def ipv6_is_not_the_ipv4_service_of_its_last_word(r):
    """All 128 bits count: a service whose last word is an IPv4 service's address is another one."""
    v4 = Service()
    r.tables([v4], [A])
    for address in ("::c000:20a", "::1:ffff:c000:20a", "64:ff9b::c000:20a"):
        raw = packet(CLIENT6, address, SYN)
        r.to_host(LEFT, on_wire(LEFT, CLIENT_MAC, PORT_MAC[LEFT], raw), "not_service")


@row
def ipv6_no_flow_and_no_backend(r):
    r.tables([WEB, Service(addr=VIP6, port=81, turns=(), upstream=1, id=2)], [A6])
    r.drop(LEFT, to_vip6(TCP(sport=40000, dport=80, flags="A")), "no_flow")
    r.drop(LEFT, to_vip6(TCP(sport=40000, dport=81, flags="S")), "no_backend")


@row
def ipv6_extension_headers_are_walked_and_kept(r):
    r.tables([WEB], [A6])
    long = IPv6ExtHdrDestOpt(options=[PadN(optdata=b"\0" * 252)])
    chains = ([HOP_BY_HOP], [OPTIONS], [ARRIVED], [WHOLE], [HOP_BY_HOP, OPTIONS, ARRIVED, OPTIONS], [long])
    for number, chain in enumerate(chains):
        c = talk(r, sport=40100 + number)
        c.ask("flow_new", flags="S", ip={"ext": chain})
        c.reply(flags="SA", ip={"ext": chain})
        c.ask(flags="PA", payload=b"odd", ip={"ext": chain})


@row
def ipv6_extension_headers_for_the_host(r):
    r.tables([WEB], [A6])
    long = IPv6ExtHdrDestOpt(options=[PadN(optdata=b"\0" * 252)])
    for chain in ([ON_ITS_WAY], [HOP_BY_HOP, ON_ITS_WAY], [OPTIONS, HOP_BY_HOP], [OPTIONS] * 5, [long, long]):
        r.to_host(LEFT, to_vip6(SYN, chain), "extension_headers")


@row
def ipv6_other_protocols(r):
    r.tables([WEB], [A6])
    for protocol in (4, 41, 47, 50, 51, 59, 89, 132, 135, 255):
        r.to_host(LEFT, to_vip6(Raw(b"\0" * 20), nh=protocol), "other_protocol")


@row
def ipv6_icmp_and_neighbours(r):
    r.tables([WEB], [A6])
    r.to_host(LEFT, to_vip6(ICMPv6EchoRequest(data=b"ping")), "icmp")
    solicitation = packet(CLIENT6, "ff02::1:ff00:10", ICMPv6ND_NS(tgt=VIP6), hlim=255)
    r.to_host(LEFT, on_wire(LEFT, CLIENT_MAC, "33:33:ff:00:00:10", solicitation), "icmp")
    report = packet("fe80::7", "ff02::16", Raw(b"\x8f\0\0\0\0\0\0\0"), ext=[IPv6ExtHdrHopByHop(nh=58)])
    r.to_host(LEFT, on_wire(LEFT, CLIENT_MAC, "33:33:00:00:00:16", report), "icmp")


@row
def ipv6_bad_headers(r):
    r.tables([WEB, DNS], [A6])
    for version in (0, 4, 5, 7, 15):
        r.drop(LEFT, to_vip6_version(version), "ip_header")
    for length in (65496, 65535):
        r.drop(LEFT, to_vip6(SYN, plen=length), "ip_header")
    for length in (21, 1000, 65495):
        r.drop(LEFT, to_vip6(SYN, plen=length), "truncated")
    for length in (0, 1, 19):
        r.drop(LEFT, to_vip6(SYN, plen=length), "truncated")
    r.drop(LEFT, to_vip6(TCP(sport=40000, dport=80, flags="S", dataofs=6)), "tcp_header")
    r.drop(LEFT, to_vip6(UDP(sport=40000, dport=53, len=9)), "udp_header")


@row
def ipv6_extension_header_beyond_the_packet(r):
    """The frame goes on behind the packet's end: what is there is no header of it."""
    r.tables([WEB], [A6])
    sent = to_vip6(SYN, [OPTIONS])
    for length in range(0, 28):
        cut = sent[:18] + length.to_bytes(2, "big") + sent[20:]
        r.drop(LEFT, cut, "truncated")
    beyond = bytearray(sent)
    beyond[14 + 40 + 1] = 3  # the options end behind the packet
    r.drop(LEFT, bytes(beyond), "truncated")


@row
def ipv6_mapped_addresses_are_on_no_wire(r):
    """::ffff:192.0.2.10 is how the tables write 192.0.2.10; nobody may speak to it in IPv6."""
    r.tables([Service()], [A])
    for src, dst in (("::ffff:198.51.100.7", "::ffff:192.0.2.10"), (CLIENT6, "::ffff:192.0.2.10"),
                     ("::ffff:198.51.100.7", VIP6)):
        r.drop(LEFT, on_wire(LEFT, CLIENT_MAC, PORT_MAC[LEFT], packet(src, dst, SYN)), "martian")
