# SPDX-License-Identifier: Apache-2.0
"""What weir answers itself in IPv6: a reset to TCP of no flow, and how long packets may be."""

from scapy.layers.inet import ICMP
from scapy.layers.inet6 import ICMPv6PacketTooBig, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, PadN
from scapy.packet import Raw

from lab import *

WEB = Service(addr=VIP6, reset_unknown=True)
SILENT = Service(addr=VIP6)
SILENT_81 = Service(addr=VIP6, port=81, upstream=2, id=3)
DNS = Service(addr=VIP6, port=53, protocol="udp", turns=(0,), upstream=1, id=2)
DATA = {"flags": "A", "seq": 1001, "ack": 5001}


def back(l4, port=LEFT, mac=CLIENT_MAC, src=VIP6, dst=CLIENT6):
    return on_wire(port, PORT_MAC[port], mac, bytes(IPv6(src=src, dst=dst, hlim=64) / l4))


def reset(port=LEFT, sport=80, **fields):
    return back(TCP(sport=sport, dport=40000, window=0, **fields), port=port)


def too_big6(frame_, mtu, port=LEFT, src=VIP6):
    """RFC 4443 section 2.4(c): the message is as long as every link takes."""
    return back(ICMPv6PacketTooBig(mtu=mtu) / Raw(split_link(frame_)[1][: 1280 - 48]), port=port, src=src)


def talk(r, service=WEB, server=A6, **changes):
    return Conversation(r, service, server, client=CLIENT6, **changes)


@row
def answer6_reset_to_what_belongs_to_no_flow(r):
    r.tables([WEB], [A6])
    c = talk(r)
    for flags in ("A", "PA", "FA", "SA", "FPUA"):
        sent, _ = c.request(flags=flags, seq=1001, ack=5001, payload=b"x" * 10)
        r.forward(LEFT, sent, LEFT, reset(flags="R", seq=5001), "reset_sent")
    for flags, length in (("", 10), ("P", 10), ("F", 11), ("U", 10)):
        sent, _ = c.request(flags=flags, seq=0xFFFFFFFE, ack=5001, payload=b"x" * 10)
        expected = reset(flags="RA", seq=0, ack=(0xFFFFFFFE + length) & 0xFFFFFFFF)
        r.forward(LEFT, sent, LEFT, expected, "reset_sent")
    c.established()


@row
def answer6_reset_is_as_short_whatever_it_answers(r):
    """Extension headers, TCP options, padding, payload of each parity."""
    r.tables([WEB], [A6])
    c = talk(r)
    chains = ([], [IPv6ExtHdrHopByHop()], [IPv6ExtHdrDestOpt()] * 4, [IPv6ExtHdrFragment(id=7)])
    for chain in chains:
        for payload in (b"", b"x", b"xy" * 650):
            sent, _ = c.request(
                flags="", seq=7, ip={"ext": chain}, payload=payload, options=[("NOP", None)] * 12, pad=b"\xee" * 9
            )
            r.forward(LEFT, sent, LEFT, reset(flags="RA", seq=0, ack=7 + len(payload)), "reset_sent")


@row
def answer6_no_reset_to_a_reset_nor_where_it_is_not_asked_for(r):
    r.tables([WEB, SILENT_81], [A6])
    for flags in ("R", "RA", "RS", "RFPUA"):
        r.drop(LEFT, talk(r).request(flags=flags, seq=1001, ack=5001)[0], "no_flow")
    r.drop(LEFT, talk(r, SILENT_81).request(flags="A", seq=1001, ack=5001)[0], "no_flow")



@row
def answer6_nothing_to_nobodys_address(r):
    """RFC 4443 section 2.4(e): no error, and no reset, goes to many or to none."""
    r.tables([WEB], [A6])
    for source in ("ff02::1", "::", "::1"):
        whole = packet(source, VIP6, TCP(sport=40000, dport=80, **DATA))
        r.drop(LEFT, on_wire(LEFT, CLIENT_MAC, PORT_MAC[LEFT], whole), "no_flow")


@row
def answer6_reset_when_the_backend_is_gone(r):
    """proxy_session_drop."""
    r.tables([SILENT], [A6])
    c = talk(r, SILENT).established()
    r.tables([SILENT], [backend6(0, reset=True)])
    r.forward(LEFT, c.request(**DATA)[0], LEFT, reset(flags="R", seq=5001), "reset_sent")


