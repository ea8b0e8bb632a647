# SPDX-License-Identifier: Apache-2.0
"""Flows whose backend went down or away, and ports by the range."""

import dataclasses

import model
from scapy.layers.inet import TCP

from lab import *

DNS = Service(port=53, protocol="udp", turns=(0,))
WEB = Service(turns=(0,))


def without(service, *turns):
    return dataclasses.replace(service, turns=turns)


def down(server):
    return dataclasses.replace(server, down=True)


def reset(server):
    return dataclasses.replace(server, reset=True)


@row
def session_udp_moves_from_a_dead_backend_at_once(r):
    r.tables([DNS], [A, B])
    c = Conversation(r, DNS, A)
    c.ask("flow_new", payload=b"1")
    c.reply(payload=b"2")
    r.tables([without(DNS, 1)], [down(A), B])
    d = Conversation(r, DNS, B, used=c.source)  # the same source port: it is free toward b
    d.ask("flow_new", payload=b"3")
    d.reply(payload=b"4")
    sent, _ = c.answer(payload=b"late")
    r.drop(RIGHT, sent, "no_flow")
    d.ask(payload=b"5")


@row
def session_udp_stays_when_there_is_no_other(r):
    r.tables([DNS], [A, B])
    c = Conversation(r, DNS, A)
    c.ask("flow_new", payload=b"1")
    r.tables([without(DNS)], [down(A), B])
    c.ask(payload=b"2")
    r.tables([DNS], [down(A), B])
    c.ask(payload=b"3")
    c.reply(payload=b"4")


@row
def session_udp_keeps_its_source_port(r):
    r.tables([DNS], [A, B])
    c = Conversation(r, DNS, A)
    c.ask("flow_new", payload=b"1")
    for i in range(5):
        r.age(500_000)
        c.ask(payload=b"x" * i)
        c.reply(payload=b"y" * i)


@row
def session_udp_dsr_moves(r):
    d, e = (backend(number, mode="dsr") for number in range(2))
    r.tables([DNS], [d, e])
    c = Conversation(r, DNS, d)
    c.ask("flow_new", payload=b"1")
    r.tables([without(DNS, 1)], [down(d), e])
    c = Conversation(r, DNS, e)
    c.ask("flow_new", payload=b"2")
    c.ask(payload=b"3")


@row
def session_unanswered_syn_moves(r):
    r.tables([WEB], [A, B])
    Conversation(r, WEB, A).opened()
    r.tables([without(WEB, 1)], [down(A), B])
    Conversation(r, WEB, B).established()


@row
def session_connections_survive_a_backend_that_is_only_down(r):
    r.tables([WEB], [A, B])
    c = Conversation(r, WEB, A).established()
    r.tables([without(WEB, 1)], [down(A), B])
    c.ask(flags="PA", payload=b"maybe it was the probe")
    c.reply(flags="A")
    c.ask(flags="S", seq=9)  # a stray SYN is no reason to move it


def reset_of(c, **fields):
    """What weir itself answers to the client."""
    tcp = TCP(sport=c.dport, dport=c.sport, window=0, **fields)
    return frame(PORT_MAC[c.port], c.mac, c.service.addr, c.client, tcp, id=0, flags="DF", ttl=64)


@row
def session_dropped(r):
    r.tables([WEB], [A, B])
    c = Conversation(r, WEB, A).established()
    r.tables([without(WEB, 1)], [reset(A), B])
    sent, _ = c.request(flags="PA", seq=1001, ack=5001, payload=b"anybody?")
    for _ in range(2):
        r.forward(LEFT, sent, LEFT, reset_of(c, flags="R", seq=5001), "reset_sent")
    sent, _ = c.request(flags="R", seq=1001)
    r.drop(LEFT, sent, "backend_reset")
    Conversation(r, WEB, B).established()


@row
def session_dropped_and_no_other_backend(r):
    r.tables([WEB], [A])
    c = Conversation(r, WEB, A).established()
    r.tables([without(WEB)], [reset(A)])
    sent, _ = c.request(flags="A", seq=1001, ack=5001)
    r.forward(LEFT, sent, LEFT, reset_of(c, flags="R", seq=5001), "reset_sent")
    sent, _ = c.request(flags="S")
    r.drop(LEFT, sent, "no_backend")


