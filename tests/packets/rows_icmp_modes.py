# SPDX-License-Identifier: Apache-2.0
"""ICMP errors toward backends that packets reach as they are: tunnelled like the packets of the flow they are about,
and without flows by the slot that the quoted packet's own flow would have."""

import dataclasses

from scapy.layers.inet import TCP, UDP

import model
from lab import *
from rows_icmp import ERRORS, ROUTER, ROUTER_MAC, error
from rows_tunnel import KINDS, OVER6, Inner, Tunnelled, tunnel

WEB = Service(turns=(0,))


def about_answer(c, kind, **fields):
    """A router could not bring the client what the backend sent: the error as it comes, DF set."""
    client_gets = packet(c.service.addr, c.client, TCP(sport=c.dport, dport=c.sport, **fields))
    return error(ROUTER_MAC, PORT_MAC[LEFT], ROUTER, c.service.addr, client_gets, kind, flags="DF")


def behind(c, came):
    """What came, as the backend gets it. Nothing vouches for all of it: gue's checksum is zero over IPv6 too."""
    whole = came[14:]
    if c.server.mode in ("ipip", "gue"):
        outer = c.outer(Inner(whole))
        if UDP in outer:
            outer[UDP].chksum = 0
        whole = bytes(outer) + whole
    return on_wire(RIGHT, PORT_MAC[RIGHT], c.server.mac, whole)


def each_kind(name):
    def register(function):
        for mode, over in [("dsr", None), *KINDS]:
            one = Row(f"{name}_{mode}" + (f"_over_ipv{6 if over is OVER6 else 4}" if over else ""))
            server = tunnel(mode, over) if over else dataclasses.replace(A, mode="dsr")
            function(one, server, Tunnelled if over else Conversation)
            ROWS.append(one)

    return register


@each_kind("icmp_error_of_a_flow")
def _(r, server, kind_of_talk):
    r.tables([WEB], [server])
    c = kind_of_talk(r, WEB, server)
    c.ask("flow_new", flags="S", seq=1000, ip={"flags": "DF"})
    for kind in ERRORS:
        came = about_answer(c, kind, flags="SA")
        r.forward(LEFT, came, RIGHT, behind(c, came), "icmp_error")
    stranger = dataclasses.replace(WEB, port=81)
    came = about_answer(Conversation(r, stranger, server), ERRORS[4], flags="SA")
    r.to_host(LEFT, came, "icmp")
    c.ask(flags="A", seq=1001, ack=5001, ip={"flags": "DF"})


@each_kind("icmp_error_without_flows")
def _(r, server, kind_of_talk):
    """The error goes where the client's packets go, which no other balancer would do otherwise."""
    other = dataclasses.replace(server, id=1, mac="02:bb:00:00:00:0b")
    slots = tuple((i * 5 + i // 7) % 2 for i in range(127))
    free = Service(method="maglev", slots=slots, stateless=True)
    r.tables([free], [server, other])
    reached = set()
    for sport in range(40000, 40012):
        slot = model.maglev_slot(len(slots), CLIENT, sport, free.addr, free.port, free.protocol)
        c = kind_of_talk(r, free, (server, other)[slots[slot]], sport=sport)
        c.ask("stateless", flags="A", seq=1001, ack=5001, ip={"flags": "DF"})
        came = about_answer(c, ERRORS[4], flags="PA", seq=5001, ack=1001)
        r.forward(LEFT, came, RIGHT, behind(c, came), "stateless")
        reached.add(slots[slot])
    assert reached == {0, 1}


@each_kind("icmp_error_too_long")
def _(r, server, kind_of_talk):
    """No error is sent about an error (RFC 1122 section 3.2.2), with flows or without."""
    free = Service(method="maglev", slots=(0,), stateless=True)
    c = kind_of_talk(r, WEB, server)
    shortest = about_answer(c, ERRORS[4], flags="SA")  # about a bare TCP header
    narrow = dataclasses.replace(server, mtu=len(behind(c, shortest)) - 14)
    for service in (WEB, free):
        r.tables([service], [narrow])
        c = kind_of_talk(r, service, narrow)
        c.ask("flow_new" if service is WEB else "stateless", flags="S", seq=1000, ip={"flags": "DF"})
        r.forward(LEFT, shortest, RIGHT, behind(c, shortest), "icmp_error" if service is WEB else "stateless")
        r.drop(LEFT, about_answer(c, ERRORS[4], flags="SA", options=[("MSS", 1460)]), "frag_needed")