@row
def answer6_reset_by_a_service_of_another_family(r):
    """The client hears in its own."""
    old = Service(turns=(0,), upstream=1, id=2)
    r.tables([SILENT, old], [A, B6])
    c = talk(r, SILENT, A).established()
    r.tables([SILENT, old], [backend(0, reset=True), B6])
    r.forward(LEFT, c.request(**DATA)[0], LEFT, reset(flags="R", seq=5001), "reset_sent")


@row(answers=0)
def answer6_none_when_there_are_none_left(r):
    tight = backend6(0, mtu=1400)
    r.tables([WEB, DNS], [tight])
    r.drop(LEFT, talk(r).request(flags="A", seq=1001, ack=5001)[0], "answer_limited")
    r.drop(LEFT, talk(r, DNS, tight).request(payload=b"x" * 1400)[0], "answer_limited")


@row
def answer6_too_big_for_the_way(r):
    tight = backend6(0, mtu=1400)
    r.tables([SILENT, DNS], [tight])
    c = talk(r, SILENT, tight).established()
    for length in (1401, 1500, 1900):
        sent, _ = c.request(payload=b"x" * (length - 60), **DATA)
        r.forward(LEFT, sent, LEFT, too_big6(sent, 1400), "too_big_sent")
    c.ask(payload=b"x" * 1340, **DATA)
    d = talk(r, DNS, tight)
    d.ask("flow_new", payload=b"x")
    for chain in ([], [IPv6ExtHdrDestOpt()], [IPv6ExtHdrFragment(id=3)]):
        sent, _ = d.request(payload=b"z" * 1393, ip={"ext": chain}, pad=b"\xee" * 5)
        r.forward(LEFT, sent, LEFT, too_big6(sent, 1400), "too_big_sent")
    c.reply(flags="A", seq=5001, ack=2361, payload=b"y" * 1440)


@row
def answer6_too_big_says_no_less_than_every_link_takes(r):
    """RFC 8201 section 4: no sender goes below 1,280, so what is no longer is dropped."""
    tight = backend6(0, mtu=1200)
    r.tables([DNS], [tight])
    c = talk(r, DNS, tight)
    c.ask("flow_new", payload=b"x" * 1152)
    for length in (1201, 1280):
        r.drop(LEFT, c.request(payload=b"x" * (length - 48))[0], "frag_needed")
    for length in (1281, 1500):
        sent, _ = c.request(payload=b"x" * (length - 48))
        r.forward(LEFT, sent, LEFT, too_big6(sent, 1280), "too_big_sent")


@row
def answer6_too_big_not_to_a_reset(r):
    tight = backend6(0, mtu=1300)
    r.tables([SILENT], [tight])
    c = talk(r, SILENT, tight).established()
    r.drop(LEFT, c.request(flags="R", seq=1001, payload=b"x" * 1400)[0], "frag_needed")


@row
def answer6_too_big_before_ipv4(r):
    """RFC 7915 section 5.2: twenty bytes less are the shorter header's. What becomes IPv4 without DF is passed on."""
    for number, (mtu, least) in enumerate(((1400, 1400), (1000, 1260))):
        tight = backend(0, mtu=mtu)
        r.tables([DNS], [tight])
        c = talk(r, DNS, tight, sport=40000 + number)
        c.ask("flow_new", payload=b"x")
        c.ask(payload=b"x" * (least - 28))
        sent, _ = c.request(payload=b"x" * (least - 27))
        r.forward(LEFT, sent, LEFT, too_big6(sent, least + 20), "too_big_sent")


@row
def answer6_ipv4_without_df_before_ipv6(r):
    """RFC 7915 section 4: its sender wants it fragmented, which weir does not do; he can, once he knows."""
    old = Service(port=53, protocol="udp", turns=(0,), upstream=1, id=2)
    tight = backend6(0, mtu=1400)
    r.tables([old], [tight])
    c = Conversation(r, old, tight)
    c.ask("flow_new", payload=b"x" * 1352)
    for flags in ("", "DF"):
        sent, _ = c.request(payload=b"x" * 1353, ip={"flags": flags})
        quoted = split_link(sent)[1][:128]
        answer = IP(src=VIP, dst=CLIENT, id=0, flags="DF", ttl=64) / ICMP(type=3, code=4, nexthopmtu=1380) / Raw(quoted)
        r.forward(LEFT, sent, LEFT, on_wire(LEFT, PORT_MAC[LEFT], CLIENT_MAC, bytes(answer)), "too_big_sent")