@row
def session_udp_dropped(r):
    r.tables([DNS], [A, B])
    c = Conversation(r, DNS, A)
    c.ask("flow_new", payload=b"1")
    r.tables([without(DNS)], [reset(A), B])
    sent, _ = c.request(payload=b"2")
    r.drop(LEFT, sent, "backend_reset")
    r.tables([without(DNS, 1)], [reset(A), B])
    Conversation(r, DNS, B, used=c.source).ask("flow_new", payload=b"3")


RANGE = Service(port=0, ports=(8000, 8999), turns=(0,))
KEEP = backend(0, port=0)


@row
def ports_of_a_range_go_to_the_backends_port(r):
    r.tables([RANGE], [A])
    for i, port in enumerate((8000, 8500, 8999)):
        c = Conversation(r, RANGE, A, sport=40000 + i, dport=port).established()
        c.reply(flags="PA", payload=b"x")
    for port in (7999, 9000):
        sent, _ = Conversation(r, RANGE, A, dport=port, used=1).request(flags="S")
        r.to_host(LEFT, sent, "not_service")


@row
def ports_of_a_range_are_kept_where_the_backend_names_none(r):
    r.tables([RANGE], [KEEP])
    flows = [Conversation(r, RANGE, KEEP, dport=port).established() for port in (8000, 8001)]
    for c in flows:
        c.ask(flags="PA", payload=b"%d" % c.dport)
        c.reply(flags="PA", payload=b"%d" % c.dport)


@row
def ports_all_of_them(r):
    every = Service(port=0, ports=(1, 65535), turns=(0,), protocol="udp")
    r.tables([every], [KEEP])
    for port in (1, 53, 65535):
        c = Conversation(r, every, KEEP, dport=port)
        c.ask("flow_new", payload=b"q")
        c.reply(payload=b"a")


@row
def ports_of_no_range_begin_with_0(r):
    """A record of a range has port 0, which is nobody's."""
    udp = Service(port=0, ports=(1, 65535), turns=(0,), protocol="udp")
    for service, server in ((udp, KEEP), (dataclasses.replace(udp, stateless=True), backend(0, port=0, mode="dsr"))):
        r.tables([service], [server])
        sent, _ = Conversation(r, service, server, dport=0, used=1).request(payload=b"q")
        r.to_host(LEFT, sent, "not_service")


@row
def ports_an_exact_one_comes_first(r):
    exact = Service(port=8080, turns=(1,), id=2, upstream=1)
    r.tables([RANGE, exact], [A, B])
    Conversation(r, RANGE, A, dport=8079).established()
    Conversation(r, exact, B).established()


@row
def ports_two_ranges_of_one_address(r):
    low, high = RANGE, Service(port=0, ports=(9000, 9999), turns=(1,), id=2, upstream=1)
    r.tables([low, high], [A, B])
    Conversation(r, low, A, dport=8999).established()
    Conversation(r, high, B, dport=9000).established()


@row
def ports_ranges_come_and_go_with_a_generation(r):
    r.tables([WEB], [A])
    sent, _ = Conversation(r, RANGE, A, dport=8000, used=1).request(flags="S")
    r.to_host(LEFT, sent, "not_service")
    r.tables([RANGE], [A])
    c = Conversation(r, RANGE, A, dport=8001).established()
    r.tables([WEB], [A])
    sent, _ = c.request(flags="A")
    r.to_host(LEFT, sent, "not_service")


@row
def ports_stay_in_dsr(r):
    d = backend(0, mode="dsr")
    r.tables([RANGE], [d])
    Conversation(r, RANGE, d, dport=8123).opened().ask(flags="A")
    free = dataclasses.replace(RANGE, stateless=True, method="maglev", slots=(0,))
    r.tables([free], [d])
    Conversation(r, free, d, dport=8124).ask("stateless", flags="A")
