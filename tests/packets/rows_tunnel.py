# SPDX-License-Identifier: Apache-2.0
"""ipip and gue: the outer headers, byte for byte; what is carried in them; packets that do not fit."""

import dataclasses

from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6

import model
from lab import *
from rows_answer import too_big

GUE_PORT = 6080
OVER4 = {"addr": "10.0.0.10", "snat": "10.0.0.1"}
OVER6 = {"addr": "2001:db8:b::10", "snat": "2001:db8:b::1"}
WEB = Service(turns=(0,))
DNS = Service(port=53, protocol="udp", turns=(0,))


def tunnel(mode, over, **changes):
    port = GUE_PORT if mode == "gue" else 0
    return dataclasses.replace(A, mode=mode, tunnel_port=port, **over, **changes)


KINDS = [(mode, over) for mode in ("ipip", "gue") for over in (OVER4, OVER6)]


class Inner:
    """What the outer header takes over from the packet inside."""

    def __init__(self, raw):
        if raw[0] >> 4 == 4:
            ip = IP(raw)
            self.length, self.protocol, self.tos, self.id, self.df = ip.len, 4, ip.tos, ip.id, "DF" in ip.flags
        else:
            ip = IPv6(raw)
            self.length, self.protocol, self.tos, self.id, self.df = 40 + ip.plen, 41, ip.tc, 0, True
        self.bytes = raw[: self.length]


class Tunnelled(Conversation):
    """A conversation whose packets reach the backend in an outer header."""

    def entropy(self):
        dport = self.dport
        flow = model.tuple_hash(SEED, self.client, self.sport, self.service.addr, dport, self.service.protocol)
        return flow, (flow >> 48 ^ flow >> 8) & 0xFFFF

    def request(self, payload=b"", pad=b"", ip=None, priority=0, **fields):
        sent, received = super().request(payload, pad, ip, priority, **fields)
        carried = sent[14 + 4 * len(TAGS.get(self.port, ())) :]
        link = received[: 12 + 4 * len(TAGS.get(self.server.out, ()))]
        kind = 0x86DD if ":" in self.server.addr else 0x0800
        return sent, link + kind.to_bytes(2, "big") + bytes(self.outer(Inner(carried))) + carried

    def outer(self, inner):
        server, length = self.server, inner.length
        flow, entropy = self.entropy()
        layers = UDP(sport=0xC000 | entropy, dport=GUE_PORT, len=8 + length, chksum=0)
        protocol = inner.protocol
        if server.mode == "gue":
            protocol, length = 17, length + 8
            if server.checksum or ":" in server.addr:
                layers.chksum = self.udp_checksum(inner, entropy)
        if ":" in server.addr:
            head = IPv6(src=server.snat, dst=server.addr, tc=inner.tos, fl=(flow >> 4 & 15) << 16 | entropy,
                        plen=length, nh=protocol, hlim=64)
        else:
            df = inner.df
            ident = 0 if df else self.ident(inner, entropy)
            head = IP(src=server.snat, dst=server.addr, tos=inner.tos, len=20 + length, id=ident,
                      flags="DF" if df else 0, ttl=64, proto=protocol)
        return head / layers if server.mode == "gue" else head

    @staticmethod
    def ident(inner, entropy):
        swapped = int.from_bytes(inner.id.to_bytes(2, "little"), "big")
        total = (swapped + entropy) & 0xFFFF
        return int.from_bytes(total.to_bytes(2, "little"), "big")

    def udp_checksum(self, inner, entropy):
        """The whole packet summed, as scapy does for what it builds."""
        head = IPv6 if ":" in self.server.addr else IP
        whole = head(src=self.server.snat, dst=self.server.addr) / UDP(sport=0xC000 | entropy, dport=GUE_PORT)
        return head(bytes(whole / inner.bytes))[UDP].chksum


def each_kind(name):
    """One row for each mode and outer family."""

    def register(function):
        for mode, over in KINDS:
            one = Row(f"{name}_{mode}_over_ipv{6 if over is OVER6 else 4}")
            function(one, mode, over)
            ROWS.append(one)

    return register


@each_kind("tunnel_tcp")
def _(r, mode, over):
    server = tunnel(mode, over)
    r.tables([WEB], [server])
    c = Tunnelled(r, WEB, server)
    c.ask("flow_new", flags="S", options=[("MSS", 1460), ("SAckOK", b""), ("WScale", 7)], ip={"flags": "DF"})
    c.ask(flags="A", ip={"flags": "DF"})
    for length in (1, 2, 3, 64, 1399, 1400):
        payload = bytes((i * 13 + length) & 0xFF for i in range(length))
        c.ask(flags="PA", payload=payload, ip={"flags": "DF"})


@each_kind("tunnel_udp")
def _(r, mode, over):
    server = tunnel(mode, over)
    r.tables([DNS], [server])
    c = Tunnelled(r, DNS, server)
    c.ask("flow_new", payload=b"question", ip={"flags": "DF"})
    c.ask(payload=b"", ip={"flags": "DF"})
    c.ask(payload=b"odd", ip={"flags": "DF", "ttl": 1})