@row
def answer6_into_a_vlan(r):
    tight = backend6(0, mtu=1400, out=RIGHT_QINQ)
    r.tables([WEB, DNS], [tight])
    sent, _ = talk(r, WEB, tight, port=LEFT_VLAN).request(flags="A", seq=1001, ack=5001)
    r.forward(LEFT_VLAN, sent, LEFT_VLAN, reset(port=LEFT_VLAN, flags="R", seq=5001), "reset_sent")
    d = talk(r, DNS, tight, port=LEFT_VLAN)
    d.ask("flow_new", payload=b"x")
    sent, _ = d.request(payload=b"x" * 1373)
    r.forward(LEFT_VLAN, sent, LEFT_VLAN, too_big6(sent, 1400, port=LEFT_VLAN), "too_big_sent")


@row
def answer6_time_exceeded(r):
    """From the port that the packet came to, if it has an address of the family."""
    r.tables([WEB, DNS], [A6], interfaces=[{"port": LEFT, "addr4": "198.51.100.1", "addr6": "2001:db8:51::1"},
                                           {"port": RIGHT, "addr4": "10.0.0.254"}])
    c = talk(r)
    sent, _ = c.request(flags="S", ip={"hlim": 1})
    r.forward(LEFT, sent, LEFT, time_exceeded(sent, src="2001:db8:51::1"), "time_exceeded_sent")
    c.established()
    sent, _ = c.answer(ip={"hlim": 1}, **DATA)
    r.forward(RIGHT, sent, RIGHT, time_exceeded(sent, RIGHT), "time_exceeded_sent")


@row
def answer6_time_exceeded_quotes_eight_bytes(r):
    """Behind extension headers; not behind more of them than the quote may have."""
    r.tables([DNS], [A6])
    c = talk(r, DNS)
    for size in (0, 4, 68, 76, 200):  # of padding in the options
        ext = [IPv6ExtHdrDestOpt(options=[PadN(optdata=bytes(size))])] if size else []
        for payload in (b"", b"x", b"xyz" * 300):
            sent, _ = c.request(payload=payload, ip={"hlim": 1, "ext": ext}, pad=b"\xee" * 9)
            if headers_length(split_link(sent)[1]) + 8 <= 128:
                r.forward(LEFT, sent, LEFT, time_exceeded(sent), "time_exceeded_sent")
            else:
                r.drop(LEFT, sent, "ttl")


@row
def answer6_time_exceeded_not_to_what_may_not_be_answered(r):
    r.tables([WEB], [A6])
    for src in ("::", "::1", "ff02::1"):
        r.drop(LEFT, Conversation(r, WEB, A6, client=src).request(flags="S", ip={"hlim": 1})[0], "ttl")


@row
def answer6_to_a_reply_too_long_for_the_clients_link(r):
    """IPv4 makes it shorter (RFC 7915 section 5.1)."""
    own = [{"port": LEFT, "mtu": 1400}, {"port": RIGHT, "addr6": "2001:db8:1::fe", "mtu": 9000}]
    old = Service(port=53, protocol="udp", turns=(0,), upstream=1, id=3)
    r.tables([DNS, old], [A6], interfaces=own)
    for service, client, takes in ((DNS, CLIENT6, 1400), (old, CLIENT, 1420)):
        c = Conversation(r, service, A6, client=client)
        c.ask("flow_new", payload=b"x")
        c.reply(payload=b"y" * (takes - 48))
        sent, _ = c.answer(payload=b"y" * (takes - 47))
        quoted = Raw(split_link(sent)[1][: 1280 - 48])
        answer = IPv6(src="2001:db8:1::fe", dst=A6.addr, hlim=64) / ICMPv6PacketTooBig(mtu=takes) / quoted
        r.forward(RIGHT, sent, RIGHT, on_wire(RIGHT, PORT_MAC[RIGHT], A6.mac, bytes(answer)), "too_big_sent")
