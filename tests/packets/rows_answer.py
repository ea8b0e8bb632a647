# SPDX-License-Identifier: Apache-2.0
"""What weir answers itself: a reset to TCP of no flow, and how long packets may be."""

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from lab import *

WEB = Service(turns=(0,), reset_unknown=True)
SILENT = Service(turns=(0,))
DNS = Service(port=53, protocol="udp", turns=(0,), upstream=1, id=2)


def back(l4, port=LEFT, mac=CLIENT_MAC, src=VIP, dst=CLIENT):
    """An answer of weir's own."""
    return on_wire(port, PORT_MAC[port], mac, bytes(IP(src=src, dst=dst, id=0, flags="DF", ttl=64) / l4))


def reset(port=LEFT, **fields):
    return back(TCP(sport=80, dport=40000, window=0, **fields), port=port)


@row
def answer_reset_to_what_belongs_to_no_flow(r):
    """RFC 9293 section 3.10.7.1."""
    r.tables([WEB], [A])
    c = Conversation(r, WEB, A)
    for flags in ("A", "PA", "FA", "SA", "FPUA"):
        sent, _ = c.request(flags=flags, seq=1001, ack=5001, payload=b"x" * 10)
        r.forward(LEFT, sent, LEFT, reset(flags="R", seq=5001), "reset_sent")
    for flags, length in (("", 10), ("P", 10), ("F", 11), ("U", 10)):
        sent, _ = c.request(flags=flags, seq=0xFFFFFFFE, ack=5001, payload=b"x" * 10)
        expected = reset(flags="RA", seq=0, ack=(0xFFFFFFFE + length) & 0xFFFFFFFF)
        r.forward(LEFT, sent, LEFT, expected, "reset_sent")


@row
def answer_reset_leaves_no_trace(r):
    r.tables([WEB], [A])
    c = Conversation(r, WEB, A)
    sent, _ = c.request(flags="A", seq=1001, ack=5001)
    r.forward(LEFT, sent, LEFT, reset(flags="R", seq=5001), "reset_sent")
    c.established()


@row
def answer_reset_is_as_short_whatever_it_answers(r):
    """Options of IP and TCP, padding, payload of each parity."""
    from scapy.layers.inet import IPOption

    r.tables([WEB], [A])
    c = Conversation(r, WEB, A)
    for words in (1, 2, 10):
        ip = {"options": [IPOption(b"\x01" * 4 * words)]}
        for payload in (b"", b"x", b"xy" * 700):
            sent, _ = c.request(flags="", seq=7, ip=ip, payload=payload, options=[("NOP", None)] * 12, pad=b"\xee" * 9)
            r.forward(LEFT, sent, LEFT, reset(flags="RA", seq=0, ack=7 + len(payload)), "reset_sent")


@row
def answer_no_reset_to_a_reset(r):
    r.tables([WEB], [A])
    c = Conversation(r, WEB, A)
    for flags in ("R", "RA", "RS", "RFPUA"):
        sent, _ = c.request(flags=flags, seq=1001, ack=5001)
        r.drop(LEFT, sent, "no_flow")


@row
def answer_no_reset_where_it_is_not_asked_for(r):
    r.tables([SILENT], [A])
    sent, _ = Conversation(r, SILENT, A).request(flags="A", seq=1001, ack=5001)
    r.drop(LEFT, sent, "no_flow")


@row
def answer_no_reset_to_a_fragment(r):
    r.tables([WEB], [A])
    sent, _ = Conversation(r, WEB, A).request(flags="A", seq=1, ack=1, payload=b"x" * 20, ip={"flags": "MF"})
    r.drop(LEFT, sent, "no_flow")


@row(answers=0)
def answer_none_when_there_are_none_left(r):
    tight = backend(0, mtu=1400)
    r.tables([WEB, DNS], [tight])
    sent, _ = Conversation(r, WEB, A).request(flags="A", seq=1001, ack=5001)
    r.drop(LEFT, sent, "answer_limited")
    sent, _ = Conversation(r, DNS, tight).request(payload=b"x" * 1400, ip={"flags": "DF"})
    r.drop(LEFT, sent, "answer_limited")


def too_big(frame_, mtu, port=LEFT, **ends):
    quoted = split_link(frame_)[1][:128]
    return back(ICMP(type=3, code=4, nexthopmtu=mtu) / Raw(quoted), port=port, **ends)


@row
def answer_too_big_for_the_way(r):
    """RFC 1191 section 4; the flow is not hurt, and what fits passes."""
    tight = backend(0, mtu=1400)
    r.tables([SILENT, DNS], [tight])
    c = Conversation(r, SILENT, tight).established()
    for length, flags in ((1401, "DF"), (1500, "DF"), (1900, "DF")):
        sent, _ = c.request(flags="A", seq=1001, ack=5001, payload=b"x" * (length - 40), ip={"flags": flags})
        r.forward(LEFT, sent, LEFT, too_big(sent, 1400), "too_big_sent")
    c.ask(flags="A", seq=1001, ack=5001, payload=b"x" * 1360, ip={"flags": "DF"})
    c.ask(flags="A", seq=1001, ack=5001, payload=b"x" * 1460)  # a router on the way may fragment it
    d = Conversation(r, DNS, tight)
    d.ask("flow_new", payload=b"x")
    sent, _ = d.request(payload=b"x" * 1373, ip={"flags": "DF"})
    r.forward(LEFT, sent, LEFT, too_big(sent, 1400), "too_big_sent")
    c.reply(flags="A", seq=5001, ack=2361, payload=b"y" * 1460)