@each_kind("tunnel_tos_is_copied")
def _(r, mode, over):
    """RFC 6040, normal mode: each ECN codepoint, and DSCP."""
    server = tunnel(mode, over)
    r.tables([DNS], [server])
    c = Tunnelled(r, DNS, server)
    c.ask("flow_new", payload=b"x", ip={"flags": "DF"})
    for tos in (0, 1, 2, 3, 0xB8, 0xBB, 0xFF):
        c.ask(payload=b"x", ip={"flags": "DF", "tos": tos})


@each_kind("tunnel_without_df")
def _(r, mode, over):
    server = tunnel(mode, over)
    r.tables([WEB], [server])
    c = Tunnelled(r, WEB, server)
    c.ask("flow_new", flags="S", ip={"id": 0x1234})
    c.ask(flags="A", ip={"id": 0xFFFF})


@each_kind("tunnel_stateless")
def _(r, mode, over):
    server = tunnel(mode, over)
    free = Service(method="maglev", slots=(0,), stateless=True)
    r.tables([free], [server])
    for sport in range(40000, 40004):
        Tunnelled(r, free, server, sport=sport).ask("stateless", flags="PA", payload=b"x", ip={"flags": "DF"})


@each_kind("tunnel_short_frame")
def _(r, mode, over):
    """Ethernet's padding stays behind the packet; no length counts it."""
    server = tunnel(mode, over)
    r.tables([WEB], [server])
    Tunnelled(r, WEB, server).ask("flow_new", flags="S", pad=b"\xa5" * 6, ip={"flags": "DF"})


@each_kind("tunnel_ip_options")
def _(r, mode, over):
    server = tunnel(mode, over)
    r.tables([WEB], [server])
    c = Tunnelled(r, WEB, server)
    c.ask("flow_new", flags="S", ip={"flags": "DF", "options": b"\x01" * 8})


@row
def tunnel_gue_checksum_over_ipv4_where_wanted(r):
    server = tunnel("gue", OVER4, checksum=True)
    r.tables([WEB, DNS], [server])
    c = Tunnelled(r, WEB, server)
    c.ask("flow_new", flags="S", ip={"flags": "DF"})
    c.ask(flags="PA", payload=b"summed", ip={"flags": "DF", "options": b"\x01" * 4})
    c.ask(flags="PA", payload=b"odd", ip={"id": 5})
    Tunnelled(r, DNS, server).ask("flow_new", payload=b"q", ip={"flags": "DF"})


class Unvouched(Tunnelled):
    def udp_checksum(self, inner, entropy):
        return 0


@row
def tunnel_gue_checksum_is_zero_where_nothing_vouches_for_the_packet(r):
    for over, where in ((OVER4, "ipv4"), (OVER6, "ipv6")):
        server = tunnel("gue", over, checksum=True)
        r.tables([DNS], [server])
        c = Unvouched(r, DNS, server, sport=40000 + len(where) + (over is OVER6))
        c.ask("flow_new", payload=b"no checksum", chksum=0, ip={"flags": "DF"})
        c.ask(payload=b"bytes behind", len=12, chksum=7, ip={"flags": "DF"})


@row
def tunnel_gue_damage_stays_visible(r):
    """The outer checksum of a damaged packet is wrong by as much as the inner one."""
    server = tunnel("gue", OVER6)
    r.tables([WEB], [server])
    c = Tunnelled(r, WEB, server)
    sent, received = c.request(flags="S", ip={"flags": "DF"}, payload=b"data")
    bad = sent[:-1] + bytes([sent[-1] ^ 0x40])
    r.forward(LEFT, bad, RIGHT, received[:-1] + bad[-1:], "flow_new")


def fitting(server, overhead):
    return dataclasses.replace(server, mtu=20 + 20 + 1000 + overhead)


@each_kind("tunnel_frag_needed")
def _(r, mode, over):
    overhead = (20 if over is OVER4 else 40) + (8 if mode == "gue" else 0)
    server = fitting(tunnel(mode, over), overhead)
    r.tables([WEB], [server])
    c = Tunnelled(r, WEB, server)
    c.ask("flow_new", flags="S", ip={"flags": "DF"})
    c.ask(flags="PA", payload=b"x" * 1000, ip={"flags": "DF"})
    sent, _ = c.request(flags="PA", payload=b"x" * 1001, ip={"flags": "DF"})
    r.forward(LEFT, sent, LEFT, too_big(sent, 1040), "too_big_sent")
    if over is OVER4:  # a router on the way may fragment it
        c.ask(flags="PA", payload=b"x" * 1001, ip={"id": 9})
    else:
        sent, _ = c.request(flags="PA", payload=b"x" * 1001, ip={"id": 9})
        r.forward(LEFT, sent, LEFT, too_big(sent, 1040), "too_big_sent")


