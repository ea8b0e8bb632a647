# SPDX-License-Identifier: Apache-2.0
"""The modes for IPv6 clients: 6in4, 6in6, gue of both, dsr, transparent; and tunnels out of VLANs."""

import dataclasses

from lab import *
from rows_answer6 import too_big6
from rows_tunnel import KINDS, OVER4, OVER6, Tunnelled, tunnel

WEB6 = Service(addr=VIP6, turns=(0,))
DNS6 = Service(addr=VIP6, port=53, protocol="udp", turns=(0,))
LABELLED = {"tc": 0xBB, "fl": 0x12345, "hlim": 9}


def each_kind6(name):
    def register(function):
        for mode, over in KINDS:
            one = Row(f"{name}_{mode}_over_ipv{6 if over is OVER6 else 4}")
            function(one, mode, over)
            ROWS.append(one)

    return register


@each_kind6("ipv6_tunnel")
def _(r, mode, over):
    server = tunnel(mode, over, checksum=True)
    r.tables([WEB6, DNS6], [server])
    c = Tunnelled(r, WEB6, server, client=CLIENT6)
    c.ask("flow_new", flags="S", options=[("MSS", 1440)], ip=LABELLED)
    for length in (0, 1, 2, 3, 1380):
        c.ask(flags="PA", payload=b"y" * length, ip=LABELLED)
    d = Tunnelled(r, DNS6, server, client=CLIENT6)
    d.ask("flow_new", payload=b"question")
    d.ask(payload=b"odd")


@each_kind6("ipv6_tunnel_frag_needed")
def _(r, mode, over):
    """IPv6 implies DF, whatever the outer header."""
    overhead = (20 if over is OVER4 else 40) + (8 if mode == "gue" else 0)
    server = tunnel(mode, over, mtu=40 + 20 + 1300 + overhead)
    r.tables([WEB6], [server])
    c = Tunnelled(r, WEB6, server, client=CLIENT6)
    c.ask("flow_new", flags="S")
    c.ask(flags="A", payload=b"x" * 1300)
    sent, _ = c.request(flags="A", payload=b"x" * 1301)
    r.forward(LEFT, sent, LEFT, too_big6(sent, 1360), "too_big_sent")


@each_kind6("vlan_tunnel")
def _(r, mode, over):
    """Tags come off, tags go on, and the tunnel is behind them."""
    for port, out, sport in ((LEFT_VLAN, RIGHT, 40000), (LEFT, RIGHT_QINQ, 40001), (LEFT_VLAN, RIGHT_QINQ, 40002)):
        server = tunnel(mode, over, out=out)
        r.tables([Service(turns=(0,))], [server])
        c = Tunnelled(r, Service(turns=(0,)), server, sport=sport, port=port)
        c.ask("flow_new", flags="S", ip={"flags": "DF"}, priority=5)


@row
def vlan_dsr(r):
    for port, out, sport in ((LEFT_VLAN, RIGHT, 40000), (LEFT, RIGHT_QINQ, 40001), (LEFT_VLAN, RIGHT_QINQ, 40002)):
        server = dataclasses.replace(A, mode="dsr", out=out)
        r.tables([Service(turns=(0,))], [server])
        c = Conversation(r, Service(turns=(0,)), server, sport=sport, port=port)
        c.ask("flow_new", flags="S", priority=3)


@row
def ipv6_dsr(r):
    server = dataclasses.replace(A6, mode="dsr")
    r.tables([WEB6], [server])
    c = Conversation(r, WEB6, server, client=CLIENT6)
    c.ask("flow_new", flags="S", ip=LABELLED)
    c.ask(flags="PA", payload=b"as it was", ip={"hlim": 1})


@row
def ipv6_stateless(r):
    server = dataclasses.replace(A6, mode="dsr")
    service = Service(addr=VIP6, method="maglev", slots=(0,), stateless=True)
    r.tables([service], [server])
    Conversation(r, service, server, client=CLIENT6).ask("stateless", flags="PA", payload=b"x")


@row
def ipv6_transparent(r):
    server = dataclasses.replace(A6, mode="transparent")
    r.tables([WEB6], [server])
    c = Conversation(r, WEB6, server, client=CLIENT6).established()
    c.ask(flags="PA", payload=b"question", ip=LABELLED)
    c.reply(flags="PA", payload=b"answer", ip=LABELLED)


@row
def ttl_of_one_passes_where_the_packet_stays_as_it_is(r):
    for mode, sport in (("dsr", 40000), ("ipip", 40001), ("gue", 40002)):
        server = tunnel(mode, OVER4)
        service = Service(turns=(0,))
        r.tables([service], [server])
        kind = Conversation if mode == "dsr" else Tunnelled
        kind(r, service, server, sport=sport).ask("flow_new", flags="S", ip={"ttl": 1, "flags": "DF"})
    server = dataclasses.replace(A, mode="transparent")
    r.tables([Service(turns=(0,))], [server])
    sent, _ = Conversation(r, Service(turns=(0,)), server, sport=40003).request(flags="S", ip={"ttl": 1})
    r.forward(LEFT, sent, LEFT, time_exceeded(sent), "time_exceeded_sent")