@row
def answer_too_big_with_options_and_padding(r):
    from scapy.layers.inet import IPOption

    tight = backend(0, mtu=600)
    r.tables([DNS], [tight])
    c = Conversation(r, DNS, tight)
    c.ask("flow_new", payload=b"x")
    ip = {"flags": "DF", "options": [IPOption(b"\x01" * 40)]}
    for payload in (533, 534, 1400):
        sent, _ = c.request(payload=b"z" * payload, ip=ip, pad=b"\xee" * 5)
        r.forward(LEFT, sent, LEFT, too_big(sent, 600), "too_big_sent")


@row
def answer_too_big_not_to_a_later_fragment_nor_to_a_reset(r):
    tight = backend(0, mtu=300)
    r.tables([SILENT], [tight])
    c = Conversation(r, SILENT, tight).established()
    c.ask(flags="A", seq=1001, ack=5001, payload=b"x" * 40, ip={"flags": "MF", "id": 3})
    later = Ether(src=CLIENT_MAC, dst=PORT_MAC[LEFT]) / IP(src=CLIENT, dst=VIP, id=3, flags="DF", frag=8, proto=6) / Raw(b"x" * 400)
    r.drop(LEFT, bytes(later), "frag_needed")
    sent, _ = c.request(flags="R", seq=1001, payload=b"x" * 400, ip={"flags": "DF"})
    r.drop(LEFT, sent, "frag_needed")


@row
def answer_into_a_vlan(r):
    """With the tags that the packet came with."""
    tight = backend(0, mtu=1400, out=RIGHT_QINQ)
    r.tables([WEB, DNS], [tight])
    sent, _ = Conversation(r, WEB, tight, port=LEFT_VLAN).request(flags="A", seq=1001, ack=5001)
    r.forward(LEFT_VLAN, sent, LEFT_VLAN, reset(port=LEFT_VLAN, flags="R", seq=5001), "reset_sent")
    d = Conversation(r, DNS, tight, port=LEFT_VLAN)
    d.ask("flow_new", payload=b"x")
    sent, _ = d.request(payload=b"x" * 1373, ip={"flags": "DF"})
    r.forward(LEFT_VLAN, sent, LEFT_VLAN, too_big(sent, 1400, port=LEFT_VLAN), "too_big_sent")


def with_priority(sent):
    return sent[:12] + bytes.fromhex("8100a000") + sent[12:]


@row
def answer_to_a_priority_tag(r):
    """VLAN id 0 is the wire's own: what goes back there is not tagged."""
    tight = backend(0, mtu=1400)
    r.tables([WEB, DNS], [tight])
    sent, _ = Conversation(r, WEB, tight).request(flags="A", seq=1001, ack=5001)
    r.forward(LEFT, with_priority(sent), LEFT, reset(flags="R", seq=5001), "reset_sent")
    d = Conversation(r, DNS, tight)
    d.ask("flow_new", payload=b"x")
    sent, _ = d.request(payload=b"x" * 1373, ip={"flags": "DF"})
    r.forward(LEFT, with_priority(sent), LEFT, too_big(sent, 1400), "too_big_sent")


@row
def answer_too_big_before_ipv6(r):
    """Twenty bytes are the longer header's (RFC 7915 section 4.2)."""
    tight = backend6(0, mtu=1400)
    r.tables([DNS], [tight])
    d = Conversation(r, DNS, tight)
    d.ask("flow_new", payload=b"x")
    sent, _ = d.request(payload=b"x" * 1353, ip={"flags": "DF"})
    r.forward(LEFT, sent, LEFT, too_big(sent, 1380), "too_big_sent")
    d.ask(payload=b"x" * 1352, ip={"flags": "DF"})


OWN = [{"port": LEFT, "addr4": "198.51.100.1", "addr6": "2001:db8:51::1", "mtu": 1500},
       {"port": RIGHT, "addr4": "10.0.0.254", "mtu": 1500}]