@each_kind("tunnel_longer_than_the_link")
def _(r, mode, over):
    """Behind the link a router may fragment; what the link itself does not take is answered, DF or not."""
    overhead = (20 if over is OVER4 else 40) + (8 if mode == "gue" else 0)
    server = fitting(tunnel(mode, over), overhead)
    server = dataclasses.replace(server, link_mtu=server.mtu + 1)
    r.tables([WEB], [server])
    c = Tunnelled(r, WEB, server)
    c.ask("flow_new", flags="S")
    c.ask(flags="PA", payload=b"x" * 1000)
    if over is OVER4:
        c.ask(flags="PA", payload=b"x" * 1001, ip={"id": 9})
    sent, _ = c.request(flags="PA", payload=b"x" * 1002, ip={"id": 10})
    r.forward(LEFT, sent, LEFT, too_big(sent, 1040), "too_big_sent")


@row
def nat_and_dsr_frag_needed(r):
    for mode, sport in (("nat", 40000), ("transparent", 40001), ("dsr", 40002)):
        server = dataclasses.replace(A, mode=mode, mtu=1040)
        r.tables([WEB], [server])
        c = Conversation(r, WEB, server, sport=sport)
        c.ask("flow_new", flags="S")
        if mode != "dsr":
            c.reply(flags="SA")
        c.ask(flags="A", payload=b"x" * 1000, ip={"flags": "DF"})
        c.ask(flags="A", payload=b"x" * 1001)
        sent, _ = c.request(flags="A", payload=b"x" * 1001, ip={"flags": "DF"})
        r.forward(LEFT, sent, LEFT, too_big(sent, 1040), "too_big_sent")


def options(mss):
    """The MSS at every place that an option may have, at even and odd offsets."""
    return {
        "first": [("MSS", mss), ("SAckOK", b""), ("Timestamp", (1, 0)), ("NOP", None), ("WScale", 7)],
        "odd": [("NOP", None), ("MSS", mss), ("WScale", 7)],
        "last": [("NOP", None)] * 36 + [("MSS", mss)],
        "behind": [("Timestamp", (77, 88)), ("NOP", None), ("WScale", 9), ("MSS", mss)],
    }


@row
def mss_is_lowered_both_ways(r):
    server = dataclasses.replace(A, mss=1400)
    r.tables([WEB], [server])
    for i, place in enumerate(("first", "odd", "last", "behind")):
        c = Conversation(r, WEB, server, sport=40000 + i)
        for announced, lowered in ((1460, 1400), (65535, 1400), (1400, 1400), (536, 536), (0, 0)):
            sent, _ = c.request(flags="S", options=options(announced)[place])
            _, received = c.request(flags="S", options=options(lowered)[place])
            r.forward(LEFT, sent, RIGHT, received, "flow_new" if announced == 1460 else "flow_hit")
        sent, _ = c.answer(flags="SA", options=options(8960)[place])
        _, received = c.answer(flags="SA", options=options(1400)[place])
        r.forward(RIGHT, sent, LEFT, received)


@row
def mss_in_other_segments_is_left_alone(r):
    server = dataclasses.replace(A, mss=1400)
    r.tables([WEB], [server])
    c = Conversation(r, WEB, server).established()
    c.ask(flags="A", options=[("MSS", 1460)])
    c.reply(flags="A", options=[("MSS", 1460)])


def reshaped(c, raw):
    """A SYN with these option bytes, and the same as the backend must receive it."""
    sent, received = c.request(flags="S", payload=raw, dataofs=5 + len(raw) // 4)
    return sent, RIGHT, received


@row
def mss_absent_or_malformed_is_left_alone(r):
    server = dataclasses.replace(A, mss=1400)
    r.tables([WEB], [server])
    c = Conversation(r, WEB, server)
    c.ask("flow_new", flags="S")
    raw = (
        b"\x00\x02\x04\x05\xb4\x00\x00\x00",  # behind the end
        b"\x02\x03\x05\xb4",  # a wrong length
        b"\x02\x04\x00\x00",  # zero
        b"\x08\x00\x02\x04\x05\xb4\x00\x00",  # an option of length 0 before it
        b"\x08\x01\x02\x04\x05\xb4\x00\x00",
        b"\x08\xff\x02\x04\x05\xb4\x00\x00",  # one that ends behind the header
        b"\x01\x01\x01\x02",  # the header ends within it
    )
    for options_ in raw:
        r.forward(LEFT, *reshaped(c, options_))


@row
def mss_in_a_tunnel(r):
    server = dataclasses.replace(tunnel("ipip", OVER4), mss=1440)
    r.tables([WEB], [server])
    c = Tunnelled(r, WEB, server)
    sent, _ = c.request(flags="S", options=[("MSS", 1460)], ip={"flags": "DF"})
    _, received = c.request(flags="S", options=[("MSS", 1440)], ip={"flags": "DF"})
    r.forward(LEFT, sent, RIGHT, received, "flow_new")