@row
def answer_time_exceeded_as_a_router(r):
    """From the port that the packet came to; no flow begins, and none changes."""
    r.tables([WEB], [A], interfaces=OWN)
    c = Conversation(r, WEB, A)
    sent, _ = c.request(flags="S", ip={"ttl": 1})
    r.forward(LEFT, sent, LEFT, time_exceeded(sent, src="198.51.100.1"), "time_exceeded_sent")
    sent, _ = c.request(flags="A", seq=1001, ack=5001, ip={"ttl": 1})  # of no flow: not even looked at
    r.forward(LEFT, sent, LEFT, reset(flags="R", seq=5001), "reset_sent")
    c.established()
    sent, _ = c.answer(flags="A", seq=5001, ack=1001, payload=b"y" * 1400, ip={"ttl": 1})
    r.forward(RIGHT, sent, RIGHT, time_exceeded(sent, RIGHT, src="10.0.0.254"), "time_exceeded_sent")
    r.tables([WEB], [A], interfaces=[{"port": LEFT, "addr4": "198.51.100.2"}])
    sent, _ = c.request(flags="A", seq=1001, ack=5001, ip={"ttl": 1})
    r.forward(LEFT, sent, LEFT, time_exceeded(sent, src="198.51.100.2"), "time_exceeded_sent")
    sent, _ = c.answer(flags="A", seq=5001, ack=1001, ip={"ttl": 1})
    r.forward(RIGHT, sent, RIGHT, time_exceeded(sent, RIGHT), "time_exceeded_sent")


@row
def answer_time_exceeded_quotes_eight_bytes(r):
    """Whatever IP options and payload there are, of each parity, and padding."""
    from scapy.layers.inet import IPOption

    r.tables([DNS], [A])
    c = Conversation(r, DNS, A)
    for words in (0, 1, 10):
        ip = {"ttl": 1, "options": [IPOption(b"\x01" * 4 * words)] if words else []}
        for payload in (b"", b"x", b"xy", b"xyz" * 400):
            sent, _ = c.request(payload=payload, ip=ip, pad=b"\xee" * 9)
            r.forward(LEFT, sent, LEFT, time_exceeded(sent), "time_exceeded_sent")


@row
def answer_time_exceeded_not_to_what_may_not_be_answered(r):
    r.tables([WEB], [A])
    c = Conversation(r, WEB, A).established()
    sent, _ = c.request(flags="R", seq=1001, ip={"ttl": 1})
    r.drop(LEFT, sent, "ttl")
    for src in ("0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255"):
        r.drop(LEFT, Conversation(r, WEB, A, client=src).request(flags="S", ip={"ttl": 1})[0], "ttl")


@row(answers=1)
def answer_time_exceeded_so_many_in_a_tick(r):
    r.tables([WEB], [A])
    sent, _ = Conversation(r, WEB, A).request(flags="S", ip={"ttl": 1})
    r.forward(LEFT, sent, LEFT, time_exceeded(sent), "time_exceeded_sent")
    r.drop(LEFT, sent, "answer_limited")
    r.age(100)
    r.forward(LEFT, sent, LEFT, time_exceeded(sent), "time_exceeded_sent")


@row
def answer_time_exceeded_into_a_vlan(r):
    r.tables([WEB], [A], interfaces=[{"port": LEFT_VLAN, "addr4": "198.51.100.1"}])
    sent, _ = Conversation(r, WEB, A, port=LEFT_VLAN).request(flags="S", ip={"ttl": 1})
    r.forward(LEFT_VLAN, sent, LEFT_VLAN, time_exceeded(sent, LEFT_VLAN, src="198.51.100.1"), "time_exceeded_sent")


@row
def answer_to_a_reply_too_long_for_the_clients_link(r):
    """Its first link, so DF or not; IPv6 makes it longer (RFC 7915 section 4.2). The flow is not hurt."""
    own = [{"port": LEFT, "mtu": 1400}, {"port": RIGHT, "addr4": "10.0.0.254", "mtu": 9000}]
    dns6 = Service(addr=VIP6, port=53, protocol="udp", turns=(0,), upstream=1, id=3)
    r.tables([DNS, dns6], [A], interfaces=own)
    for service, client, takes in ((DNS, CLIENT, 1400), (dns6, CLIENT6, 1380)):
        c = Conversation(r, service, A, client=client)
        c.ask("flow_new", payload=b"x")
        c.reply(payload=b"y" * (takes - 28), ip={"flags": "DF"})
        for flags in ("", "DF"):
            sent, _ = c.answer(payload=b"y" * (takes - 27), ip={"flags": flags})
            expected = too_big(sent, takes, port=RIGHT, mac=A.mac, src="10.0.0.254", dst=A.addr)
            r.forward(RIGHT, sent, RIGHT, expected, "too_big_sent")
        c.reply(payload=b"y" * (takes - 28), ip={"flags": "DF"})
    r.tables([DNS, dns6], [A], interfaces=[{"port": LEFT, "mtu": 1500}])
    c.reply(payload=b"y" * 1452)


@row
def answer_to_a_reply_where_another_port_is_narrower(r):
    """What counts is the port that it leaves by."""
    own = [{"port": LEFT, "mtu": 9000}, {"port": RIGHT, "mtu": 9000}, {"port": LEFT_VLAN, "mtu": 1400}]
    r.tables([DNS], [A], interfaces=own)
    c = Conversation(r, DNS, A)
    c.ask("flow_new", payload=b"x")
    c.reply(payload=b"y" * 1500)
